#!/bin/sh
# What the gate runs, and what a person runs: lint, types, import contracts, tests. From the repository's root.
set -eu
scenes=tests/modules/simulation/test_holding_the_target.py # half an hour of simulated seconds: too many to be traced
two_at_once="-n 2 --dist worksteal"                        # so that the tests of a file, which share much, stay together
ruff format --check .
ruff check .
mypy
lint-imports
pytest $two_at_once "$scenes"
pytest $two_at_once --cov --cov-report= --ignore="$scenes" "$@"
coverage report --skip-covered --sort=cover | tail -n 25
