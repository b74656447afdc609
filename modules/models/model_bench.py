"""What calls of a model cost, by how many rows they have: on the clock, in CPU time, and where the knee is."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from modules.batching.knee import KNEE_SHARE
from modules.models.onnx import OnnxModel
from modules.models.replay import batch_axis
from modules.models.tensors import TensorSpec, example_feeds

Feeds = Mapping[str, NDArray[Any]]

_LEAST_CALLS: Final = 5
_MOST_CALLS: Final = 2_000


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
    started_s = time.perf_counter()
    run(feeds)
    first_ms = (time.perf_counter() - started_s) * 1e3
    taken_ms: list[float] = []
    used_s, begun_s = time.process_time(), time.perf_counter()
    while len(taken_ms) < _LEAST_CALLS or (len(taken_ms) < _MOST_CALLS and time.perf_counter() - begun_s < seconds):
        started_s = time.perf_counter()
        run(feeds)
        taken_ms.append((time.perf_counter() - started_s) * 1e3)
    cpu_ms = (time.process_time() - used_s) / len(taken_ms) * 1e3
    return RowsCost(rows, first_ms, statistics.median(taken_ms), cpu_ms)


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
    return [
        cost_of(model.run, bench_feeds(model.inputs, count, sizes, given), rows=count, seconds=seconds)
        for count in rows
    ]


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
