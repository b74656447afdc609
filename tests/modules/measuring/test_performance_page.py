import re
from dataclasses import replace

import pytest

from modules.measuring.performance_page import MADE_BY, performance_page
from modules.measuring.results import Report
from tests.made_report import CARRIED, LEFT_OUT, MACHINE, REPORT


@pytest.fixture(scope="module")
def page() -> str:
    """The page of a report with everything in it."""
    return performance_page(REPORT)


def test_it_says_how_it_was_made_and_on_what(page: str) -> None:
    """By which command, from what, when, where."""
    assert page.startswith("# Measurements\n")
    for words in (MADE_BY, REPORT.command, "2026-11-21 13:30 UTC", "| processor | Some CPU |", "numpy 2.0"):
        assert words in page


def test_every_scenario_that_was_run_has_its_command(page: str) -> None:
    """One that was not has its reason, and no section."""
    assert re.findall(r"^`python run_benchmarks.py --scenario (\w+)`", page, re.MULTILINE) == [
        scenario.name for scenario in REPORT.scenarios if scenario is not LEFT_OUT
    ]
    assert "| quota | Does sizing follow a quota? | not run: no control group can be made here |  |" in page
    assert "## quota" not in page


def test_every_figure_is_in_it_with_its_bound(page: str) -> None:
    """Kept, broken, or not to be told."""
    for row in (
        "| efficiency | 0.231x | 0.21 to 0.25 | at least 0.85 | **broken** |",
        "| onbeat / thread pool (the median of 3 rounds) | 1.3x |  | at least 1.15 | kept |",
        "| onbeat | 312 streams (300 to 324) | 221 ms, at most 300: kept |",
        "| bare kernels (what the others are divided by) | 1,350 streams |  |",
        "| goodput | 0.93 |  | at least 0.9 | cannot be told |",
    ):
        assert row in page
    assert "Not measured: LitServe: litserve is not installed." in page
    assert "**Not to be trusted**: the generator was late" in page


def test_links_lead_to_sections() -> None:
    """Of the same page, by the names that GitHub gives headings."""
    page = performance_page(replace(REPORT, scenarios=(replace(CARRIED, name="overload_1.5"), *REPORT.scenarios)))
    heads = {head.replace(".", "") for head in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]+)\)", page)
    assert links
    assert set(links) <= heads


def test_tables_are_whole() -> None:
    """Each row has as many cells as its head, whatever a name holds."""
    odd = replace(CARRIED, question="a | b?")
    for block in performance_page(replace(REPORT, scenarios=(odd,))).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_an_empty_report_makes_a_page_too() -> None:
    """It says that nothing was run."""
    assert "No scenario was run." in performance_page(Report(MACHINE, "2026-11-21T13:30:00+00:00"))
