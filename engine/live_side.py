"""`LiveSide`: what serves live streams in a processor: dispatch, streams and the governor, begun and ended together."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, Self

import anyio

from engine.config import BatchProcessingConfig
from engine.dispatch import Dispatch
from engine.files_at_once import FilesAtOnce
from engine.flow_parts import FlowParts, is_instant
from engine.governor import DecisionObserver, Governed, Governor
from engine.learnt_costs import LearntCosts
from engine.memory import MemoryKeeper
from engine.memory_sums import room_of
from engine.pipeline import Pipeline
from engine.recovery import recover_backends
from engine.speech_calls import SpeechCalls
from engine.streams import Streams
from engine.workers import WorkerThreads
from modules.batching.chunks import ChunkSizer
from modules.batching.cost_model import CostLimits, CostModel
from modules.batching.live_chunks import LIVE_LENGTHS_S
from modules.models.fallback import Fallback
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.controller import Controller
from modules.tuning.plan import Limits, Plan

_log = logging.getLogger(__name__)


class LiveSide:
    """Live streams and the loop that keeps them on time."""

    def __init__(
        self,
        streams: Streams,
        dispatch: Dispatch,
        governor: Governor,
        learnt: LearntCosts | None,
        recovery: Coroutine[Any, Any, None],
    ) -> None:
        """Run `governor` and `recovery` from now on; what `dispatch` learns is kept in `learnt`."""
        self.streams = streams
        self.governor = governor
        self._dispatch = dispatch
        self._learnt = learnt
        self._governing = _beside(governor.run(), "the governor has failed; the plan stays as it is")
        self._recovering = _beside(recovery, "backends that have failed are not tried again")

    @classmethod
    async def begin(
        cls,
        pipeline: Pipeline,
        workers: WorkerThreads,
        monitor: RealTimePerformanceMonitor,
        observer: DecisionObserver | None,
        memory: MemoryKeeper,
    ) -> Self:
        """Serve streams by `pipeline` on `workers`, within `memory`, with what was learnt in earlier runs."""
        learnt = LearntCosts.usual() if pipeline.config.learn else None
        limits = limits_of(pipeline.config, workers=workers.count)
        may_cost = CostLimits.of(
            monitor.target.p99_chunk_latency_ms / 1e3,
            workers=workers.count,
            max_batch=pipeline.config.max_batch if pipeline.config.batching else 1,
        )
        costs = (
            await workers.run(lambda: learnt.load(pipeline.fingerprint, may_cost)) if learnt else CostModel(may_cost)
        )
        dispatch = Dispatch(workers, costs)
        workers.on_call = dispatch.called
        streams = Streams(pipeline, workers, dispatch, monitor, partial(room_of, memory, pipeline))
        governor = Governor(
            Governed(
                streams,
                workers,
                dispatch,
                monitor,
                limits,
                has_fixed_workers=pipeline.config.workers is not None,
                memory=memory,
            ),
            Controller(monitor.target, limits, plan=first_plan(limits)),
            observer=observer,
        )

        def roles() -> list[Fallback[Any]]:
            return [*pipeline.fallbacks, *streams.fallbacks]

        return cls(streams, dispatch, governor, learnt, recover_backends(roles, workers))

    def has_streams(self) -> bool:
        """Whether any stream is open."""
        return self.streams.open_now > 0

    def rest_share(self) -> float:
        """How long folder work should rest after each hop, in times of what it took."""
        return self.governor.pace.rest_share

    def recordings_beside(
        self, pipeline: Pipeline, workers: WorkerThreads, monitor: RealTimePerformanceMonitor, memory: MemoryKeeper
    ) -> FlowParts:
        """What recordings share that are processed beside the streams."""
        config = pipeline.config
        slots = anyio.Semaphore(pipeline.max_sessions)

        def are_held_up() -> bool:
            """Recordings wait for recognisers, or hold memory that further streams would need."""
            return bool(slots.statistics().tasks_waiting) or (self.has_streams() and not memory.can_spare_a_recording)

        speech = SpeechCalls(
            pipeline.segmenter,
            workers=workers.count,
            on_rows=lambda rows: self._dispatch.share_folder_calls(speech, rows),
        )
        return FlowParts(
            pipeline=pipeline,
            workers=workers,
            slots=slots,
            sizer=ChunkSizer(allowed_s=(config.chunk_s,)) if config.chunk_s else ChunkSizer(),
            target_s=config.p99_chunk_latency_ms / 1e3,
            has_live_streams=self.has_streams,
            speech=speech,
            files=FilesAtOnce(
                workers.count,
                is_held_up=are_held_up,
                has_to_learn=not (speech.are_shared and is_instant(pipeline.recogniser)),
            ),
            rest_share=self.rest_share,
            monitor=monitor,
            memory=memory,
        )

    async def close(self, pipeline: Pipeline, workers: WorkerThreads) -> None:
        """End the governor and what the streams shared; keep what was learnt."""
        for task in (self._governing, self._recovering):
            task.cancel()
        await asyncio.wait({self._governing, self._recovering})
        await self.streams.close()
        learnt, digests = self._learnt, dict.fromkeys(self.streams.live_names, pipeline.fingerprint)
        if learnt and digests:
            await workers.run(lambda: learnt.save(self._dispatch.costs, digests))


def first_plan(limits: Limits) -> Plan:
    """The plan before anything was seen: the shortest chunks, all workers, every stream served."""
    return Plan(limits.lengths_s[0], limits.max_workers, limits.max_streams)


def target_of(config: BatchProcessingConfig) -> PerformanceTarget:
    """What the settings promise."""
    return PerformanceTarget(p99_chunk_latency_ms=config.p99_chunk_latency_ms, memory_mb=config.max_memory_mb)


def limits_of(config: BatchProcessingConfig, *, workers: int) -> Limits:
    """What the governor may never exceed; a chunk length that was set stays as it is."""
    lengths_s = (config.chunk_s,) if config.chunk_s else LIVE_LENGTHS_S
    return Limits(lengths_s=lengths_s, max_workers=workers, max_streams=config.max_streams)


def _beside(work: Coroutine[Any, Any, None], if_broken: str) -> "asyncio.Task[None]":
    """A task beside the calls. The engine works on without it if it breaks; that must not go unseen."""

    def tell(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.error(if_broken, exc_info=error)

    task = asyncio.create_task(work)
    task.add_done_callback(tell)
    return task
