"""Averages of what is observed: quick to say that it got worse, slow to say that it got better. Pure."""

import math
from collections import deque

from modules.monitoring.targets import MAX_MISSES, samples_needed

_FAST_S, _MEAN_S, _SLOW_S = 0.5, 3.0, 4.0
_RATE_S = 1.0
_RIPPLE = 1.03  # of a sum that is seen four times a second and comes in pieces of a fifth
_WINDOW_CHUNKS = 2000
_SHOWN_CHUNKS = samples_needed(0)


class WorseAverage:
    """The higher of a fast and a slow average: high means worse. `None` until something was observed.

    Beside them a plain one, `mean`, for who must not be biased towards worse.
    """

    __slots__ = ("_fast", "_mean", "_seen_s", "_slow")

    def __init__(self) -> None:
        """Start with nothing."""
        self._fast: float | None = None
        self._mean = self._slow = self._seen_s = 0.0

    @property
    def worse(self) -> float | None:
        """The worse of both; the quick one counts when it is so much higher that it is no ripple."""
        if self._fast is None:
            return None
        return self._fast if self._fast > _RIPPLE * self._slow else self._slow

    @property
    def mean(self) -> float | None:
        """The plain average."""
        return None if self._fast is None else self._mean

    def observe(self, value: float, *, over_s: float) -> None:
        """Learn what was seen over the last `over_s` seconds."""
        if self._fast is None:
            self._fast = self._slow = self._mean = value
            self._seen_s = over_s
            return
        self._seen_s += over_s
        self._fast += (1 - math.exp(-over_s / _FAST_S)) * (value - self._fast)
        self._mean += over_s / min(_MEAN_S, self._seen_s) * (value - self._mean) if over_s else 0.0
        self._slow += (1 - math.exp(-over_s / _SLOW_S)) * (value - self._slow)


class RateOfLate:
    """A rate of late: what is done in a time, so its harmonic mean, with a time constant of a second."""

    __slots__ = ("_mean", "_seen_s")

    def __init__(self) -> None:
        """Start with nothing."""
        self._mean = math.inf
        self._seen_s = -math.inf

    def observe(self, rate: float, *, now_s: float) -> float:
        """Learn the rate of now, above 0; what it was of late."""
        share = 1 - math.exp((self._seen_s - now_s) / _RATE_S)
        self._mean = 1 / ((1 - share) / self._mean + share / rate)
        self._seen_s = now_s
        return self._mean


class OnTimeWindow:
    """Chunks and misses of late: as many observations as hold the chunks that a claim about p99 needs."""

    def __init__(self) -> None:
        """Start with none."""
        self._seen: deque[tuple[int, int]] = deque()
        self.chunks = 0
        self.misses = 0

    def observe(self, *, chunks: int, on_time: int) -> None:
        """Count what one observation had."""
        self._seen.append((chunks, chunks - on_time))
        self.chunks += chunks
        self.misses += chunks - on_time
        while self.chunks - self._seen[0][0] >= _SHOWN_CHUNKS and (self.chunks > _WINDOW_CHUNKS or self.misses):
            oldest, missed = self._seen.popleft()
            self.chunks -= oldest
            self.misses -= missed

    def restart(self) -> None:
        """Begin again: the plan has changed, and what was before says nothing of it."""
        self._seen.clear()
        self.chunks = self.misses = 0

    @property
    def is_kept(self) -> bool:
        """Whether the chunks in it show that 99 of 100 are on time."""
        return self.misses <= MAX_MISSES and self.chunks >= samples_needed(self.misses)

    @property
    def miss_share(self) -> float:
        """Misses among the chunks in it; 0 when there is none."""
        return self.misses / self.chunks if self.chunks else 0.0
