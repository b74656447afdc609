"""`Tally`: what became of one stream's chunks, for whoever asks the stream, and told to the monitor."""

from modules.monitoring.monitor import RealTimePerformanceMonitor


class Tally:
    """Counts the chunks of one stream whose answers are due `target_s` seconds after their last sample was there."""

    __slots__ = ("_monitor", "_target_s", "_was_late", "answered_chunks", "chunks", "failed_chunks", "on_time")

    def __init__(self, monitor: RealTimePerformanceMonitor, *, target_s: float) -> None:
        """Start at none."""
        self._monitor = monitor
        self._target_s = target_s
        self._was_late = False
        self.chunks = 0
        """Answered, failed, or dropped while the stream was served; none that was late before it could begin."""
        self.on_time = 0
        self.answered_chunks = 0
        self.failed_chunks = 0

    def begun(self, *, waited_s: float) -> None:
        """A chunk begins, `waited_s` after its last sample was there."""
        self._was_late = waited_s > self._target_s

    def answered(self, latency_s: float) -> None:
        """A chunk has its result, `latency_s` after its last sample was there."""
        self._monitor.answered(latency_s, target_s=self._target_s)
        self.answered_chunks += 1
        if not self._was_late:  # else it tells of a time that is over
            self.chunks += 1
            self.on_time += latency_s <= self._target_s

    def failed(self) -> None:
        """A stage raised on a chunk."""
        self._monitor.failed()
        self.chunks += 1
        self.failed_chunks += 1

    def dropped(self, *, is_served: bool) -> None:
        """Samples were given up; a miss, unless the stream is not served, which is then no chunk of those served."""
        self._monitor.dropped()
        self.chunks += is_served
