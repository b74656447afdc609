"""A report in the terminal: a table a scenario, what came of each, and the whole in a sentence; in a pipe, lines."""

import sys
from collections.abc import Iterator

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modules.measuring.figures import Figure
from modules.measuring.report_words import Verdict, bound, bounds_met, interval, kept, summary, told, verdict
from modules.measuring.results import Report, ScenarioResult

_STYLES = {
    Verdict.BROKEN: "bold red",
    Verdict.INVALID: "bold yellow",
    Verdict.SKIPPED: "dim",
    Verdict.KEPT: "green",
    Verdict.MEASURED: "",
}

Row = tuple[str, str, str, str, str, str]
"""Side, figure, value, interval, what is promised, and whether that is kept."""


def print_report(report: Report, console: Console | None = None) -> None:
    """Print tables on a terminal; in a pipe a line a figure, its scenario first, its columns apart by tabs."""
    if console is None and not sys.stdout.isatty():
        typer.echo("\n".join("\t".join(line) for scenario in report.scenarios for line in lines(scenario)))
        return
    shown = console or Console()
    for scenario in report.scenarios:
        _print_scenario(scenario, shown)
    shown.print(Text(summary(report), "bold"))


def rows(scenario: ScenarioResult) -> list[Row]:
    """The figures of each side, then those of the whole; in doubt a bound is neither kept nor broken."""
    whole = [_row("", figure, scenario) for figure in scenario.figures]
    return [_row(side.name, figure, scenario) for side in scenario.sides for figure in side.figures] + whole


def lines(scenario: ScenarioResult) -> Iterator[tuple[str, ...]]:
    """The same for a program, each line with the scenario and what came of it."""
    found = verdict(scenario)
    for row in rows(scenario):
        yield scenario.name, str(found), *row
    for side in scenario.sides:
        if side.skipped:
            yield scenario.name, str(found), side.name, f"not measured: {side.skipped}"
    if not rows(scenario):
        yield scenario.name, str(found), _why(scenario)


def _row(side: str, figure: Figure, scenario: ScenarioResult) -> Row:
    is_kept = kept(figure) if scenario.is_valid or not figure.has_bound else "cannot be told"
    return side, figure.name, told(figure), interval(figure), bound(figure), is_kept


def _print_scenario(scenario: ScenarioResult, console: Console) -> None:
    found = verdict(scenario)
    met = f", {bounds_met(scenario)} bounds kept" if bounds_met(scenario) else ""
    console.print(Text.assemble((scenario.name, "bold"), ": ", (f"{found}{met}", _STYLES[found])))
    if scenario.question:
        console.print(Text(f"  {scenario.question}", "dim"))
    for reason in (*scenario.invalid, *([scenario.skipped] if scenario.skipped else [])):
        console.print(Text(f"  {reason}", _STYLES[found]))
    if rows(scenario):
        console.print(_table(scenario))
    for side in scenario.sides:
        if side.skipped:
            console.print(Text(f"  {side.name}: not measured, {side.skipped}", "dim"))
    for note in scenario.notes:
        console.print(Text(f"  {note}", "dim"))
    console.print()


def _table(scenario: ScenarioResult) -> Table:
    """Columns that nothing stands in are left out; a side is named once."""
    found = rows(scenario)
    used = [index for index in range(6) if index in (1, 2) or any(row[index] for row in found)]
    heads = ("side", "figure", "value", "95 % interval", "promised", "")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for index in used:
        table.add_column(heads[index], justify="right" if index in (2, 3) else "left")
    before = ""
    for row in found:
        cells = [Text(cell, "bold red" if cell == "BROKEN" else "") for cell in row]
        if row[0] == before:
            cells[0] = Text("")
        elif not row[0]:
            cells[0] = Text("overall")
        before = row[0]
        table.add_row(*(cells[index] for index in used))
    return table


def _why(scenario: ScenarioResult) -> str:
    return "; ".join((*scenario.invalid, *([scenario.skipped] if scenario.skipped else []))) or "no figures"
