"""Batch sizes in classes, two a doubling, and what is remembered of each: its latest calls. Pure."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

SIZES: tuple[int, ...] = (1, 2, 3, *(size for power in range(2, 12) for size in (2**power, 3 * 2 ** (power - 1))), 4096)
"""The largest batch of each class."""

LATE_PERCENT = 95
"""Of a hundred calls of a class, as many take at most its `late_s`."""

_KEPT_CALLS = 96  # that quantiles are made from
_MEAN_CALLS = 256  # that the mean, which sizes are compared by, looks back
_MAX_DRIFT = math.log(4.0)  # what others' calls say of a class that was not seen since is believed up to this factor
_MAX_FIXED = 0.9  # of a cost of which a single size is known
_MAX_STRAY = 4.0  # times the median that one call counts at most in a mean
_CLASS_OF = tuple(bisect_left(SIZES, size) for size in range(65))


def class_of(batch: int) -> int:
    """The number of the class in `SIZES` that a batch of that size belongs to."""
    return _CLASS_OF[batch] if batch < len(_CLASS_OF) else min(bisect_left(SIZES, batch), len(SIZES) - 1)


class Level:
    """How dear a model's calls are now, as the log of a factor: what active classes say of those not seen lately."""

    __slots__ = ("_fixed_log", "_fixed_s", "log")

    def __init__(self) -> None:
        """Start at the level of the first calls."""
        self.log = 0.0
        self._fixed_s: float | None = None
        self._fixed_log = 0.0

    @property
    def fixed_s(self) -> float | None:
        """Seconds that a call costs at today's level however little is in it; `None` before any line said so."""
        return None if self._fixed_s is None else self._fixed_s * math.exp(self.log - self._fixed_log)

    @fixed_s.setter
    def fixed_s(self, fixed_s: float) -> None:
        self._fixed_s, self._fixed_log = fixed_s, self.log


class SizeClass:
    """The latest calls of one class, each as if its batch had been the largest of the class."""

    __slots__ = (
        "_level",
        "_times_s",
        "calls",
        "late_s",
        "level",
        "mean_calls",
        "mean_s",
        "median_s",
        "new",
        "recent_s",
        "seen",
    )

    def __init__(self, level: Level) -> None:
        """Start with none."""
        self._times_s: deque[float] = deque(maxlen=_KEPT_CALLS)
        self._level = level
        self.level = level.log
        """The level that the times belong to."""
        self.calls = self.new = self.mean_calls = 0
        self.seen = 0
        """Which call of its kind was the latest of this class."""
        self.mean_s = self.recent_s = self.median_s = self.late_s = 0.0

    @property
    def drift(self) -> float:
        """How much dearer calls have become since the times were seen, as far as that can be believed."""
        moved = self._level.log - self.level
        return math.exp(min(_MAX_DRIFT, max(-_MAX_DRIFT, moved))) if moved else 1.0

    def add(self, time_s: float) -> None:
        """Remember a call of today."""
        if self.level != self._level.log:
            self.bring_up()
        self._times_s.append(time_s)
        self.calls += 1
        self.new += 1

    def restore(self, times_s: Iterable[float], calls: int) -> None:
        """Remember times that were learnt earlier, worth so many calls."""
        self._times_s.extend(times_s)
        self.calls = self.new = max(calls, len(self._times_s))

    def keep_latest(self, calls: int) -> None:
        """Forget all but the latest calls."""
        self._times_s = deque(list(self._times_s)[-calls:], maxlen=_KEPT_CALLS)
        self.new, self.mean_calls = calls, 0

    def drop_latest(self, calls: int) -> None:
        """Forget these."""
        for _ in range(min(calls, len(self._times_s) - 1)):
            self._times_s.pop()
        self.new = 0

    def refit(self) -> None:
        """Bring quantiles and means up to date."""
        ordered = sorted(self._times_s)
        self.median_s = ordered[len(ordered) // 2]
        self.late_s = ordered[len(ordered) * LATE_PERCENT // 100]
        most_s = _MAX_STRAY * self.median_s
        times_s: Sequence[float] = self._times_s
        if ordered[-1] > most_s:  # a first call that loads things must not weigh on a hundred others
            times_s = [min(time_s, most_s) for time_s in times_s]
        self.recent_s = sum(times_s) / len(times_s)
        if new := min(self.new, len(times_s)):
            self.mean_calls = min(self.mean_calls + new, _MEAN_CALLS)
            self.mean_s += (sum(islice(reversed(times_s), new)) / new - self.mean_s) * new / self.mean_calls
        self.new = 0

    def bring_up(self) -> None:
        """Restate everything at today's level."""
        drift = self.drift
        self._times_s = deque([time_s * drift for time_s in self._times_s], maxlen=_KEPT_CALLS)
        self.median_s *= drift
        self.mean_s *= drift
        self.recent_s *= drift
        self.late_s *= drift
        self.level = self._level.log

    def ordered_s(self) -> list[float]:
        """The times as they were seen, shortest first."""
        return sorted(self._times_s)


@dataclass(frozen=True, slots=True)
class Line:
    """Expected seconds of a call: `fixed_s` + `each_s` * batch. Only a prior: where calls were seen, they count."""

    fixed_s: float
    each_s: float

    def __call__(self, batch: float) -> float:
        """Seconds for a call of that many."""
        return self.fixed_s + self.each_s * batch

    @classmethod
    def through(cls, points: Sequence[tuple[int, float, int]], *, fixed_s: float | None = None) -> "Line":
        """The line through points (batch, seconds, calls): least squares of relative errors, weighted by calls.

        It never falls and never cuts through zero. Through a single point it takes `fixed_s` to be fixed, as of similar
        calls, or half of the cost.
        """
        if len(points) == 1:
            size, mean_s, _ = points[0]
            fixed_s = mean_s / 2 if fixed_s is None else min(fixed_s, _MAX_FIXED * mean_s)
            return cls(fixed_s, (mean_s - fixed_s) / size)
        weights = [calls / mean_s**2 for _, mean_s, calls in points]
        total = sum(weights)
        middle = sum(weight * size for weight, (size, _, _) in zip(weights, points, strict=True)) / total
        mean_s = sum(weight * seconds for weight, (_, seconds, _) in zip(weights, points, strict=True)) / total
        spread = rise = 0.0
        for weight, (size, seconds, _) in zip(weights, points, strict=True):
            spread += weight * (size - middle) ** 2
            rise += weight * (size - middle) * (seconds - mean_s)
        each_s = min(max(rise / spread, 0.0), mean_s / middle)
        return cls(mean_s - each_s * middle, each_s)
