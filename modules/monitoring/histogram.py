"""Latencies counted in logarithmic buckets: bounded memory, a known error, and two histograms add up to one.

The layout follows HdrHistogram (hdrhistogram.org): every doubling of time is cut into equal linear buckets, so that
finding a bucket needs one `math.frexp` and no logarithm. All values are in seconds. There is no lock here: a histogram
belongs to one thread, or its owner locks; a `HistogramSnapshot` is frozen and may go anywhere.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_LOWEST_EXPONENT, _HIGHEST_EXPONENT = -20, 12
_BUCKETS_PER_DOUBLING = 64  # a power of two, so that bucket edges are exact floats
_SCALE = 2 * _BUCKETS_PER_DOUBLING  # frexp's mantissa is in 0.5..1: half a unit is one doubling
_OFFSET = -(_LOWEST_EXPONENT + 2) * _BUCKETS_PER_DOUBLING
_LAYOUT = f"log2 {_LOWEST_EXPONENT}..{_HIGHEST_EXPONENT} /{_BUCKETS_PER_DOUBLING}"

LOWEST_S = 2.0**_LOWEST_EXPONENT
"""Shortest time with a bucket of its own, in seconds (just under a microsecond); shorter ones share its bucket."""

HIGHEST_S = 2.0**_HIGHEST_EXPONENT
"""End of the last bucket, in seconds (68 minutes); this and longer times share that bucket."""

MAX_RELATIVE_ERROR = 1 / (2 * _BUCKETS_PER_DOUBLING)
"""Most a quantile between `LOWEST_S` and `HIGHEST_S` is off: half a bucket over its lower edge, 0.78 %."""

BUCKETS = (_HIGHEST_EXPONENT - _LOWEST_EXPONENT) * _BUCKETS_PER_DOUBLING
"""Most buckets one histogram can hold; only those in use take memory."""

_RANK_SLACK = 1 - 1e-12  # 0.07 as a float is a hair above 0.07; its rank among 100 values is still 7, not 8


class LatencyHistogram:
    """Every recorded time is counted once; count, smallest, largest and (float) sum are kept beside the buckets."""

    __slots__ = ("_buckets", "_count", "_max", "_min", "_sum")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._count = 0
        self._sum = 0.0
        self._min = math.inf
        self._max = -math.inf

    def record(self, value_s: float) -> None:
        """Count one time in seconds. Raises `ValueError` unless it is 0 or more and finite."""
        if LOWEST_S <= value_s < HIGHEST_S:
            mantissa, exponent = math.frexp(value_s)
            index = exponent * _BUCKETS_PER_DOUBLING + int(mantissa * _SCALE) + _OFFSET
        elif 0 <= value_s < math.inf:
            index = 0 if value_s < LOWEST_S else BUCKETS - 1
        else:
            raise ValueError(f"value_s must be 0 or more and finite, got {value_s}")
        self._buckets[index] = self._buckets.get(index, 0) + 1
        self._count += 1
        self._sum += value_s
        if value_s < self._min:  # noqa: PLR1730 - cheaper than min(), and this runs for every chunk
            self._min = value_s
        if value_s > self._max:  # noqa: PLR1730 - as above
            self._max = value_s

    def record_all(self, values_s: NDArray[np.float64]) -> None:
        """Count times in seconds, shape (n,), as `record` counts each; thousands at once cost a tenth of it.

        Raises `ValueError` unless all are 0 or more and finite; none is then counted.
        """
        if not len(values_s):
            return
        smallest, largest = float(values_s.min()), float(values_s.max())  # NaN, where there is one, is both
        if not 0 <= smallest <= largest < math.inf:
            raise ValueError(f"every value must be 0 or more and finite, got {smallest} to {largest}")
        mantissas, exponents = np.frexp(np.clip(values_s, LOWEST_S, HIGHEST_S))
        indices = exponents * _BUCKETS_PER_DOUBLING + (mantissas * _SCALE).astype(np.int64) + _OFFSET
        counts = np.bincount(np.minimum(indices, BUCKETS - 1))
        used = np.flatnonzero(counts)
        for index, count in zip(used.tolist(), counts[used].tolist(), strict=True):
            self._buckets[index] = self._buckets.get(index, 0) + count
        self._count += len(values_s)
        self._sum += float(values_s.sum())
        self._min = min(self._min, smallest)
        self._max = max(self._max, largest)

    def merge(self, other: "LatencyHistogram | HistogramSnapshot") -> None:
        """Count all that `other` counted, as if it had been recorded here; `other` stays as it is."""
        added = other.snapshot() if isinstance(other, LatencyHistogram) else other
        if added.min is None or added.max is None:
            return
        for index, count in added.buckets:
            self._buckets[index] = self._buckets.get(index, 0) + count
        self._count += added.count
        self._sum += added.sum
        self._min = min(self._min, added.min)
        self._max = max(self._max, added.max)

    def quantile(self, q: float) -> float:
        """The time in seconds that a share `q` of the recorded times do not exceed, by nearest rank.

        That is the time at rank ceil(q * count) of the sorted times, counted from 1: exact for the first and the last,
        else the middle of its bucket, at most `MAX_RELATIVE_ERROR` off. Raises `ValueError` when nothing was recorded.
        """
        return self.snapshot().quantile(q)

    @property
    def count(self) -> int:
        """How many times were recorded."""
        return self._count

    @property
    def sum(self) -> float:
        """Sum of the recorded times in seconds, 0.0 when there is none."""
        return self._sum

    @property
    def min(self) -> float:
        """The shortest recorded time in seconds, exactly. Raises `ValueError` when nothing was recorded."""
        return self._known(self._min)

    @property
    def max(self) -> float:
        """The longest recorded time in seconds, exactly. Raises `ValueError` when nothing was recorded."""
        return self._known(self._max)

    def copy(self) -> "LatencyHistogram":
        """A histogram of its own with the same counts."""
        twin = LatencyHistogram()
        twin.merge(self)
        return twin

    def snapshot(self) -> "HistogramSnapshot":
        """What was counted so far, frozen."""
        empty = not self._count
        return HistogramSnapshot(
            count=self._count,
            sum=self._sum,
            min=None if empty else self._min,
            max=None if empty else self._max,
            buckets=tuple(sorted(self._buckets.items())),
        )

    def _known(self, value_s: float) -> float:
        if not self._count:
            raise ValueError("nothing was recorded yet; look at count first")
        return value_s

    def __repr__(self) -> str:
        if not self._count:
            return "<LatencyHistogram empty>"
        p50_ms, p99_ms = (self.quantile(q) * 1e3 for q in (0.5, 0.99))
        return (
            f"<LatencyHistogram count={self._count} p50={p50_ms:.3g}ms p99={p99_ms:.3g}ms max={self._max * 1e3:.3g}ms>"
        )


@dataclass(frozen=True, slots=True)
class HistogramSnapshot:
    """What a histogram had counted at one moment: times in seconds, `buckets` as ascending (index, count) pairs.

    `min` and `max` are exact and `None` when `count` is 0. A record that contradicts itself raises `ValueError`.
    """

    count: int = 0
    sum: float = 0.0
    min: float | None = None
    max: float | None = None
    buckets: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        indices = [index for index, _ in self.buckets]
        if sorted(set(indices)) != indices or (indices and not 0 <= indices[0] <= indices[-1] < BUCKETS):
            raise ValueError(f"buckets must have ascending indices from 0 to {BUCKETS - 1}, got {_short(indices)}")
        counts = [count for _, count in self.buckets]
        if min(counts, default=1) < 1 or sum(counts) != self.count:
            raise ValueError(f"counts in buckets must be 1 or more and add up to {self.count}, got {_short(counts)}")
        if self.min is None or self.max is None:
            if self.count or self.min is not self.max or self.sum != 0:
                raise ValueError(f"without a value count and sum are 0, min and max None, got {_short([self])}")
        elif not self.count or not 0 <= self.min <= self.max < math.inf:
            raise ValueError(f"min and max must be 0 <= min <= max and finite, got {self.min} and {self.max}")
        elif not self.max <= self.sum * (1 + 1e-9) < math.inf:
            raise ValueError(f"sum must be at least max and finite, got {self.sum} with max {self.max}")

    def quantile(self, q: float) -> float:
        """The time in seconds that a share `q` of the times do not exceed; see `LatencyHistogram.quantile`."""
        if not 0 <= q <= 1:
            raise ValueError(f"q must be 0 to 1, got {q}")
        if self.min is None or self.max is None:
            raise ValueError("no quantile of nothing; look at count first")
        rank = math.ceil(q * self.count * _RANK_SLACK)
        if rank <= 1:
            return self.min
        if rank == self.count:
            return self.max
        seen = 0
        for index, count in self.buckets:
            seen += count
            if seen >= rank:
                return min(max(_middle_s(index), self.min), self.max)
        raise AssertionError(f"rank {rank} of {self.count} lies in no bucket")

    def to_dict(self) -> dict[str, object]:
        """The same as plain JSON values; `from_dict` reads them back without loss."""
        return {
            "layout": _LAYOUT,
            "count": self.count,
            "sum_s": self.sum,
            "min_s": self.min,
            "max_s": self.max,
            "buckets": [list(pair) for pair in self.buckets],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, object]) -> Self:
        """The snapshot that `to_dict` wrote. Raises `ValueError` for another layout or broken fields."""
        if fields.get("layout") != _LAYOUT:
            raise ValueError(f"layout must be {_LAYOUT!r}, got {fields.get('layout')!r}")
        smallest, largest = fields.get("min_s"), fields.get("max_s")
        return cls(
            count=_whole("count", fields.get("count")),
            sum=_seconds("sum_s", fields.get("sum_s")),
            min=None if smallest is None else _seconds("min_s", smallest),
            max=None if largest is None else _seconds("max_s", largest),
            buckets=_pairs(fields.get("buckets")),
        )


def _middle_s(index: int) -> float:
    """The time in seconds half way between the two edges of a bucket."""
    doubling, step = divmod(index, _BUCKETS_PER_DOUBLING)
    return math.ldexp(1 + (step + 0.5) / _BUCKETS_PER_DOUBLING, _LOWEST_EXPONENT + doubling)


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, got {value!r}")  # noqa: TRY004 - wrong content, not wrong use
    return value


def _seconds(name: str, value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{name} must be a number of seconds, got {value!r}")  # noqa: TRY004 - as above
    return float(value)


def _pairs(value: object) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, (list, tuple)) or not all(_is_pair(item) for item in value):
        raise ValueError(f"buckets must be a list of [index, count], got {_short([value])}")
    return tuple((_whole("bucket index", index), _whole("bucket count", count)) for index, count in value)


def _is_pair(item: object) -> bool:
    return isinstance(item, (list, tuple)) and len(item) == 2  # noqa: PLR2004 - a pair


def _short(values: Iterable[object], *, max_characters: int = 80) -> str:
    text = ", ".join(str(value) for value in values)
    return text if len(text) <= max_characters else f"{text[:max_characters]}..."
