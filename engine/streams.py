"""`Streams`: the live streams of a processor: what they share, how many there may be, and how their hops are sized."""

from collections.abc import Hashable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from engine.pipeline import Pipeline
from engine.stream import LiveStream
from engine.stream_options import StreamOptions, StreamRow
from engine.workers import WorkerThreads
from modules.audio.downmix import Downmix
from modules.audio.resample import Resampler
from modules.batching.ready_queue import BatchPlan
from modules.errors import Overloaded
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.hop import AnyStage, Hop, hops_of
from modules.stages.protocols import Session

HOP_CALLS = 8
"""Streams without a shared model call that one worker serves in a hop: fewer wake-ups, results a little later."""

RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How many streams there may be at once, and how many chunks may share a model call."""

    max_streams: int
    max_batch: int


class Streams:
    """Opens live streams. Streams with the same stages share their hops, hence their model calls."""

    def __init__(self, pipeline: Pipeline, workers: WorkerThreads, limits: StreamLimits) -> None:
        """Run on `workers`; what only waits for other processes gets threads of its own."""
        self.monitor = RealTimePerformanceMonitor()
        self._pipeline = pipeline
        self._workers = workers
        self._limits = limits
        self._hops: dict[tuple[int, ...], tuple[Sequence[AnyStage], list[Hop]]] = {}
        self._live: Sequence[AnyStage] | None = None
        self._remote: WorkerThreads | None = None
        self._left = AsyncExitStack()
        self.open_now = 0

    async def close(self) -> None:
        """End the threads of remote hops."""
        await self._left.aclose()

    async def open(self, options: StreamOptions, stages: Sequence[AnyStage] | None = None) -> LiveStream:
        """A stream through `stages`, or through the pipeline's own. Raises `Overloaded` and `ModelError`."""
        if self.open_now >= self._limits.max_streams:
            raise Overloaded(f"{self.open_now} streams are open, which is max_streams", retry_after_s=RETRY_AFTER_S)
        hops = self._shared_hops(stages if stages is not None else await self._live_stages())
        sound: list[Session[Any, Any]] = [Downmix(self._pipeline.config.channel)]
        if options.sample_rate != self._pipeline.sample_rate:
            sound.append(Resampler(options.sample_rate, self._pipeline.sample_rate))
        firsts = [sound if stages is None else [], *([[]] * len(hops))]
        row = [(hop, await self._workers_for(hop), hop.open(first)) for hop, first in zip(hops, firsts, strict=False)]
        self.open_now += 1
        return LiveStream(options, StreamRow(row, self.monitor), on_left=self._forget)

    async def _live_stages(self) -> Sequence[AnyStage]:
        if self._live is None:
            self._live = await self._workers.run(self._pipeline.live_stages)
        return self._live

    def _shared_hops(self, stages: Sequence[AnyStage]) -> list[Hop]:
        key = tuple(map(id, stages))
        if key not in self._hops:
            hops = hops_of(stages)
            self._hops[key] = (stages, hops)  # the stages are kept, so that their ids stay theirs
            caps: dict[Hashable, int] = {
                hop.run: self._limits.max_batch if hop.is_shared else HOP_CALLS for hop in hops
            }
            plan = self._workers.plan
            self._workers.plan = BatchPlan(plan.default_cap, {**plan.caps, **caps})
        return self._hops[key][1]

    async def _workers_for(self, hop: Hop) -> WorkerThreads:
        if not hop.is_remote:
            return self._workers
        if self._remote is None:
            self._remote = await self._left.enter_async_context(
                WorkerThreads(self._pipeline.max_sessions, name="onbeat-remote")
            )
        return self._remote

    def _cap(self, hop: Hop) -> int:
        return self._limits.max_batch if hop.is_shared else HOP_CALLS

    def _forget(self) -> None:
        self.open_now -= 1
