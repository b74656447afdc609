"""`docs/performance.md`, made from a report: every number in it was measured, and stands beside its command."""

import re
from collections.abc import Iterable, Sequence

from modules.measuring.figures import Figure
from modules.measuring.report_words import (
    Verdict,
    again,
    bare_command,
    bound,
    bounds_met,
    duration,
    interval,
    kept,
    machine_words,
    moment,
    summary,
    told,
    verdict,
)
from modules.measuring.results import Report, ScenarioResult, Side

MADE_BY = "python run_benchmarks.py --document REPORT.json > docs/performance.md"


def performance_page(report: Report) -> str:
    """The page as Markdown: the machine, what all scenarios came to, then a section for each that was run."""
    run = [scenario for scenario in report.scenarios if verdict(scenario) is not Verdict.SKIPPED]
    return (
        "\n\n".join(
            [_head(report), _machine(report), _overview(report), *(_section(scenario, report) for scenario in run)]
        )
        + "\n"
    )


def _head(report: Report) -> str:
    version = " ".join(
        part for part in ("Onbeat", report.onbeat, f"({report.revision})" * bool(report.revision)) if part
    )
    return (
        "# Measurements\n\n"
        f"Not typed: made by `{MADE_BY}` from what `{bare_command(report)}` measured of {version} "
        f"on {moment(report.started)}, in {duration(report.seconds)}. "
        "How to read it stands in [benchmarks](benchmarks.md).\n\n"
        f"{summary(report)} Ratios are between sides measured in turn in one run; read them rather than the seconds."
    )


def _machine(report: Report) -> str:
    versions = ", ".join(f"{version.name} {version.version}" for version in report.versions)
    told_of = [*machine_words(report.machine), *([("versions", versions)] if versions else [])]
    return "## The machine\n\n" + _table(("what", "which"), told_of)


def _overview(report: Report) -> str:
    rows = [
        (_link(scenario), scenario.question, _came_of(scenario), bounds_met(scenario)) for scenario in report.scenarios
    ]
    return "## All scenarios\n\n" + _table(("scenario", "what it asks", "what came of it", "bounds kept"), rows)


def _link(scenario: ScenarioResult) -> str:
    """A scenario that was not run has no section to lead to."""
    is_run = verdict(scenario) is not Verdict.SKIPPED
    place = re.sub(r"[^\w -]", "", scenario.name.lower()).replace(" ", "-")  # as GitHub names headings
    return f"[{scenario.name}](#{place})" if is_run else scenario.name


def _came_of(scenario: ScenarioResult) -> str:
    found = verdict(scenario)
    if scenario.skipped:
        return f"{found}: {scenario.skipped}"
    return f"**{found}**" if found in (Verdict.BROKEN, Verdict.INVALID) else str(found)


def _section(scenario: ScenarioResult, report: Report) -> str:
    settings = [f"{parameter.name} {parameter.value}" for parameter in scenario.parameters]
    settings += [f"seeds {', '.join(map(str, scenario.seeds))}"] if scenario.seeds else []
    with_settings = f": {'; '.join(settings)}." if settings else ""
    parts = [
        f"## {scenario.name}",
        scenario.question,
        f"`{again(scenario, report)}`{with_settings}",
        _doubts(scenario),
        _figures(scenario.figures, scenario),
        _sides(scenario),
        *scenario.notes,
    ]
    return "\n\n".join(part for part in parts if part)


def _doubts(scenario: ScenarioResult) -> str:
    return f"**Not to be trusted**: {'; '.join(scenario.invalid)}." if scenario.invalid else ""


def _figures(figures: Sequence[Figure], scenario: ScenarioResult, head: str = "figure") -> str:
    rows = [
        (_noted(figure), told(figure), interval(figure), bound(figure), _kept(figure, scenario)) for figure in figures
    ]
    return _table((head, "value", "95 % interval", "promised", ""), rows) if rows else ""


def _noted(figure: Figure) -> str:
    return f"{figure.name} ({figure.note})" if figure.note else figure.name


def _sides(scenario: ScenarioResult) -> str:
    """A row a side; one side alone has its figures in rows."""
    measured = [side for side in scenario.sides if not side.skipped]
    if len(scenario.sides) == 1 and measured:
        return _figures(measured[0].figures, scenario, measured[0].name)
    names = list(dict.fromkeys(figure.name for side in measured for figure in side.figures))
    rows = [(_named(side, scenario), *(_cell(side.figure(name), scenario) for name in names)) for side in measured]
    left_out = [f"{side.name}: {side.skipped}" for side in scenario.sides if side.skipped]
    not_measured = f"Not measured: {'; '.join(left_out)}." if left_out else ""
    return "\n\n".join(part for part in (_table(("side", *names), rows) if rows else "", not_measured) if part)


def _named(side: Side, scenario: ScenarioResult) -> str:
    return f"{side.name} (what the others are divided by)" if side.name == scenario.reference else side.name


def _cell(figure: Figure | None, scenario: ScenarioResult) -> str:
    if figure is None:
        return ""
    spread = f" ({interval(figure)})" if interval(figure) else ""
    promised = f", {bound(figure)}: {_kept(figure, scenario)}" if figure.has_bound else ""
    return f"{told(figure)}{spread}{promised}"


def _kept(figure: Figure, scenario: ScenarioResult) -> str:
    if not scenario.is_valid and figure.has_bound:
        return "cannot be told"
    return kept(figure).replace("BROKEN", "**broken**")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
