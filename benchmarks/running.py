"""A run of the benchmarks: scenarios into a report, files written, and an older report compared with."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.catalogue import FAILED, scenarios
from benchmarks.scale import SCALES
from engine import __version__
from engine.cli.report_tables import print_report
from modules.measuring.comparing import compare
from modules.measuring.html_report import report_html
from modules.measuring.performance_page import performance_page
from modules.measuring.picture_files import write_pictures
from modules.measuring.report_json import report_from_json, report_json
from modules.measuring.results import Report, ScenarioResult
from modules.measuring.this_machine import this_machine, versions


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is run, where it goes, and what it is compared with."""

    mode: str = "default"
    names: tuple[str, ...] = ()
    json: Path | None = None
    html: Path | None = None
    png: Path | None = None
    compare: Path | None = None


def run(wanted: Wanted) -> int:
    """Run, show and write it; 1 when something failed, broke its bound or is worse than it was, else 0.

    A smoke test is too short for bounds: only what failed counts.
    """
    older = report_from_json(wanted.compare.read_text()) if wanted.compare else None  # before an hour is spent
    report = measured(wanted)
    if wanted.json:
        wanted.json.write_text(report_json(report))
    if wanted.html:
        wanted.html.write_text(report_html(report))
    if wanted.png:
        write_pictures(report, wanted.png)
    print_report(report)
    is_good = all(_is_good(report, name) for name in (scenario.name for scenario in report.scenarios))
    return 0 if (older is None or _is_as_good(older, report)) and is_good else 1


def compare_files(old: Path, new: Path) -> int:
    """The same of two reports that were written before."""
    return 0 if _is_as_good(*(report_from_json(path.read_text()) for path in (old, new))) else 1


def document(reports: Sequence[Path]) -> str:
    """`docs/performance.md` as the reports at those paths have it."""
    return performance_page(combined([report_from_json(path.read_text()) for path in reports]))


def combined(reports: Sequence[Report]) -> Report:
    """The first report with the scenarios of all: of those by one name, the last that was run."""
    first = reports[0]
    found: dict[str, ScenarioResult] = {}
    for report in reports:
        for scenario in report.scenarios:
            if not scenario.skipped or scenario.name not in found:
                found[scenario.name] = scenario
    return replace(first, scenarios=tuple(found.values()), seconds=sum(report.seconds for report in reports))


def measured(wanted: Wanted) -> Report:
    """The report of a run."""
    machine, started, begun_s = this_machine(), datetime.now(UTC), time.perf_counter()
    found = []
    try:
        for result in scenarios(wanted.names, SCALES[wanted.mode]):
            outcome = result.skipped or "; ".join(result.invalid) or "done"
            print(f"{result.name}, {result.seconds:.0f} s: {outcome}", file=sys.stderr, flush=True)
            found.append(result)
    except KeyboardInterrupt:
        print("interrupted: the report has what was measured so far", file=sys.stderr)
    return Report(
        machine=machine,
        started=started.isoformat(timespec="seconds"),
        mode=wanted.mode,
        seconds=time.perf_counter() - begun_s,
        onbeat=__version__,
        revision=revision(),
        command=" ".join(["python", Path(sys.argv[0]).name, *sys.argv[1:]]),
        versions=versions(),
        scenarios=tuple(found),
    )


def revision() -> str:
    """The commit that is measured, with a + when files differ from it; empty where it is not known."""
    try:
        commit, changed = (
            _git(each) for each in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}{'+' if changed else ''}"


def _git(arguments: Sequence[str]) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _is_good(report: Report, name: str) -> bool:
    scenario = report.scenario(name)
    assert scenario is not None
    if any(figure.name == FAILED for figure in scenario.figures):
        return False
    return not scenario.is_valid or scenario.is_good


def _is_as_good(older: Report, report: Report) -> bool:
    compared = compare(older, report)
    for line in (*compared.remarks, *(str(change) for change in compared.changes if change.verdict != "same")):
        print(line)
    print(f"{len(compared.changes)} figures compared, {len(compared.regressions)} regressions")
    return not compared.regressions
