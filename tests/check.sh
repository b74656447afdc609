#!/bin/sh
# What the gate runs, and what a person runs: lint, types, import contracts, tests. From the repository's root.
set -eu
ruff format --check .
ruff check .
mypy
lint-imports
pytest -n 2 --dist worksteal --cov --cov-report= "$@" # worksteal: the tests of a file, which share what they set up, stay together
coverage report --skip-covered --sort=cover | tail -n 25
