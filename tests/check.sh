#!/bin/sh
# What the gate runs, and what a person runs: lint, types, import contracts, tests. From the repository's root.
set -eu
ruff format --check .
ruff check .
mypy
lint-imports
coverage run -m pytest "$@"
coverage report --skip-covered --sort=cover | tail -n 25
