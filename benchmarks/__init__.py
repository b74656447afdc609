"""Benchmarks: what is measured, against what, and how sides are taken in turn. `run_benchmarks.py` runs them."""
