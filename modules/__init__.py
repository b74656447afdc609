"""Modules know: sound, memory, models and decisions, all plain synchronous Python. They never import engine."""
