"""The tables of the page: figures with their bounds, sides beside each other, what all scenarios came to."""

from collections.abc import Iterable, Sequence
from html import escape

from modules.measuring.figures import Figure
from modules.measuring.report_words import Verdict, bound, bounds_met, interval, kept, told, verdict
from modules.measuring.results import Report, ScenarioResult, Side

_MARKS = {
    Verdict.BROKEN: ("bad", "✗"),
    Verdict.INVALID: ("doubt", "!"),
    Verdict.SKIPPED: ("muted", "-"),
    Verdict.KEPT: ("good", "✓"),
    Verdict.MEASURED: ("muted", "·"),
}


def overview(report: Report) -> str:
    """A row a scenario: what it asks, what came of it, how many bounds are kept; with its section, if it was run."""
    rows = [
        [
            _linked(scenario),
            escape(scenario.question),
            marked(verdict(scenario)) + (f"<br><span>{escape(scenario.skipped)}</span>" if scenario.skipped else ""),
            escape(bounds_met(scenario)),
        ]
        for scenario in report.scenarios
    ]
    return table(("scenario", "what it asks", "what came of it", "bounds kept"), rows)


def _linked(scenario: ScenarioResult) -> str:
    """A scenario that was not run has no section to lead to."""
    name = escape(scenario.name)
    return name if scenario.skipped else f'<a href="#{name}">{name}</a>'


def marked(found: Verdict) -> str:
    """A verdict with a sign and a colour; the words alone say it too."""
    kind, sign = _MARKS[found]
    return f'<span class="verdict {kind}"><span aria-hidden="true">{sign} </span>{found}</span>'


def figures_table(figures: Sequence[Figure], *, is_valid: bool, head: str = "figure") -> str:
    """A row a figure: value, interval, what is promised and whether it is kept. Empty without figures."""
    if not figures:
        return ""
    rows = [
        [
            escape(figure.name) + _small(figure.note),
            escape(told(figure)),
            escape(interval(figure)),
            escape(bound(figure)),
            _kept(figure, is_valid=is_valid),
        ]
        for figure in figures
    ]
    return table((head, "value", "95 % interval", "promised", ""), rows, numbers=(1, 2))


def sides_table(scenario: ScenarioResult) -> str:
    """A row a side, a column a figure, so that sides can be compared; one side alone has its figures in rows."""
    measured = [side for side in scenario.sides if not side.skipped]
    if len(scenario.sides) == 1 and measured:
        return figures_table(measured[0].figures, is_valid=scenario.is_valid, head=measured[0].name)
    names = list(dict.fromkeys(figure.name for side in measured for figure in side.figures))
    if not scenario.sides:
        return ""
    rows = [_side_row(side, names, scenario) for side in scenario.sides]
    return table(("side", *names), rows, numbers=range(1, len(names) + 1))


def pairs_table(pairs: Iterable[tuple[str, str]], *, caption: str = "") -> str:
    """A row a pair of a name and what it is."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in pairs)
    return f'<div class="wide"><table>{title}<tbody>{rows}</tbody></table></div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> str:
    """Rows of cells that are HTML already; the first of each is its head, those of `numbers` stand to the right."""
    right = set(numbers)
    kinds = [' class="number"' if index in right else "" for index in range(len(columns))]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(columns, kinds, strict=True))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row[1:], kinds[1:], strict=True))
        + "</tr>\n"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _side_row(side: Side, names: Sequence[str], scenario: ScenarioResult) -> list[str]:
    is_reference = side.name == scenario.reference
    head = escape(side.name) + _small("what the others are divided by" if is_reference else "")
    if side.skipped:
        head += _small(f"not measured: {side.skipped}")
    return [head, *(_cell(side.figure(name), is_valid=scenario.is_valid) for name in names)]


def _cell(figure: Figure | None, *, is_valid: bool) -> str:
    if figure is None:
        return ""
    promised = f"<small>{escape(bound(figure))}: {_kept(figure, is_valid=is_valid)}</small>" if figure.has_bound else ""
    return escape(told(figure)) + _small(interval(figure)) + promised


def _kept(figure: Figure, *, is_valid: bool) -> str:
    """In a run that is not to be trusted a bound is neither kept nor broken."""
    if not figure.has_bound:
        return ""
    if not is_valid:
        return '<span class="doubt">cannot be told</span>'
    return f'<span class="{"good" if figure.is_good else "bad"}">{kept(figure)}</span>'


def _small(words: str) -> str:
    return f"<small>{escape(words)}</small>" if words else ""
