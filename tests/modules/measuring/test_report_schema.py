import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from benchmarks.schema import schema_text
from modules.measuring.report_json import report_json
from modules.measuring.report_schema import report_schema
from tests.made_report import REPORT

KEPT = Path(__file__).parents[3] / "benchmarks" / "report.schema.json"


def report() -> dict[str, Any]:
    """A report as it is read from a file."""
    return dict(json.loads(report_json(REPORT)))


def is_valid(values: object) -> bool:
    """Whether it is a report to one who knows the schema alone."""
    return bool(jsonschema.Draft202012Validator(report_schema()).is_valid(values))


def test_the_schema_in_the_repository_is_that_of_the_records() -> None:
    """Made again with `python -m benchmarks.schema > benchmarks/report.schema.json`."""
    assert KEPT.read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_a_schema() -> None:
    """Of the draft that it names."""
    jsonschema.Draft202012Validator.check_schema(report_schema())


def test_a_report_is_valid() -> None:
    """With every kind of record in it."""
    jsonschema.validate(report(), report_schema())


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": 2},
        {"started": None},
        {"scenarios": {}},
        {"scenarios": [{"question": "without a name"}]},
        {"scenarios": [{"name": "x", "sides": [{"name": "y", "figures": [{"name": "z", "value": "fast"}]}]}]},
        {"scenarios": [{"name": "x", "figures": [{"name": "z", "value": 1, "better": "sideways"}]}]},
        {"scenarios": [{"name": "x", "sides": [{"name": "y", "latency": {"buckets": [[1]]}}]}]},
        {"machine": {"processor": "only"}},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_what_is_no_report_is_not_valid(wrong: dict[str, object]) -> None:
    """A field that is unknown, missing or of another type."""
    assert is_valid(report())
    assert not is_valid(report() | wrong)


@pytest.mark.parametrize("field", ["machine", "started", "schema"])
def test_what_every_report_has_must_be_there(field: str) -> None:
    """Without it nobody knows what the numbers mean."""
    values = report()
    del values[field]
    assert not is_valid(values)
