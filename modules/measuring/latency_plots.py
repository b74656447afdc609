"""The pictures that live trials have in common, from their records. Pure."""

from collections.abc import Mapping, Sequence

from modules.measuring.pieces import Moment
from modules.measuring.plots import Line, Mark, Plot, PlotKind
from modules.monitoring.histogram import HistogramSnapshot

_SHARES = (*(n / 50 for n in range(1, 50)), 0.985, 0.99, 0.993, 0.996, 0.998, 0.999, 1.0)


def latency_cdf(title: str, latencies: Mapping[str, HistogramSnapshot], *, target_s: float) -> Plot:
    """Which share of the chunks was answered within which latency, by side."""
    lines = [
        Line(name, tuple((max(0.01, latency.quantile(share) * 1e3), share) for share in _SHARES))
        for name, latency in latencies.items()
        if latency.count
    ]
    return Plot(
        "latency_cdf",
        title,
        "chunk latency, ms",
        "share of chunks",
        tuple(lines),
        limit=0.99,
        limit_x=target_s * 1e3,
        is_log_x=True,
    )


def p99_over_streams(title: str, tried: Mapping[str, Sequence[tuple[int, float]]], *, target_s: float) -> Plot:
    """p99 in seconds by streams, as trials found it: of several with as many streams the worst."""
    lines = []
    for name, points in tried.items():
        worst: dict[int, float] = {}
        for streams, p99_s in points:
            worst[streams] = max(worst.get(streams, 0.0), p99_s)
        lines.append(
            Line(name, tuple((float(streams), max(1e-5, p99_s) * 1e3) for streams, p99_s in sorted(worst.items())))
        )
    return Plot("p99_over_streams", title, "streams", "p99, ms", tuple(lines), limit=target_s * 1e3, is_log_y=True)


def over_load(title: str, sides: Mapping[str, Sequence[Moment]], marks: Sequence[Mark] = ()) -> Plot:
    """Pieces a second that were sent and those on time, by side over time, with what was decided."""
    first = next(iter(sides.values()))
    lines = [Line("sent", _rates([(moment.at_s, moment.sent) for moment in first], first))]
    lines += [
        Line(f"{name}, on time", _rates([(moment.at_s, moment.on_time) for moment in moments], moments))
        for name, moments in sides.items()
    ]
    return Plot(
        "decisions_over_load",
        title,
        "time, s",
        "chunks a second",
        tuple(lines),
        tuple(sorted(marks, key=lambda mark: mark.x)),
        kind=PlotKind.STEP,
    )


def bars(title: str, what: str, values: Mapping[str, float]) -> Plot:
    """One number of each side."""
    line = Line(what, tuple((float(place), value) for place, value in enumerate(values.values())))
    return Plot("peers", title, "", what, (line,), kind=PlotKind.BARS, bar_names=tuple(values))


def _rates(points: Sequence[tuple[float, int]], moments: Sequence[Moment]) -> tuple[tuple[float, float], ...]:
    period_s = moments[1].at_s - moments[0].at_s if len(moments) > 1 else 1.0
    return tuple((at_s, count / period_s) for at_s, count in points)
