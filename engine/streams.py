"""`Streams`: the live streams of a processor: what they share, how many there may be, and what their plan is."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import anyio

from engine.dispatch import LOOP, Dispatch
from engine.hop_kind import HopKind
from engine.pipeline import Pipeline
from engine.shared_calls import Work
from engine.stream import LiveStream
from engine.stream_book import StreamBook
from engine.stream_options import DEFAULT_CHUNK_S, StreamOptions
from engine.stream_row import HopPlace, StreamRow
from engine.workers import WorkerThreads
from modules.batching.cost_model import CostKey
from modules.batching.live_chunks import LengthCost, averaged, length_costs
from modules.errors import Overloaded
from modules.models.fallback import Fallback
from modules.models.identities import fallbacks_of
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.beside import each_stage
from modules.stages.hop import AnyStage, Hop, hops_of
from modules.stages.live import LiveVosk
from modules.stages.protocols import Session
from modules.tuning.plan import Plan

RETRY_AFTER_S = 1.0


@dataclass(slots=True)
class _Shared:
    """Hops that streams with the same stages share; gone with the last of the streams."""

    stages: Sequence[AnyStage]  # kept, so that their ids stay theirs
    hops: list[Hop]
    streams: int = 0


@dataclass(frozen=True, slots=True)
class StreamWish:
    """What a stream that is to be opened asks of memory: its sound, and whose stages it passes."""

    sample_rate: int
    chunk_s: float
    has_own_stages: bool


class Streams:
    """Opens live streams. Streams with the same stages share their hops, hence their model calls."""

    def __init__(
        self,
        pipeline: Pipeline,
        workers: WorkerThreads,
        dispatch: Dispatch,
        monitor: RealTimePerformanceMonitor,
        room: Callable[[StreamWish], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        """Run on `workers`, tell `monitor`; what only waits for other processes gets threads of its own.

        A stream is open inside the `room` that there is for it; entering that raises `Overloaded`.
        """
        self.book = StreamBook()
        self.plan: Plan | None = None
        self._monitor = monitor
        self._room = room
        self._pipeline = pipeline
        self._workers = workers
        self._dispatch = dispatch
        self._max_streams = pipeline.config.max_streams
        self._shared: dict[tuple[int, ...], _Shared] = {}
        self._live: Sequence[AnyStage] | None = None
        self._remote: WorkerThreads | None = None
        self._preparing = anyio.Lock()  # models and threads are made once
        self._left = AsyncExitStack()
        self._opening = 0
        self._placed = 0

    async def close(self) -> None:
        """End the threads of remote hops."""
        await self._left.aclose()

    @property
    def open_now(self) -> int:
        """How many are open or being opened."""
        return len(self.book) + self._opening

    @property
    def live_names(self) -> Sequence[str]:
        """The names of the hops of the pipeline's own stages, once a stream has used them."""
        rows = [shared.hops for shared in self._shared.values() if shared.stages is self._live]
        return [*(hop.name for hops in rows for hop in hops), *([LOOP.model] if rows else [])]

    @property
    def fallbacks(self) -> list[Fallback[Any]]:
        """The roles in the models of stages that open streams go through."""
        return [role for shared in self._shared.values() for role in fallbacks_of(*each_stage(shared.stages))]

    async def open(self, options: StreamOptions, stages: Sequence[AnyStage] | None = None) -> LiveStream:
        """A stream through `stages`, or through the pipeline's own. Raises `Overloaded` and `ModelError`."""
        if self.open_now >= self._max_streams:
            raise Overloaded(f"{self.open_now} streams are open, which is max_streams", retry_after_s=RETRY_AFTER_S)
        if self.plan is not None and not (self.plan.accepts_streams and self.plan.accepts_input):
            raise Overloaded(
                f"{self.open_now} streams are open and this machine carries no more", retry_after_s=RETRY_AFTER_S
            )
        chunk_s = options.chunk_s or (self.plan.chunk_s if self.plan else DEFAULT_CHUNK_S)
        room = ExitStack()
        room.enter_context(self._room(StreamWish(options.sample_rate, chunk_s, stages is not None)))
        self._opening += 1
        shared = None
        try:
            shared = self._share(stages if stages is not None else await self._live_stages())
            first = [self._pipeline.sound(options.sample_rate)] if stages is None else []
            row = [await self._place(hop, [] if number else first) for number, hop in enumerate(shared.hops)]
        except BaseException:
            if shared is not None:
                self._unshare(shared)
            room.close()
            raise
        finally:
            self._opening -= 1
        stream = LiveStream(
            options, StreamRow(row, self._monitor, self._served), on_left=lambda: self._over(stream, shared, room)
        )
        self.book.add(stream)
        return stream

    async def _place(self, hop: Hop, first: Sequence[Session[Any, Any]]) -> HopPlace:
        """A new stream's place in a hop. Sessions stay with one worker where they can, for their memory's sake."""
        workers = await self._workers_for(hop)
        self._placed += 1
        home = None if hop.is_shared or hop.is_remote else self._placed % workers.count
        return HopPlace(hop, workers, hop.open(first), home)

    def follow(self, plan: Plan) -> None:
        """Treat the streams as `plan` says."""
        self.plan = plan
        self.book.follow(plan)
        self._switch_partials()

    def lengths(self, allowed_s: Sequence[float]) -> tuple[LengthCost, ...]:
        """What a chunk of each allowed length costs, averaged over the open streams; those known of all of them."""
        costs, means = self._dispatch.costs, self._dispatch.means
        rows = [
            (shared.streams, length_costs(costs, {s: _keys(shared.hops, s) for s in allowed_s}, means))
            for shared in self._shared.values()
            if shared.streams
        ]
        loop_s = self._dispatch.loop_s
        return tuple(replace(cost, cpu_s=cost.cpu_s + loop_s) for cost in averaged(rows))

    def _served(self, hop: Hop, work: Work) -> None:
        self._monitor.hop(hop.name, queue_s=work.queue_s, service_s=work.service_s)
        self.book.waited(work.queue_s)

    async def _live_stages(self) -> Sequence[AnyStage]:
        async with self._preparing:
            if self._live is None:
                self._live = await self._workers.run(self._pipeline.live_stages)
                self._switch_partials()
        return self._live

    def _switch_partials(self) -> None:
        for stage in each_stage(self._live or ()):
            if isinstance(stage, LiveVosk) and self.plan is not None:
                stage.says_partials = self.plan.partials

    def _share(self, stages: Sequence[AnyStage]) -> _Shared:
        """The hops of these stages, for one stream more."""
        key = tuple(map(id, stages))
        if key not in self._shared:
            self._shared[key] = _Shared(stages, hops_of(stages))
        self._shared[key].streams += 1
        return self._shared[key]

    async def _workers_for(self, hop: Hop) -> WorkerThreads:
        if not hop.is_remote:
            return self._workers
        async with self._preparing:
            if self._remote is None:
                threads = WorkerThreads(
                    self._pipeline.max_sessions, name="onbeat-remote", on_call=self._dispatch.called_remotely
                )
                self._remote = await self._left.enter_async_context(threads)
        return self._remote

    def _over(self, stream: LiveStream, shared: _Shared, room: ExitStack) -> None:
        self.book.remove(stream)
        room.close()
        self._unshare(shared)

    def _unshare(self, shared: _Shared) -> None:
        """One stream less uses these hops; what nobody uses is forgotten, but for the pipeline's own stages."""
        shared.streams -= 1
        if shared.streams or shared.stages is self._live:
            return
        self._shared.pop(tuple(map(id, shared.stages)), None)
        self._dispatch.forget(shared.hops)


def _keys(hops: Sequence[Hop], chunk_s: float) -> list[CostKey]:
    return [HopKind(hop, chunk_s).key for hop in hops]
