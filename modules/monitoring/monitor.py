"""`RealTimePerformanceMonitor`: what chunks waited, what they took and whether they were on time.

Only the snapshot is read by others: frozen data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from modules.monitoring.histogram import HistogramSnapshot, LatencyHistogram


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Per hop of one stage: seconds waited for a worker, seconds on it, and their sum."""

    queue: HistogramSnapshot
    service: HistogramSnapshot
    total: HistogramSnapshot


@dataclass(frozen=True, slots=True)
class MonitorSnapshot:
    """What was measured so far. A drop or an error is a miss; `latency` has the chunks that were answered."""

    stages: Mapping[str, StageTimes]
    latency: HistogramSnapshot
    answered: int
    on_time: int
    failed: int
    dropped: int

    @property
    def on_time_fraction(self) -> float:
        """Chunks on time among all that were answered, failed or dropped; 1 when there was none."""
        chunks = self.answered + self.failed + self.dropped
        return self.on_time / chunks if chunks else 1.0


@dataclass(slots=True)
class _Stage:
    queue: LatencyHistogram = field(default_factory=LatencyHistogram)
    service: LatencyHistogram = field(default_factory=LatencyHistogram)
    total: LatencyHistogram = field(default_factory=LatencyHistogram)


class RealTimePerformanceMonitor:
    """Told of every hop and every chunk by the event loop's thread, which is the only one that calls it."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self._stages: dict[str, _Stage] = {}
        self._latency = LatencyHistogram()
        self._on_time = 0
        self._failed = 0
        self._dropped = 0

    def hop(self, stage: str, *, queue_s: float, service_s: float) -> None:
        """A hop of `stage` waited and was served."""
        times = self._stages.get(stage)
        if times is None:
            times = self._stages[stage] = _Stage()
        times.queue.record(queue_s)
        times.service.record(service_s)
        times.total.record(queue_s + service_s)

    def answered(self, latency_s: float, *, target_s: float) -> None:
        """A chunk was answered `latency_s` after its last sample was available."""
        self._latency.record(latency_s)
        self._on_time += latency_s <= target_s

    def failed(self) -> None:
        """A stage raised on a chunk."""
        self._failed += 1

    def dropped(self) -> None:
        """Samples were dropped."""
        self._dropped += 1

    def snapshot(self) -> MonitorSnapshot:
        """All of it, frozen."""
        return MonitorSnapshot(
            stages=MappingProxyType(
                {
                    name: StageTimes(times.queue.snapshot(), times.service.snapshot(), times.total.snapshot())
                    for name, times in self._stages.items()
                }
            ),
            latency=self._latency.snapshot(),
            answered=self._latency.count,
            on_time=self._on_time,
            failed=self._failed,
            dropped=self._dropped,
        )
