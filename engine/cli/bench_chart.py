"""Streams against p99 in the terminal: a bar a trial, the target a line across all of them."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from modules.measuring.plots import Plot
from modules.measuring.report_words import number

SHOWN_TARGETS = 2.0
"""Of the target: how far the picture goes; longer bars end in a sign that says so."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_ASCII = str.maketrans(_EIGHTHS, "    #####")
_MOST_COLUMNS, _LEAST_COLUMNS = 60, 12


class StreamsAgainstP99:
    """A row for each number of streams tried: how many, a bar as long as their p99, the p99, and what was lost."""

    def __init__(self, plot: Plot) -> None:
        """Show the first line of a `p99_over_streams` plot, whose limit is the target in ms."""
        assert plot.limit, plot
        self._target_ms = plot.limit
        self._points = plot.lines[0].points if plot.lines else ()
        self._lost = {mark.x: mark.text for mark in plot.marks}

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as the picture may become."""
        del console
        return Measurement(_LEAST_COLUMNS, options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The rows, the fewest streams first, and what the line means under them."""
        del console
        names = [number(streams) for streams, _ in self._points]
        values = [f"{number(p99_ms)} ms" for _, p99_ms in self._points]
        lost = [self._lost.get(streams, "") for streams, _ in self._points]
        left, right = (max(map(len, column), default=0) for column in (["streams", *names], values))
        columns = max(
            _LEAST_COLUMNS, min(_MOST_COLUMNS, options.max_width - left - right - 4 - max(map(len, ["", *lost])) - 2)
        )
        yield Text("streams".rjust(left) + "  p99 chunk latency", "bold", no_wrap=True)
        for (_, p99_ms), name, value, why in zip(self._points, names, values, lost, strict=True):
            style = "red" if why or p99_ms > self._target_ms else "green"
            row = Text(name.rjust(left) + "  ", no_wrap=True, overflow="crop")
            row.append_text(self._bar(p99_ms, columns, style, ascii_only=options.ascii_only))
            yield row.append(f"  {value.rjust(right)}  {why}".rstrip(), style)
        foot = " " * (left + 2 + self._target_column(columns)) + f"{'|' if options.ascii_only else '┊'} "
        yield Text(f"{foot}target {number(self._target_ms)} ms", "bold", no_wrap=True, overflow="crop")

    def _bar(self, p99_ms: float, columns: int, style: str, *, ascii_only: bool) -> Text:
        cells, at = _cells(p99_ms / (SHOWN_TARGETS * self._target_ms), columns), self._target_column(columns)
        text = "".join(cells)
        bar = Text(text.translate(_ASCII) if ascii_only else text, style)
        if cells[at] != " ":
            return bar
        return Text.assemble(bar[:at], ("|" if ascii_only else "┊", "bold"), bar[at + 1 :])

    def _target_column(self, columns: int) -> int:
        return round(columns / SHOWN_TARGETS)


def _cells(share: float, columns: int) -> list[str]:
    """A cell a column: full, a part of one, empty; a bar that goes on ends in ">"."""
    eighths = round(8 * columns * share)
    cells = [_EIGHTHS[min(8, max(0, eighths - 8 * column))] for column in range(columns)]
    return [*cells[:-1], ">"] if share > 1 else cells
