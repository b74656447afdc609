"""Decisions about the plan: what was seen, and the settings in force from it. Pure."""
