"""Machines, models and streams made of numbers, on which the engine's own decisions run in virtual time."""
