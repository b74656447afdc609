"""Folder jobs: find the recordings, run them, write what came of them."""
