"""`Streams`: the live streams of a processor: what they share, how many there may be, and how their hops are sized."""

from collections.abc import Hashable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import anyio

from engine.pipeline import Pipeline
from engine.shared_calls import Answer
from engine.stream import LiveStream
from engine.stream_options import StreamOptions, StreamRow
from engine.workers import WorkerThreads
from modules.batching.chunks import HopSizer
from modules.batching.ready_queue import BatchPlan
from modules.batching.relief import PartialsGate
from modules.errors import Overloaded
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.hop import AnyStage, Hop, hops_of
from modules.stages.live import LiveVosk

RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How many streams there may be at once, and how many chunks may share a model call."""

    max_streams: int
    max_batch: int


@dataclass(slots=True)
class _Shared:
    """Hops that streams with the same stages share, and what is known of each; gone with the last of the streams."""

    stages: Sequence[AnyStage]  # kept, so that their ids stay theirs
    hops: list[Hop]
    sizers: dict[Hop, HopSizer] = field(default_factory=dict)
    streams: int = 0


class Streams:
    """Opens live streams. Streams with the same stages share their hops, hence their model calls."""

    def __init__(
        self, pipeline: Pipeline, workers: WorkerThreads, limits: StreamLimits, monitor: RealTimePerformanceMonitor
    ) -> None:
        """Run on `workers`, tell `monitor`; what only waits for other processes gets threads of its own."""
        self._monitor = monitor
        self._pipeline = pipeline
        self._workers = workers
        self._limits = limits
        self._shared: dict[tuple[int, ...], _Shared] = {}
        self._live: Sequence[AnyStage] | None = None
        self._remote: WorkerThreads | None = None
        self._preparing = anyio.Lock()  # models and threads are made once
        self._left = AsyncExitStack()
        self._partials = PartialsGate()
        self.open_now = 0

    async def close(self) -> None:
        """End the threads of remote hops."""
        await self._left.aclose()

    async def open(self, options: StreamOptions, stages: Sequence[AnyStage] | None = None) -> LiveStream:
        """A stream through `stages`, or through the pipeline's own. Raises `Overloaded` and `ModelError`."""
        if self.open_now >= self._limits.max_streams:
            raise Overloaded(f"{self.open_now} streams are open, which is max_streams", retry_after_s=RETRY_AFTER_S)
        self.open_now += 1
        try:
            shared = self._share(stages if stages is not None else await self._live_stages())
            first = [self._pipeline.sound(options.sample_rate)] if stages is None else []
            row = [
                (hop, await self._workers_for(hop), hop.open([] if number else first))
                for number, hop in enumerate(shared.hops)
            ]
        except BaseException:
            self.open_now -= 1
            raise

        def served(hop: Hop, answer: Answer[Any]) -> None:
            self._monitor.hop(hop.name, queue_s=answer.queue_s, service_s=answer.service_s)
            self._size(shared, hop, answer)
            self._relieve(answer.queue_s)

        shared.streams += 1
        return LiveStream(options, StreamRow(row, self._monitor, served), on_left=lambda: self._forget(shared))

    async def _live_stages(self) -> Sequence[AnyStage]:
        async with self._preparing:
            if self._live is None:
                self._live = await self._workers.run(self._pipeline.live_stages)
        return self._live

    def _share(self, stages: Sequence[AnyStage]) -> _Shared:
        key = tuple(map(id, stages))
        if key not in self._shared:
            shared = self._shared[key] = _Shared(stages, hops_of(stages))
            shared.sizers = {hop: HopSizer() for hop in shared.hops if not hop.is_shared}
            self._plan({hop.run: self._limits.max_batch if hop.is_shared else 1 for hop in shared.hops})
        return self._shared[key]

    async def _workers_for(self, hop: Hop) -> WorkerThreads:
        if not hop.is_remote:
            return self._workers
        async with self._preparing:
            if self._remote is None:
                threads = WorkerThreads(self._pipeline.max_sessions, name="onbeat-remote")
                self._remote = await self._left.enter_async_context(threads)
        return self._remote

    def _size(self, shared: _Shared, hop: Hop, answer: Answer[Any]) -> None:
        """Learn what a hop of sessions costs, and let as many share the next as fit."""
        if sizer := shared.sizers.get(hop):
            sizer.observe(calls=answer.calls, service_s=answer.service_s)
            if self._workers.plan.cap(hop.run) != (calls := sizer.calls()):
                self._plan({hop.run: calls})

    def _relieve(self, queue_s: float) -> None:
        """Leave partial results out while chunks have to wait."""
        was_open = self._partials.is_open
        if self._partials.observe(queue_s) != was_open:
            for stage in self._live or ():
                if isinstance(stage, LiveVosk):
                    stage.says_partials = self._partials.is_open

    def _plan(self, caps: dict[Hashable, int]) -> None:
        plan = self._workers.plan
        self._workers.plan = BatchPlan(plan.default_cap, {**plan.caps, **caps})

    def _forget(self, shared: _Shared) -> None:
        """A stream is over; what only it used is forgotten, but for the pipeline's own stages."""
        self.open_now -= 1
        shared.streams -= 1
        if shared.streams or shared.stages is self._live:
            return
        self._shared.pop(tuple(map(id, shared.stages)), None)
        gone = {hop.run for hop in shared.hops}
        plan = self._workers.plan
        self._workers.plan = BatchPlan(plan.default_cap, {k: cap for k, cap in plan.caps.items() if k not in gone})
