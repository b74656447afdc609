"""What calls of a model cost, by how many rows they have: on the clock, in CPU time, and where the knee is."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from numpy.typing import NDArray

from modules.batching.knee import KNEE_SHARE
from modules.models.onnx import OnnxModel
from modules.models.replay import batch_axis
from modules.models.tensors import TensorSpec, example_feeds

Feeds = Mapping[str, NDArray[Any]]

_LEAST_CALLS: Final = 5
_MOST_CALLS: Final = 2_000
_PASSES: Final = 5


@dataclass(frozen=True, slots=True)
class RowsCost:
    """Calls of so many rows on one thread: the first one, the median and the CPU time, in milliseconds a call."""

    rows: int
    first_ms: float
    call_ms: float
    cpu_ms: float

    def __post_init__(self) -> None:
        if self.rows < 1 or not self.call_ms > 0:
            raise ValueError(f"rows must be at least 1 and call_ms above 0, got {self.rows} and {self.call_ms}")

    @property
    def rows_per_s(self) -> float:
        """Rows a second on one thread."""
        return self.rows / self.call_ms * 1e3

    @property
    def cpu_ms_a_row(self) -> float:
        """CPU time a row."""
        return self.cpu_ms / self.rows


def cost_of(run: Callable[[Feeds], object], feeds: Feeds, *, rows: int, seconds: float = 0.5) -> RowsCost:
    """Time calls of `run` for about so long, the first apart. Raises what `run` does."""
    (cost,) = costs_of(run, {rows: feeds}, seconds=seconds)
    return cost


def costs_of(run: Callable[[Feeds], object], calls: Mapping[int, Feeds], *, seconds: float = 0.5) -> list[RowsCost]:
    """The cost of each of `calls`, by its rows, for about so long each. Raises what `run` does.

    They are timed in turn, in several passes: on a machine whose speed drifts each has its share of fast and slow.
    """
    found = {rows: _Taken() for rows in calls}
    for _ in range(_PASSES):
        for rows, feeds in calls.items():
            found[rows].add(run, feeds, seconds / _PASSES)
    return [
        RowsCost(rows, taken.ms[0], statistics.median(taken.ms[1:]), taken.cpu_s / (len(taken.ms) - 1) * 1e3)
        for rows, taken in found.items()
    ]


@dataclass(slots=True)
class _Taken:
    """What calls took so far: each in milliseconds by the clock, all but the first in CPU seconds."""

    ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    def add(self, run: Callable[[Feeds], object], feeds: Feeds, seconds: float) -> None:
        """Call it for about so long."""
        if not self.ms:
            self._call(run, feeds)
        most = len(self.ms) + _MOST_CALLS // _PASSES
        least = len(self.ms) + -(-_LEAST_CALLS // _PASSES)
        used_s, begun_s = time.process_time(), time.perf_counter()
        while len(self.ms) < least or (len(self.ms) < most and time.perf_counter() - begun_s < seconds):
            self._call(run, feeds)
        self.cpu_s += time.process_time() - used_s

    def _call(self, run: Callable[[Feeds], object], feeds: Feeds) -> None:
        started_s = time.perf_counter()
        run(feeds)
        self.ms.append((time.perf_counter() - started_s) * 1e3)


def costs(
    model: OnnxModel,
    rows: Sequence[int],
    sizes: Mapping[str, int],
    given: Mapping[str, NDArray[Any]],
    *,
    seconds: float = 0.5,
) -> list[RowsCost]:
    """The cost of calls of so many rows each, with examples for inputs that are not `given`.

    `sizes` are those of the other free axes. Raises `ModelError` as `run` does, `ValueError` where a size is missing.
    """
    calls = {count: bench_feeds(model.inputs, count, sizes, given) for count in rows}
    return costs_of(model.run, calls, seconds=seconds)


def bench_feeds(
    specs: Sequence[TensorSpec], rows: int, sizes: Mapping[str, int], given: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """A call of so many rows: the first free axis of each input is the batch. Raises `ValueError` as `example` does."""
    batched: dict[str, int] = {}
    for spec in specs:
        axis = batch_axis(spec)
        if axis is not None:
            name = spec.shape[axis]
            batched[name if isinstance(name, str) else f"{spec.name}.{axis}"] = rows
    return example_feeds(specs, {**batched, **sizes}, given)


def can_batch(specs: Sequence[TensorSpec]) -> bool:
    """Whether any input has a free axis to put rows on."""
    return any(batch_axis(spec) is not None for spec in specs)


def knee(measured: Sequence[RowsCost]) -> RowsCost:
    """The smallest batch within 3 % of the best throughput measured. Pure."""
    best = max(cost.rows_per_s for cost in measured)
    return next(cost for cost in sorted(measured, key=lambda c: c.rows) if cost.rows_per_s >= KNEE_SHARE * best)
