"""What a monitor writes into: numbers go into arrays, and from there by the thousand into histograms.

Recording one number costs a tenth of counting it at once. There is no lock: a tally belongs to one thread.
"""

import math
from array import array

import numpy as np

from modules.monitoring.histogram import HistogramSnapshot, LatencyHistogram
from modules.monitoring.snapshot import ChunkCounts, StageTimes
from modules.monitoring.windows import HopTimes

MAX_UNFOLDED = 4096
"""Numbers of one kind that may wait to be counted into a histogram; who appends the last one calls `fold`."""


class HopTally:
    """The hops of one stage: of the window that runs, and of all before it."""

    __slots__ = ("_queue", "_service", "_total", "_window_queue", "_window_service", "queue_s", "service_s")

    def __init__(self) -> None:
        """Start with none."""
        self.queue_s = array("d")
        self.service_s = array("d")
        self._queue, self._service, self._total = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
        self._window_queue, self._window_service = LatencyHistogram(), LatencyHistogram()

    def fold(self) -> None:
        """Count what waits."""
        queue_s, service_s = np.array(self.queue_s), np.array(self.service_s)
        self._window_queue.record_all(queue_s)
        self._window_service.record_all(service_s)
        self._total.record_all(queue_s + service_s)
        del self.queue_s[:], self.service_s[:]

    def cut(self) -> HopTimes:
        """The window that ends now; the next one begins."""
        self.fold()
        times = HopTimes(self._window_queue.snapshot(), self._window_service.snapshot())
        self._queue.merge(times.queue)
        self._service.merge(times.service)
        self._window_queue, self._window_service = LatencyHistogram(), LatencyHistogram()
        return times

    def times(self) -> StageTimes:
        """All of them so far."""
        self.fold()
        queue, service = _sum(self._queue, self._window_queue), _sum(self._service, self._window_service)
        return StageTimes(queue, service, self._total.snapshot())


class ChunkTally:
    """Live chunks: of the window that runs, and of all before it."""

    __slots__ = (
        "_counts",
        "_late",
        "_latency",
        "_pipeline_late",
        "_target_s",
        "_window_latency",
        "dropped",
        "failed",
        "latency_s",
        "on_time",
        "pipeline_target_s",
    )

    def __init__(self, target_s: float) -> None:
        """Start with none; later than `target_s` is late."""
        self.latency_s = array("d")
        self.on_time = self.failed = self.dropped = 0
        self.pipeline_target_s = math.inf
        """Chunk latency beyond which the pipeline's promise is missed."""
        self._target_s = target_s
        self._late = self._pipeline_late = 0
        self._latency, self._window_latency = LatencyHistogram(), LatencyHistogram()
        self._counts = ChunkCounts()

    def fold(self) -> None:
        """Count what waits."""
        latency_s = np.array(self.latency_s)
        self._window_latency.record_all(latency_s)
        self._late += int(np.count_nonzero(latency_s > self._target_s))
        self._pipeline_late += int(np.count_nonzero(latency_s > self.pipeline_target_s))
        del self.latency_s[:]

    def cut(self) -> tuple[ChunkCounts, HistogramSnapshot]:
        """The window that ends now; the next one begins."""
        self.fold()
        counts, latency = self._window_counts(), self._window_latency.snapshot()
        self._counts = self._counts + counts
        self._latency.merge(latency)
        self._window_latency = LatencyHistogram()
        self.on_time = self.failed = self.dropped = self._late = self._pipeline_late = 0
        return counts, latency

    def all_so_far(self) -> tuple[ChunkCounts, HistogramSnapshot]:
        """Those before the window, and those in it."""
        self.fold()
        return self._counts + self._window_counts(), _sum(self._latency, self._window_latency)

    def _window_counts(self) -> ChunkCounts:
        return ChunkCounts(
            answered=self._window_latency.count,
            on_time=self.on_time,
            late=self._late,
            pipeline_late=self._pipeline_late,
            failed=self.failed,
            dropped=self.dropped,
        )


def _sum(one: LatencyHistogram, other: LatencyHistogram) -> HistogramSnapshot:
    both = one.copy()
    both.merge(other)
    return both.snapshot()
