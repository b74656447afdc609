"""Batch sizes in classes, two a doubling, and what is remembered of each: its latest calls. Pure."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

SIZES: tuple[int, ...] = (1, 2, 3, *(size for power in range(2, 12) for size in (2**power, 3 * 2 ** (power - 1))), 4096)
"""The largest batch of each class."""

LATE_PERCENT = 95
"""Of a hundred calls of a class, as many take at most its `late_s`."""

_MAX_STRAY = 4.0  # times the median that one call counts at most in a mean
_KEPT_CALLS = 96  # that quantiles are made from
_MEAN_CALLS = 256  # that the mean, which sizes are compared by, looks back
_FIRST_TOLD = 5  # calls that say what is usual before one can be a surprise
_MAX_DRIFT = math.log(4.0)  # what others' calls say of a class that was not seen since is believed up to this factor
_MAX_FIXED = 0.9  # of a cost of which a single size is known
_CLASS_OF = tuple(bisect_left(SIZES, size) for size in range(65))


def class_of(batch: int) -> int:
    """The number of the class in `SIZES` that a batch of that size belongs to."""
    return _CLASS_OF[batch] if batch < len(_CLASS_OF) else min(bisect_left(SIZES, batch), len(SIZES) - 1)


class Level:
    """How dear a model's calls are now, as the log of a factor: what calls of today say of kinds not seen lately."""

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


class KindLevel:
    """The level of one kind of calls: its model's, but for the shifts of other kinds that this one did not share."""

    __slots__ = ("_of_model", "_unshared")

    def __init__(self, of_model: Level) -> None:
        """Start where the model is."""
        self._of_model = of_model
        self._unshared = 0.0

    @property
    def log(self) -> float:
        """The log of how many times as dear as at first this kind is now."""
        return self._of_model.log - self._unshared

    def hold(self, moved: float) -> None:
        """The model's level was moved by that log for others' sake: this one stays where it was."""
        self._unshared += moved


class SizeClass:
    """The latest calls of one class, each as if its batch had been the largest of the class.

    Times are kept as they would have been at the first level, and told at today's: so a call of some time ago still
    says what one costs now, as far as others show what has changed since.
    """

    __slots__ = (
        "_late",
        "_level",
        "_mean",
        "_median",
        "_recent",
        "_seen_log",
        "_times",
        "_usual",
        "calls",
        "mean_calls",
        "new",
        "told",
    )

    def __init__(self, level: KindLevel) -> None:
        """Start with none."""
        self._times: deque[float] = deque(maxlen=_KEPT_CALLS)
        self._level = level
        self._seen_log = level.log
        self.calls = self.new = self.mean_calls = 0
        self.told = 0
        """Calls that what is usual is told from."""
        self._mean = self._recent = self._median = self._late = self._usual = 0.0

    @property
    def mean_s(self) -> float:
        """The mean over many calls, for comparing sizes; 0 before the first `refit`, as the next three are."""
        return self._mean * self._factor

    @property
    def recent_s(self) -> float:
        """The mean over the latest calls: what one costs."""
        return self._recent * self._factor

    @property
    def median_s(self) -> float:
        """Half of the latest calls take at most that."""
        return self._median * self._factor

    @property
    def late_s(self) -> float:
        """All but a few of the latest calls take at most that."""
        return self._late * self._factor

    @property
    def _factor(self) -> float:
        """From the first level to today's; what happened since a call of this class is believed to some extent."""
        moved = self._level.log - self._seen_log
        return math.exp(self._seen_log + min(_MAX_DRIFT, max(-_MAX_DRIFT, moved)))

    def add(self, time_s: float) -> None:
        """Remember a call of today."""
        if self._level.log != self._seen_log:
            self._restate()
        self._times.append(time_s * math.exp(-self._seen_log))
        self.calls += 1
        self.new += 1

    def surprise(self, time_s: float, *, most: float) -> float:
        """By what share of the usual the call just added is off, `most` at most; what is usual follows, ever slower.

        It is what surprises cancel out around, so whatever they are added up to stays where it is while nothing
        changes, however skewed the times of calls are.
        """
        if self.told < _FIRST_TOLD:
            self._tell_usual(self.told + 1)
            return 0.0
        off = max(-most, min(most, time_s * math.exp(-self._seen_log) / self._usual - 1))
        self.told = min(self.told + 1, _MEAN_CALLS)
        self._usual *= 1 + off / self.told
        return off

    def restore(self, times_s: Iterable[float], calls: int) -> None:
        """Remember times that were learnt earlier, worth so many calls."""
        self._seen_log = self._level.log
        self._times.extend(time_s * math.exp(-self._seen_log) for time_s in times_s)
        self.calls = self.new = max(calls, len(self._times))

    def keep_latest(self, calls: int, moved: float) -> None:
        """Forget all but the latest calls, which were of the level that has just been moved to by that log."""
        self._times = deque((time * math.exp(-moved) for time in list(self._times)[-calls:]), maxlen=_KEPT_CALLS)
        self._seen_log = self._level.log
        self._tell_usual(calls)
        self.new, self.mean_calls = calls, 0

    def drop_latest(self, calls: int) -> None:
        """Forget these."""
        for _ in range(min(calls, len(self._times) - 1)):
            self._times.pop()
        self.new = 0

    def refit(self) -> None:
        """Bring quantiles and means up to date."""
        ordered = sorted(self._times)
        self._median = ordered[len(ordered) // 2]
        self._late = ordered[len(ordered) * LATE_PERCENT // 100]
        most = _MAX_STRAY * self._median
        times: Sequence[float] = self._times
        if ordered[-1] > most:  # a first call that loads things must not weigh on a hundred others
            times = [min(time, most) for time in times]
        self._recent = sum(times) / len(times)
        if new := min(self.new, len(times)):
            self.mean_calls = min(self.mean_calls + new, _MEAN_CALLS)
            self._mean += (sum(islice(reversed(times), new)) / new - self._mean) * new / self.mean_calls
        self.new = 0

    def ordered_s(self) -> list[float]:
        """The latest calls' times, shortest first."""
        factor = self._factor
        return [time * factor for time in sorted(self._times)]

    def _tell_usual(self, calls: int) -> None:
        """So many calls say what is usual: the median, for one of a few may be a first call that loads things."""
        self._usual, self.told = median(self._times), calls

    def _restate(self) -> None:
        """This class is seen again: of what the level has moved meanwhile, no more was true than can be believed."""
        moved = self._level.log - self._seen_log
        if abs(moved) > _MAX_DRIFT:
            unbelieved = math.exp(math.copysign(_MAX_DRIFT, moved) - moved)
            self._times = deque((time * unbelieved for time in self._times), maxlen=_KEPT_CALLS)
            self._mean, self._recent, self._median, self._late, self._usual = (
                value * unbelieved for value in (self._mean, self._recent, self._median, self._late, self._usual)
            )
        self._seen_log = self._level.log


@dataclass(frozen=True, slots=True)
class Line:
    """Expected seconds of a call: `fixed_s` + `each_s` * batch. Only a prior: where calls were seen, they count."""

    fixed_s: float
    each_s: float

    def times(self, factor: float) -> "Line":
        """The same of calls that cost so many times as much."""
        return Line(self.fixed_s * factor, self.each_s * factor)

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
