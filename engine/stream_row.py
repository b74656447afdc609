"""`StreamRow`: the hops that a stream's chunks pass, and the stream's own place in each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.hop_kind import END_S, HopKind
from engine.shared_calls import Work
from engine.workers import Workers
from modules.batching.ready_queue import Urgency
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.hop import END, Hop, HopCall, HopSession


@dataclass(slots=True)
class HopPlace:
    """A hop, the workers it runs on and the stream's session in it."""

    hop: Hop
    workers: Workers
    session: HopSession
    home: int | None = None
    """The worker the session is best left to."""
    _kinds: dict[float, HopKind] = field(default_factory=dict)

    def work(self, payload: object, chunk_s: float, urgency: Urgency, told: Callable[[Work], None]) -> Work:
        """What a worker is to do with `payload`, of a chunk of `chunk_s` seconds or the end of the stream."""
        length_s = END_S if payload is END else chunk_s
        kind = self._kinds.get(length_s)
        if kind is None:
            kind = self._kinds[length_s] = HopKind(self.hop, length_s, self.home)
        work = Work(self.hop.run, HopCall(self.session, payload), told, urgency, kind)
        work.home = self.home
        return work


@dataclass(frozen=True, slots=True)
class StreamRow:
    """The hops in order, and who is told what became of the chunks."""

    places: Sequence[HopPlace]
    monitor: RealTimePerformanceMonitor
    served: Callable[[Hop, Work], None] = lambda _hop, _work: None
    """Told of every hop: what it waited and what it took."""
    clock: Callable[[], float] = time.perf_counter
