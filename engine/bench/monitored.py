"""A trial's book that is the processor's monitor: for a processor's own stages, where not every chunk has an event.

The monitor's latencies count from the schedule too, since that is what pieces are pushed with; that they agree with an
outside clock is a benchmark of its own.
"""

import time

from modules.measuring.pieces import HEALTHY, Moment, Outcome, whole_periods
from modules.monitoring.engine_state import EngineState
from modules.monitoring.histogram import LatencyHistogram
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.targets import PerformanceTarget
from modules.monitoring.windows import Window
from modules.simulation.arrivals import PIECE_S

_PERIOD_S = 0.5


class AnswersSeen(RealTimePerformanceMonitor):
    """A monitor that is a trial's book as well: it notes when each chunk was due, how late it was and how long."""

    def __init__(self, target: PerformanceTarget, *, piece_s: float = PIECE_S) -> None:
        """Count chunks as so many pieces as the plan says that they are long."""
        super().__init__(target)
        self._piece_s = piece_s
        self._pieces = 1
        self._due: list[tuple[float, int]] = []  # when, and of which stream
        self._answers: list[tuple[float, float, int]] = []  # due, late, pieces

    def sent(self, stream: int, _number: int, due_s: float) -> None:
        """A piece is sent that was due at `due_s`."""
        self._due.append((due_s, stream))

    def answered(self, latency_s: float, *, target_s: float) -> None:
        """A chunk was answered."""
        super().answered(latency_s, target_s=target_s)
        self._answers.append((time.perf_counter() - latency_s, latency_s, self._pieces))

    def tick(self, now_s: float, state: EngineState) -> Window | None:
        """The plan says how long chunks are."""
        if state.plan.chunk_s:
            self._pieces = max(1, round(state.plan.chunk_s / self._piece_s))
        return super().tick(now_s, state)

    def outcome(self, *, from_s: float, until_s: float) -> Outcome:
        """What became of the pieces due between these instants; how many streams were healthy is an estimate."""
        latency, limit_s = LatencyHistogram(), self.target.p99_chunk_latency_ms / 1e3
        streams = {stream for due_s, stream in self._due if from_s <= due_s < until_s}
        sent = sum(from_s <= due_s < until_s for due_s, _ in self._due)
        answered = on_time = 0
        for due_s, late_s, pieces in self._answers:
            if from_s <= due_s < until_s:
                latency.record(max(0.0, late_s))
                answered += pieces
                on_time += pieces * (late_s <= limit_s)
        on_time = min(on_time, sent)
        healthy = len(streams) if on_time >= HEALTHY * sent else round(len(streams) * on_time / sent)
        shot = latency.snapshot()
        return Outcome(sent, on_time, max(0, sent - answered), 0, 0, len(streams), healthy, shot, shot)

    def moments(self, *, from_s: float, until_s: float) -> list[Moment]:
        """The same by when pieces were due."""
        count = whole_periods(until_s - from_s, _PERIOD_S)
        limit_s = self.target.p99_chunk_latency_ms / 1e3
        sent, good = [0] * count, [0] * count
        for due_s, _ in self._due:
            if 0 <= (place := int((due_s - from_s) / _PERIOD_S)) < count:
                sent[place] += 1
        for due_s, late_s, pieces in self._answers:
            if 0 <= (place := int((due_s - from_s) / _PERIOD_S)) < count:
                good[place] += pieces * (late_s <= limit_s)
        return [Moment(from_s + at * _PERIOD_S, sent[at], min(sent[at], good[at])) for at in range(count)]
