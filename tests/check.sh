#!/bin/sh
# What the gate runs, and what a person runs: lint, types, import contracts, tests. From the repository's root.
set -eu
scenes=tests/modules/simulation/test_holding_the_target.py # half an hour of simulated seconds: too many to be traced
ruff format --check .
ruff check .
mypy
lint-imports
pytest "$scenes"
coverage run -m pytest --ignore="$scenes" "$@"
coverage report --skip-covered --sort=cover | tail -n 25
