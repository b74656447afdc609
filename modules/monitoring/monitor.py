"""`RealTimePerformanceMonitor`: what chunks waited, what they took and whether they were on time.

The verbs that run for every chunk only put numbers into arrays; those are counted into histograms by the thousand, or
when somebody asks. Only frozen data leaves here: `snapshot()` and `get_performance_dashboard()`.
"""

import math
from collections import deque
from dataclasses import replace
from types import MappingProxyType

from modules.monitoring.alerts import AlertBook
from modules.monitoring.compliance import CLAIM_CHUNKS
from modules.monitoring.conditions import conditions
from modules.monitoring.dashboard import RECENT_WINDOWS, Dashboard, History, dashboard_of
from modules.monitoring.engine_state import EngineState
from modules.monitoring.export import dashboard_csv, dashboard_json
from modules.monitoring.snapshot import MonitorSnapshot
from modules.monitoring.tallies import MAX_UNFOLDED, ChunkTally, HopTally
from modules.monitoring.targets import PerformanceTarget
from modules.monitoring.windows import Slice, Window, counts_of

HISTORY_WINDOWS = 300
"""Windows that are remembered: five minutes at one a second."""

MAX_STAGES = 64
"""Stages with times of their own; more share those of `OTHER_STAGES`."""

OTHER_STAGES = "other stages"


