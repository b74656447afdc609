"""A picture in words and as a table of numbers, for those who do not see it."""

from modules.measuring.picture_plan import is_of_shares, limit_words, mark_words, share_ticks, share_words, unit_of
from modules.measuring.plots import Line, Plot, PlotKind
from modules.measuring.report_words import number

MAX_ROWS = 14
"""Points of a line that are given as numbers; more are thinned out evenly, the first and the last kept."""

MAX_MARKS_TOLD = 6


def described(plot: Plot) -> str:
    """The picture in some sentences: where each line begins and ends, what the limits are and what happened."""
    say = _bars if plot.kind is PlotKind.BARS else _line
    parts = [say(plot, line) for line in plot.lines if line.points]
    if plot.limit is not None:
        parts.append(f"A line across marks the {limit_words(plot, plot.limit, plot.y_label)}.")
    if plot.limit_x is not None:
        parts.append(f"A line upwards marks the {limit_words(plot, plot.limit_x, plot.x_label)}.")
    marks = mark_words(plot)
    if marks:
        more = f" and {len(marks) - MAX_MARKS_TOLD} more" if len(marks) > MAX_MARKS_TOLD else ""
        parts.append(f"Marked are {'; '.join(marks[:MAX_MARKS_TOLD])}{more}.")
    return " ".join(parts)


def rows(plot: Plot, line: Line) -> list[tuple[str, str]]:
    """The line's points as numbers, thinned out to `MAX_ROWS`; of a CDF the shares that its axis names."""
    if plot.kind is PlotKind.BARS:
        return [(_bar(plot, x), number(y)) for x, y in line.points]
    points = _quantiles(plot, line) if is_of_shares(plot) else _thinned(line.points)
    return [(number(x), _y(plot, y)) for x, y in points]


def columns(plot: Plot, line: Line) -> tuple[str, str]:
    """What stands over the two columns of `rows`."""
    return plot.x_label or "side", (plot.right_label if line.is_right else plot.y_label) or line.name


def _line(plot: Plot, line: Line) -> str:
    (first_x, first), (last_x, last) = line.points[0], line.points[-1]
    y_unit, x_unit = unit_of(plot.right_label if line.is_right else plot.y_label), unit_of(plot.x_label)
    begin, end = f"{_y(plot, first)} {y_unit}".rstrip(), f"{_y(plot, last)} {y_unit}".rstrip()
    top_x, top = max(line.points, key=lambda point: point[1])
    peak = "" if top in (first, last) else f", at most {_y(plot, top)} at {f'{number(top_x)} {x_unit}'.rstrip()}"
    places = f"{number(first_x)} {x_unit}".rstrip(), f"{number(last_x)} {x_unit}".rstrip()
    return f"{line.name}: from {begin} at {places[0]} to {end} at {places[1]}{peak}."


def _bars(plot: Plot, line: Line) -> str:
    unit = unit_of(plot.y_label) or plot.y_label
    each = ", ".join(f"{_bar(plot, x)} {number(y)}" for x, y in line.points)
    return f"{line.name} ({unit}): {each}." if unit and unit != line.name else f"{line.name}: {each}."


def _bar(plot: Plot, x: float) -> str:
    return plot.bar_names[int(x)] if 0 <= int(x) < len(plot.bar_names) else number(x)


def _y(plot: Plot, y: float) -> str:
    return share_words(round(y, 6)) if is_of_shares(plot) else number(y)


def _quantiles(plot: Plot, line: Line) -> list[tuple[float, float]]:
    """Where the line first reaches each share that its axis names."""
    reached = ((next((x for x, y in line.points if y >= share), None), share) for share in share_ticks(plot))
    return [(x, share) for x, share in reached if x is not None]


def _thinned(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    if len(points) <= MAX_ROWS:
        return list(points)
    step = (len(points) - 1) / (MAX_ROWS - 1)
    return [points[round(index * step)] for index in range(MAX_ROWS)]
