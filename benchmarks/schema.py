"""Prints the JSON schema of a report: `python -m benchmarks.schema > benchmarks/report.schema.json`."""

import json

from modules.measuring.report_schema import report_schema


def schema_text() -> str:
    """The schema as it is kept in the repository."""
    return json.dumps(report_schema(), indent=1) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
