"""How sure a number is: intervals at 95 % confidence of medians, of ratios measured in turn, and of quantiles. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from modules.measuring.figures import Better, Figure
from modules.monitoring.histogram import HistogramSnapshot

_T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
_Z_975 = 1.96


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle of several measurements, and the ends of what holds the true value at 95 % confidence."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"an interval holds its value, got {self.low} <= {self.value} <= {self.high}")


def interval_of(rounds: Sequence[float]) -> Interval:
    """The median of `rounds` with Student's interval of their mean, of logarithms where all are above 0.

    One round says nothing of its spread: the interval is then the number itself. Raises `ValueError` without any.
    """
    if not rounds[1:]:
        return mean_interval_of(rounds)
    middle = statistics.median(rounds)
    is_positive = min(rounds) > 0
    mean = mean_interval_of([math.log(value) for value in rounds] if is_positive else rounds)
    low, high = mean.low, mean.high
    if is_positive:
        low, high = math.exp(max(low, -700.0)), math.exp(min(high, 700.0))
    return Interval(middle, min(low, middle), max(high, middle))


def mean_interval_of(rounds: Sequence[float]) -> Interval:
    """The mean of `rounds` with Student's interval: where what is asked is how much comes together in all.

    One round says nothing of its spread: the interval is then the number itself. Raises `ValueError` without any.
    """
    if not rounds:
        raise ValueError("no interval of nothing")
    mean = statistics.fmean(rounds)
    half = t_975(len(rounds) - 1) * standard_error(rounds) if len(rounds) > 1 else 0.0
    return Interval(mean, mean - half, mean + half)


def ratio_of(these: Sequence[float], those: Sequence[float]) -> Interval:
    """These over those, round by round: both were measured in turn, so what a round suffered, both did.

    Raises `ValueError` unless there are as many of both and all are above 0.
    """
    if len(these) != len(those) or min((*these, *those), default=0.0) <= 0:
        raise ValueError(f"a ratio needs as many rounds of both, all above 0, got {list(these)} and {list(those)}")
    return interval_of([a / b for a, b in zip(these, those, strict=True)])


def quantile_interval(latency: HistogramSnapshot, q: float) -> Interval:
    """A quantile in seconds, between the order statistics that hold it at 95 % confidence (normal approximation)."""
    half = _Z_975 * math.sqrt(q * (1 - q) / latency.count) if latency.count else 0.0
    ends = (latency.quantile(max(0.0, q - half)), latency.quantile(min(1.0, q + half)))
    return Interval(latency.quantile(q), *ends)


def figure_of(
    name: str,
    rounds: Sequence[float],
    unit: str = "",
    *,
    better: Better = Better.NEITHER,
    least: float | None = None,
    most: float | None = None,
    note: str = "",
    is_mean: bool = False,
) -> Figure:
    """The figure that these rounds give: their median, or mean, with its interval where there are several."""
    found = mean_interval_of(rounds) if is_mean else interval_of(rounds)
    low, high = (found.low, found.high) if len(rounds) > 1 else (None, None)
    return Figure(name, found.value, unit, low, high, least, most, better, tuple(rounds), note)


def ratio_figure(
    name: str,
    these: Sequence[float],
    those: Sequence[float],
    *,
    better: Better = Better.NEITHER,
    least: float | None = None,
    most: float | None = None,
) -> Figure:
    """The figure of a ratio of two sides measured in turn."""
    ratio_of(these, those)  # refuses what has no ratio
    return figure_of(
        name, [a / b for a, b in zip(these, those, strict=True)], "x", better=better, least=least, most=most
    )


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of two values or more."""
    return statistics.stdev(values) / math.sqrt(len(values))


def t_975(freedom: int) -> float:
    """Student's t for an interval at 95 % with so many degrees of freedom."""
    return _T_975[freedom - 1] if freedom <= len(_T_975) else _Z_975 + 2.4 / freedom
