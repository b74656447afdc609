"""What a picture needs beside its numbers: what limits are called, where marks stand, what axes are ticked with."""

import math
from collections.abc import Iterable, Sequence

from modules.measuring.plots import Line, Mark, Plot
from modules.measuring.report_words import number

MAX_TICKS = 9
ROWS_OF_MARKS = 3

_CDF = "latency_cdf"
_LONGEST_UNIT, _MOST_DECADES = 4, 2.7
_SHARES = (0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
_PROMISED = {_CDF, "p99_over_streams"}
_BETWEEN_NUMBERS = 0.025
"""Of the width of the picture: closer than this, two numbers of marks stand one above the other."""


def is_of_shares(plot: Plot) -> bool:
    """Whether y is a share of chunks, drawn so that 99 % and 99.9 % are as far apart as 90 % and 99 %."""
    return plot.name == _CDF and all(0 <= y <= 1 for line in plot.lines for _, y in line.points)


def drawn(plot: Plot, line: Line) -> tuple[tuple[float, float], ...]:
    """The points that can be drawn: neither 0 nor all on an axis of shares, nothing below 0 on a logarithmic one."""
    points = line.points
    if is_of_shares(plot):
        points = tuple((x, y) for x, y in points if 0 < y < 1)
    if plot.is_log_x:
        points = tuple((x, y) for x, y in points if x > 0)
    if plot.is_log_y and not line.is_right:
        points = tuple((x, y) for x, y in points if y > 0)
    return points


def share_ticks(plot: Plot) -> list[float]:
    """From 1 % to the first share that nothing drawn is beyond."""
    top = max((y for line in plot.lines for _, y in drawn(plot, line)), default=0.99)
    return [share for share in _SHARES if share <= max(top, 0.99)]


def x_ticks(plot: Plot) -> list[float]:
    """The points themselves where they are few whole numbers on a logarithmic axis, such as batches; else none."""
    values = sorted({x for line in plot.lines for x, _ in drawn(plot, line)})
    is_few = plot.is_log_x and 1 < len(values) <= MAX_TICKS
    return values if is_few and all(x == int(x) for x in values) else []


def log_steps(values: Iterable[float]) -> tuple[int, ...]:
    """What is named of each power of ten on a logarithmic axis: less of it where there are many powers."""
    known = [value for value in values if value > 0]
    wide = known and math.log10(max(known) / min(known)) > _MOST_DECADES
    return (1,) if wide else (1, 2, 5)


def unit_of(label: str) -> str:
    """The unit that an axis' label ends with, after a comma, or that it is; empty without one."""
    unit = label.rpartition(",")[2].strip()
    return unit if "," in label or len(label) <= _LONGEST_UNIT else ""


def limit_words(plot: Plot, value: float, label: str) -> str:
    """What stands beside a limit: "target 300 ms" of latencies, "limit 512 MB" of all else, and "99 %" of shares."""
    if is_of_shares(plot) and value == plot.limit:
        return share_words(value)
    word = "target" if plot.name in _PROMISED else "limit"
    return f"{word} {number(value)} {unit_of(label)}".rstrip()


def share_words(share: float) -> str:
    """A share in percent, as many nines as it has: "99.9 %"."""
    return f"{100 * share:.6g} %"


def in_order(plot: Plot) -> list[Mark]:
    """The marks from left to right: their numbers in the picture."""
    return sorted(plot.marks, key=lambda mark: mark.x)


def mark_words(plot: Plot) -> list[str]:
    """What each mark says, and where: "5.6 s: suspends 54 streams"."""
    return [f"{_place(plot, mark.x)}: {mark.text}" for mark in in_order(plot)]


def mark_rows(places: Sequence[float]) -> list[int]:
    """The row in which the number of each mark stands, for places of 0 to 1 in order, so that none covers another."""
    ends = dict.fromkeys(range(ROWS_OF_MARKS), -math.inf)  # the row used longest ago first
    rows = []
    for place in places:
        free = [row for row, end in ends.items() if place - end >= _BETWEEN_NUMBERS]
        row = min(free) if free else next(iter(ends))
        del ends[row]
        ends[row] = place
        rows.append(row)
    return rows


def _place(plot: Plot, x: float) -> str:
    return f"{number(x)} {unit_of(plot.x_label) or plot.x_label}".rstrip()
