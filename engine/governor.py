"""`Governor`: the loop that looks, lets the controller decide, and applies the plan. It decides nothing itself."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import anyio
import anyio.to_thread

from engine.dispatch import Dispatch
from engine.memory import MemoryKeeper, unlimited
from engine.streams import Streams
from engine.workers import WorkerThreads
from modules.memory.relief import Relief
from modules.monitoring.engine_state import EngineState, PlanState
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.resource_sampler import ResourceSampler
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.controller import Controller
from modules.tuning.folder_pace import FolderPace
from modules.tuning.plan import Decision, Limits, Observation, Plan, ResourcesSeen

LOOK_S = 0.25
"""Between two looks while streams are open: what is urgent is decided at every one of them."""

TICK_S = 1.0
"""Between two readings of the machine's resources, and two ticks of the monitor."""

LIMITS_S = 4.0
"""Between two looks for limits that were set while the process runs: a quota overdrawn holds everything up."""

UNIQUE_SET_S = 3.0
"""Between two readings of the unique set, for which the kernel walks all page tables."""

_SENTENCES = 8
_ENOUGH_CHUNKS = 50  # in a look: with fewer, what the loop does besides would count as theirs

_log = logging.getLogger(__name__)


class DecisionObserver(Protocol):
    """Told on the event loop of what the governor does; it must be quick."""

    def begin(self, target: PerformanceTarget, limits: Limits, plan: Plan) -> None:
        """It begins with this plan."""
        ...

    def look(self, seen: Observation, decision: Decision) -> None:
        """It has looked, and this came of it."""
        ...

    def relieved(self, at_s: float, relief: Relief, why: str) -> None:
        """Other steps are in force since `at_s`, because memory is short or free again."""
        ...


class Unobserved:
    """Nobody is told."""

    def begin(self, target: PerformanceTarget, limits: Limits, plan: Plan) -> None:
        """Nothing to do."""

    def look(self, seen: Observation, decision: Decision) -> None:
        """Nothing to do."""

    def relieved(self, at_s: float, relief: Relief, why: str) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Governed:
    """What the governor looks at and moves."""

    streams: Streams
    workers: WorkerThreads
    dispatch: Dispatch
    monitor: RealTimePerformanceMonitor
    limits: Limits
    has_fixed_workers: bool = False
    """Whether somebody chose how many there are: it is then no matter of how many CPUs there seem to be."""
    memory: MemoryKeeper = field(default_factory=unlimited)