class RealTimePerformanceMonitor:
    """Told of every hop and every chunk by the event loop's thread, which is the only one that calls it."""

    def __init__(self, target: PerformanceTarget | None = None) -> None:
        """Start with nothing measured; `target` is what promises and alerts are judged by."""
        self.target = target or PerformanceTarget()
        self._stages: dict[str, HopTally] = {}
        self._folder: dict[str, HopTally] = {}
        self._chunks = ChunkTally(self.target.p99_chunk_latency_ms / 1e3)
        self._recorded_audio_s = 0.0  # in the window that runs
        self._recorded_before_s = 0.0
        self._ticked_s: float | None = None
        self._windows: deque[Window] = deque(maxlen=HISTORY_WINDOWS)
        self._recent: deque[Slice] = deque()
        self._claimed: deque[Slice] = deque(maxlen=HISTORY_WINDOWS - RECENT_WINDOWS)  # with chunks; without stages
        self._alerts = AlertBook()

    def __repr__(self) -> str:
        up = ", ".join(alert.name for alert in self._alerts.alerts) or "no alerts"
        return f"<RealTimePerformanceMonitor {len(self._windows)} windows, {up}>"

    # The verbs of the hot path: a number that is no time raises `ValueError` and is not counted.

    def hop(self, stage: str, *, queue_s: float, service_s: float) -> None:
        """A hop of `stage` for a live stream waited and was served."""
        tally = self._stages.get(stage)
        if tally is None:
            tally = _tally(self._stages, stage)
        if not (0 <= queue_s < math.inf and 0 <= service_s < math.inf):
            raise _no_time(queue_s, service_s)
        tally.queue_s.append(queue_s)
        tally.service_s.append(service_s)
        if len(tally.service_s) >= MAX_UNFOLDED:
            tally.fold()

    def recorded(self, stage: str, *, queue_s: float, service_s: float, audio_s: float = 0.0) -> None:
        """A hop of `stage` for a recording, which has no deadline, waited and was served.

        `audio_s` is how much of the recording was thereby recognised: 0 for a stage before the recogniser.
        """
        tally = self._folder.get(stage)
        if tally is None:
            tally = _tally(self._folder, stage)
        if not (0 <= queue_s < math.inf and 0 <= service_s < math.inf and 0 <= audio_s < math.inf):
            raise _no_time(queue_s, service_s, audio_s)
        tally.queue_s.append(queue_s)
        tally.service_s.append(service_s)
        self._recorded_audio_s += audio_s
        if len(tally.service_s) >= MAX_UNFOLDED:
            tally.fold()

    def answered(self, latency_s: float, *, target_s: float) -> None:
        """A live chunk was answered `latency_s` after its last sample was available; on time is within `target_s`."""
        if not 0 <= latency_s < math.inf:
            raise _no_time(latency_s)
        chunks = self._chunks
        chunks.latency_s.append(latency_s)
        if latency_s <= target_s:
            chunks.on_time += 1
        if len(chunks.latency_s) >= MAX_UNFOLDED:
            chunks.fold()

    def failed(self) -> None:
        """A stage raised on a live chunk."""
        self._chunks.failed += 1

    def dropped(self) -> None:
        """Samples of a live stream were dropped."""
        self._chunks.dropped += 1

    # What follows is for the governor and for those who look.

    @property
    def ticked_s(self) -> float | None:
        """The instant of the last tick; `None` before the first."""
        return self._ticked_s

    def tick(self, now_s: float, state: EngineState) -> Window | None:
        """Cut the window that ends at `now_s`, an instant of a steady clock; the first tick only begins one.

        `state` is what the engine says of itself now. Raises `ValueError` when `now_s` is not after the last tick.
        """
        start_s = self._ticked_s
        if start_s is not None and now_s <= start_s:
            raise ValueError(f"now_s must be after the last tick at {start_s} s, got {now_s}")
        self._ticked_s = now_s
        cut = self._cut(-math.inf if start_s is None else start_s, now_s)
        window = None if start_s is None else self._remember(cut, state)  # what was before is in no window
        chunk_s = state.plan.chunk_s
        limit_s = self.target.pipeline_latency_ms / 1e3
        self._chunks.pipeline_target_s = math.inf if chunk_s is None else limit_s - chunk_s
        return window

    def snapshot(self) -> MonitorSnapshot:
        """All that was measured since the start, frozen."""
        counts, latency = self._chunks.all_so_far()
        return MonitorSnapshot(
            stages=MappingProxyType({name: tally.times() for name, tally in self._stages.items()}),
            latency=latency,
            counts=counts,
            folder=MappingProxyType({name: tally.times() for name, tally in self._folder.items()}),
            recorded_audio_s=self._recorded_before_s + self._recorded_audio_s,
        )

    def get_performance_dashboard(self) -> Dashboard:
        """How the engine does: totals, history, promises, alerts, trends and what would help. Frozen.

        What happened after the last tick is in the totals alone.
        """
        slices, alerts = (*self._claimed, *self._recent), self._alerts
        history = History(tuple(self._windows), slices, alerts.alerts, alerts.cleared)
        return dashboard_of(self.target, self.snapshot(), history)

    def export_json(self) -> str:
        """The dashboard as one JSON object."""
        return dashboard_json(self.get_performance_dashboard())

    def export_csv(self) -> str:
        """The history as CSV: a line of names, then one line a window, oldest first."""
        return dashboard_csv(self.get_performance_dashboard())

    def _cut(self, start_s: float, end_s: float) -> Slice:
        """The slice that ends now; the next one begins."""
        counts, latency = self._chunks.cut()
        audio_s, self._recorded_audio_s = self._recorded_audio_s, 0.0
        self._recorded_before_s += audio_s
        return Slice(
            start_s=start_s,
            end_s=end_s,
            counts=counts,
            latency=latency,
            stages=tuple((name, tally.cut()) for name, tally in self._stages.items()),
            folder=tuple((name, tally.cut()) for name, tally in self._folder.items()),
            recorded_audio_s=audio_s,
        )

    def _remember(self, cut: Slice, state: EngineState) -> Window:
        """Add it to history. Its slice is kept while it is recent, its latencies while a claim needs the chunks."""
        window = Window.of(cut, state)
        self._windows.append(window)
        self._recent.append(cut)
        if len(self._recent) > RECENT_WINDOWS and (old := self._recent.popleft()).counts.chunks:
            self._claimed.append(replace(old, stages=(), folder=()))
        chunks = counts_of((*self._claimed, *self._recent)).chunks
        while self._claimed and chunks - self._claimed[0].counts.chunks >= CLAIM_CHUNKS:
            chunks -= self._claimed.popleft().counts.chunks
        self._alerts.observe(cut.start_s, cut.end_s, conditions(self.target, tuple(self._windows)))
        return window


def _tally(tallies: dict[str, HopTally], stage: str) -> HopTally:
    """The tally of a stage that has none yet."""
    name = stage if len(tallies) < MAX_STAGES else OTHER_STAGES
    return tallies.setdefault(name, HopTally())


def _no_time(*values: float) -> ValueError:
    return ValueError(f"a time must be 0 s or more and finite, got {', '.join(map(str, values))}")
