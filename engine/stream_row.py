"""`StreamRow`: the hops that a stream's chunks pass, and the stream's own place in each."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.hop_kind import END_S, HopKind
from engine.shared_calls import Work, call_each, untold
from engine.workers import PLAIN, Workers
from modules.batching.waiting import Urgency
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.hop import END, Hop, HopCall, HopSession

LET_GO_WITHIN_S = 1.0
"""How urgent it is to free what a stream that is over has held."""


@dataclass(slots=True)
class HopPlace:
    """A hop, the workers it runs on and the stream's session in it."""

    hop: Hop
    workers: Workers
    session: HopSession | None
    home: int | None = None
    """The worker the session is best left to."""
    _kinds: dict[float, HopKind] = field(default_factory=dict)

    def work(self, payload: object, chunk_s: float, urgency: Urgency, told: Callable[[Work], None]) -> Work:
        """What a worker is to do with `payload`, of a chunk of `chunk_s` seconds or the end of the stream."""
        assert self.session is not None, "the stream is over"
        length_s = END_S if payload is END else chunk_s
        kind = self._kinds.get(length_s)
        if kind is None:
            kind = self._kinds[length_s] = HopKind(self.hop, length_s, self.home)
        work = Work(self.hop.run, HopCall(self.session, payload), told, urgency, kind)
        work.home = self.home
        return work

    def cancel(self) -> None:
        """Tell the session to stop."""
        if self.session is not None:
            self.session.cancel()

    def let_go(self) -> None:
        """Have a worker let go of the session: to free what a recogniser holds takes it tens of milliseconds."""
        held, self.session = [self.session], None
        if self.hop.is_shared:
            return
        with contextlib.suppress(RuntimeError):  # the workers have ended: it goes here and now
            urgency = Urgency(time.perf_counter() + LET_GO_WITHIN_S)
            self.workers.submit(Work(call_each, held.clear, untold, urgency, PLAIN))


@dataclass(frozen=True, slots=True)
class StreamRow:
    """The hops in order, and who is told what became of the chunks."""

    places: Sequence[HopPlace]
    monitor: RealTimePerformanceMonitor
    served: Callable[[Hop, Work], None] = lambda _hop, _work: None
    """Told of every hop: what it waited and what it took."""
    clock: Callable[[], float] = time.perf_counter

    def cancel(self) -> None:
        """Tell the sessions to stop."""
        for place in self.places:
            place.cancel()

    def let_go(self) -> None:
        """The stream is over: free what its sessions hold."""
        for place in self.places:
            place.let_go()
