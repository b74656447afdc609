"""Stages: the protocols, and one file for each role and backend."""