class Governor:
    """Runs beside the streams on the event loop; reading the machine's files, which takes time, is left to a thread."""

    def __init__(
        self,
        governed: Governed,
        controller: Controller,
        *,
        observer: DecisionObserver | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Apply what `controller` decides; `observer` is told of every look and what came of it."""
        self.pace = FolderPace.of(1.0, workers=governed.workers.count)
        """How folder work is to hold back."""
        self._governed = governed
        self._controller = controller
        self._observer = observer or Unobserved()
        self._clock = clock
        self._sampler = ResourceSampler(limits_period_s=LIMITS_S, unique_set_period_s=UNIQUE_SET_S)
        self._sample = ResourceSample()
        self._sentences: deque[str] = deque(maxlen=_SENTENCES)
        self._rungs: tuple[str, ...] = ()
        self._looked_s: float | None = None
        self._busy_s = 0.0
        self._loop_cpu_s = time.thread_time()
        self._observer.begin(governed.monitor.target, governed.limits, controller.plan)
        governed.streams.follow(controller.plan)
        governed.memory.on_relief = self._relieved

    def __repr__(self) -> str:
        return f"<Governor {self._controller.plan}>"

    async def run(self) -> None:
        """Look and act until cancelled."""
        ticked_s = -TICK_S
        while True:
            if (now_s := self._clock()) - ticked_s >= TICK_S:
                ticked_s = now_s
                self._sample = seen = await anyio.to_thread.run_sync(self._sampler.sample, now_s)
                await self._governed.memory.look(
                    own_bytes=seen.unique_set_bytes,
                    system_used_bytes=seen.memory_used_bytes,
                    system_limit_bytes=seen.memory_limit_bytes,
                )
                self._governed.monitor.tick(self._clock(), self.state())
            self.look(self._clock())
            await anyio.sleep(LOOK_S if self._governed.streams.open_now else TICK_S)

    def look(self, now_s: float) -> Decision:
        """Observe, decide, apply."""
        seen = self._observe(now_s)
        decision = self._controller.decide(seen)
        self._rungs = decision.rungs
        if decision.moves:
            self._apply(decision)
        self._observer.look(seen, decision)
        return decision

    def state(self) -> EngineState:
        """What the monitor is told: streams, queue, batches, machine and plan now."""
        plan, streams, memory = self._controller.plan, self._governed.streams, self._governed.memory
        return EngineState(
            streams_open=len(streams.book),
            streams_suspended=streams.book.suspended,
            chunks_waiting=self._governed.workers.waiting,
            batches=tuple(self._governed.dispatch.batches()),
            resources=self._sample,
            model_bytes=memory.budget.model_bytes + memory.not_ours_bytes,
            plan=PlanState(
                chunk_s=plan.chunk_s,
                workers=plan.workers,
                admitted_streams=plan.max_streams,
                folder_share=plan.folder_share,
                partials=plan.partials,
                accepts_streams=plan.accepts_streams and not memory.relief.refuse,
                rungs=(*self._rungs, *(f"memory: {step}" for step in memory.relief.steps)),
            ),
            decisions=tuple(self._sentences),
        )

    def _observe(self, now_s: float) -> Observation:
        streams, limits, sample = self._governed.streams, self._governed.limits, self._sample
        worked_s, self._busy_s = self._governed.dispatch.busy_s - self._busy_s, self._governed.dispatch.busy_s
        period_s = None if self._looked_s is None else now_s - self._looked_s
        self._looked_s = now_s
        self._governed.dispatch.pass_time(period_s or 0.0)
        load = streams.book.seen(now_s)
        self._learn_of_loop(load.chunks)
        return Observation(
            now_s=now_s,
            load=load,
            resources=ResourcesSeen(
                cpus=None if self._governed.has_fixed_workers else sample.cpus,
                busy=worked_s / (period_s * self._controller.plan.workers) if period_s else None,
                throttled=sample.throttled,
                cpu_pressure=sample.cpu_pressure,
                memory_used_bytes=sample.memory_used_bytes,
                memory_limit_bytes=sample.memory_limit_bytes,
            ),
            lengths=streams.lengths(limits.lengths_s),
            folder_waits=self._governed.workers.folder_waits,
        )

    def _learn_of_loop(self, chunks: int) -> None:
        """What each of the chunks since the last look has cost this thread."""
        spent_s, self._loop_cpu_s = time.thread_time() - self._loop_cpu_s, time.thread_time()
        if chunks >= _ENOUGH_CHUNKS:
            self._governed.dispatch.loop_took(spent_s / chunks)

    def _relieved(self, relief: Relief, why: str) -> None:
        """Memory is short, or free again: streams keep less or more waiting, and whoever watches is told."""
        self._sentences.append(f"memory relief is now {relief}: {why}")
        self._governed.streams.book.keep_little(relief.short_buffers)
        self._observer.relieved(self._clock(), relief, why)

    def _apply(self, decision: Decision) -> None:
        plan, governed = decision.plan, self._governed
        for move in decision.moves:
            _log.info("%s: %g -> %g: %s", move.knob, move.before, move.after, move.sentence)
            self._sentences.append(move.sentence)
        governed.workers.max_running = plan.workers
        governed.workers.work_share = plan.work_share
        self.pace = FolderPace.of(plan.folder_share, workers=plan.workers)
        governed.dispatch.allow_folder_batches(self.pace.max_batches)
        governed.dispatch.is_full = governed.limits.is_full(plan)
        governed.streams.follow(plan)
