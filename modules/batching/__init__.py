"""Decisions about pieces: where to cut segments, how long a chunk is."""
