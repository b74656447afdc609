"""Windows made up: what tests of the monitor's judgements are given instead of measurements."""

from modules.monitoring.engine_state import EngineState
from modules.monitoring.histogram import HistogramSnapshot, LatencyHistogram
from modules.monitoring.snapshot import ChunkCounts
from modules.monitoring.windows import HopTimes, Quantiles, Slice, StageWindow, Window


def times(*values_s: float) -> HistogramSnapshot:
    """A histogram of these times in seconds."""
    histogram = LatencyHistogram()
    for value_s in values_s:
        histogram.record(value_s)
    return histogram.snapshot()


def stage(name: str, *, queue_s: float, service_s: float) -> StageWindow:
    """A stage whose hops all waited and took the same."""
    queue, service = Quantiles.of(times(queue_s)), Quantiles.of(times(service_s))
    assert queue is not None
    assert service is not None
    return StageWindow(name, queue, service)


def window(
    number: int = 0,
    *,
    counts: ChunkCounts | None = None,
    p99_s: float | None = None,
    stages: tuple[StageWindow, ...] = (),
    state: EngineState | None = None,
) -> Window:
    """The window from second `number` to the next."""
    return Window(
        start_s=float(number),
        end_s=number + 1.0,
        counts=counts or ChunkCounts(),
        latency=None if p99_s is None else Quantiles.of(times(p99_s)),
        stages=stages,
        state=state or EngineState(),
    )


def answered(chunks: int, *, late: int = 0, failed: int = 0, dropped: int = 0) -> ChunkCounts:
    """So many chunks answered, some of them late for every promise, and others lost."""
    return ChunkCounts(chunks, chunks - late, late, late, failed, dropped)


def cut(number: int, *latencies_s: float, target_s: float = 0.3, **hops: tuple[float, float]) -> Slice:
    """The slice from second `number` to the next, with chunks of these latencies and a hop of each stage named."""
    late = sum(latency_s > target_s for latency_s in latencies_s)
    return Slice(
        start_s=float(number),
        end_s=number + 1.0,
        counts=answered(len(latencies_s), late=late),
        latency=times(*latencies_s),
        stages=tuple((name, HopTimes(times(queue_s), times(service_s))) for name, (queue_s, service_s) in hops.items()),
    )
