"""A report as JSON text and back, without loss."""

import json

from modules.measuring.results import Report
from modules.tuning.json_records import from_fields, to_fields


def report_json(report: Report) -> str:
    """The report as JSON: a line for each of its fields and of its scenarios, so that changes are seen in a diff."""
    values = to_fields(report)
    scenarios = ",\n".join(_line(scenario) for scenario in values.pop("scenarios"))
    rest = ",\n".join(f"{_line(name)}:{_line(value)}" for name, value in values.items())
    return f'{{\n{rest},\n"scenarios":[\n{scenarios}\n]\n}}\n'


def report_from_json(text: str) -> Report:
    """What `report_json` wrote. Raises `ValueError` for anything else, naming the field."""
    return from_fields(Report, json.loads(text))


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
