"""Reports of several runs as one."""

from pathlib import Path

from benchmarks.running import combined, document
from modules.measuring.results import Report, ScenarioResult
from modules.measuring.this_machine import this_machine


def test_reports_are_combined_scenario_by_scenario() -> None:
    """The last run of each counts, but one that was skipped takes the place of none; the seconds add up."""
    machine = this_machine()
    first = Report(
        machine,
        "2026-11-21T13:30:00+00:00",
        seconds=2.0,
        scenarios=(
            ScenarioResult("step", question="before"),
            ScenarioResult("burst"),
            ScenarioResult("quota", skipped="no"),
        ),
    )
    second = Report(
        machine,
        "2026-11-21T14:30:00+00:00",
        seconds=3.0,
        scenarios=(
            ScenarioResult("step", question="after"),
            ScenarioResult("burst", skipped="no"),
            ScenarioResult("quota"),
        ),
    )
    found = combined([first, second])
    assert [scenario.name for scenario in found.scenarios] == ["step", "burst", "quota"]
    assert [scenario.skipped for scenario in found.scenarios] == ["", "", ""]
    assert (found.scenarios[0].question, found.seconds, found.started) == ("after", 5.0, first.started)


def test_the_measurements_in_the_documents_are_those_of_the_baseline() -> None:
    """Nobody typed them."""
    root = Path(__file__).parents[2]
    assert (root / "docs" / "performance.md").read_text() == document([root / "benchmarks" / "baseline.json"])
