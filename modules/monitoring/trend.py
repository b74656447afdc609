"""Trends: whether a row of measurements rises or falls, how fast, and how likely chance alone would look like that.

The slope is the median of the slopes between all pairs (Theil 1950, Sen, JASA 63, 1968), so that one bad second tilts
nothing; the doubt is the two-sided p-value of Mann's and Kendall's test (Mann, Econometrica 13, 1945; Kendall, Rank
Correlation Methods), with its correction for ties. Pure.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import median

TREND_WINDOWS = 30
"""Measurements that a trend looks back on."""

LEAST_WINDOWS = 10
"""Fewest from which one is told."""

MAX_DOUBT = 0.01
"""Above this chance it is called steady."""


class Direction(StrEnum):
    """Where something is going."""

    RISING = "rising"
    STEADY = "steady"
    FALLING = "falling"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trend:
    """How `name` changed over the last `windows` windows that had it: by `per_minute`, in its own unit.

    `doubt` is the chance, 0 to 1, that an order as clear as this comes up where there is no trend. Both are `None` when
    there are too few windows to say.
    """

    name: str
    direction: Direction
    per_minute: float | None
    doubt: float | None
    windows: int


def trend(name: str, points: Sequence[tuple[float, float]], *, least_change: float) -> Trend:
    """The trend of the last of these points, each an instant in seconds and a value, in order of time.

    It is steady when it may well be chance, or when the change over all of the points is less than `least_change`.
    """
    last = points[-TREND_WINDOWS:]
    if len(last) < LEAST_WINDOWS:
        return Trend(name, Direction.UNKNOWN, None, None, len(last))
    per_s = median((later - sooner) / (t - s) for (s, sooner), (t, later) in combinations(last, 2))
    doubt = _doubt([value for _, value in last])
    change = per_s * (last[-1][0] - last[0][0])
    direction = Direction.STEADY
    if doubt <= MAX_DOUBT and abs(change) >= least_change:
        direction = Direction.RISING if change > 0 else Direction.FALLING
    return Trend(name, direction, per_s * 60, doubt, len(last))


def _doubt(values: Sequence[float]) -> float:
    """The p-value, by the normal approximation with continuity correction."""
    score = sum((later > sooner) - (later < sooner) for sooner, later in combinations(values, 2))
    n = len(values)
    tied = sum(ties * (ties - 1) * (2 * ties + 5) for ties in Counter(values).values())
    variance = (n * (n - 1) * (2 * n + 5) - tied) / 18
    if not score or not variance:
        return 1.0
    return math.erfc((abs(score) - 1) / math.sqrt(2 * variance))
