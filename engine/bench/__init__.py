"""Measuring live streams on this machine: a generator in a process of its own, trials, and what a machine carries."""
