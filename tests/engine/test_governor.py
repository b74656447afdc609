"""The governor looks, lets the controller decide, and applies: with a scripted controller, and with the real one."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from engine import Overloaded
from engine.dispatch import Dispatch
from engine.governor import Governed, Governor
from engine.hop_kind import HopKind
from engine.inline_workers import InlineWorkers
from engine.memory import MemoryKeeper, unlimited
from engine.shared_calls import CallTimes
from engine.stream import LiveStream
from engine.stream_options import StreamOptions
from engine.streams import Streams
from engine.workers import PLAIN, WorkerThreads
from modules.batching.cost_model import CostLimits, CostModel
from modules.memory.budget import MemoryBudget
from modules.memory.relief import Relief
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.controller import Controller
from modules.tuning.folder_pace import FolderPace
from modules.tuning.plan import Decision, Knob, Limits, Move, Observation, Plan
from tests.fakes import CountingRecogniser, parts_with
from tests.live_streams import FakeStream, Means
from tests.virtual_time import now_s, run_virtually

START = Plan(0.2, 2, 100)


class Scripted(Controller):
    """A controller that decides what it was told to, one plan a look, and notes what it saw."""

    def __init__(self, *plans: Plan) -> None:
        """Begin with `START`; after the last of `plans` nothing moves any more."""
        super().__init__(PerformanceTarget(), Limits(), plan=START)
        self.script = deque(plans)
        self.seen: list[Observation] = []

    def decide(self, seen: Observation) -> Decision:
        """The next plan, with a move for each knob that it turns."""
        self.seen.append(seen)
        before, self.plan = self.plan, self.script.popleft() if self.script else self.plan
        turned = [(name.name, getattr(before, name.name), getattr(self.plan, name.name)) for name in fields(Plan)]
        moves = [Move(Knob(knob), old, new, f"{knob} was turned") for knob, old, new in turned if old != new]
        return Decision(seen.now_s, self.plan, tuple(moves), ("a rung",) if moves else ())


@dataclass
class Noted:
    """A `DecisionObserver` that notes what it is told."""

    begun: list[tuple[PerformanceTarget, Limits, Plan]] = field(default_factory=list)
    looks: list[tuple[Observation, Decision]] = field(default_factory=list)
    reliefs: list[tuple[float, Relief, str]] = field(default_factory=list)

    def begin(self, target: PerformanceTarget, limits: Limits, plan: Plan) -> None:
        """Note it."""
        self.begun.append((target, limits, plan))

    def look(self, seen: Observation, decision: Decision) -> None:
        """Note it."""
        self.looks.append((seen, decision))

    def relieved(self, at_s: float, relief: Relief, why: str) -> None:
        """Note it."""
        self.reliefs.append((at_s, relief, why))


class Engine:
    """What a governor governs, with fake streams and workers that do nothing."""

    def __init__(
        self, controller: Controller, limits: Limits | None = None, *, memory: MemoryKeeper | None = None
    ) -> None:
        """Begin to govern."""
        self.workers = WorkerThreads(2)
        self.monitor = RealTimePerformanceMonitor()
        self.dispatch = Dispatch(self.workers, CostModel(CostLimits.of(0.3, workers=2)))
        pipeline = parts_with(InlineWorkers(), CountingRecogniser()).pipeline
        self.streams = Streams(pipeline, self.workers, self.dispatch, self.monitor)
        self.noted = Noted()
        self.memory = memory or unlimited()
        governed = Governed(
            self.streams, self.workers, self.dispatch, self.monitor, limits or Limits(), memory=self.memory
        )
        self.governor = Governor(governed, controller, observer=self.noted, clock=now_s)

    def opened(self, priority: int = 0) -> FakeStream:
        """A stream that was just opened."""
        stream = FakeStream(priority)
        self.streams.book.add(cast("LiveStream", stream))
        return stream


# What it sees


def test_it_sees_what_streams_did_and_what_workers_worked_since_the_last_look() -> None:
    """Shares only from the second look on; time that nobody measured is unknown, not nothing."""
    controller = Scripted()
    engine = Engine(controller)
    stream = engine.opened()
    engine.dispatch.called(CallTimes(PLAIN, 1, 0.3, 0.3))
    stream.did(pushed_s=1.0, chunks=5, on_time=5)
    engine.governor.look(10.0)
    engine.dispatch.called(CallTimes(PLAIN, 1, 1.2, 1.2))
    stream.did(pushed_s=0.5, chunks=3, on_time=2)
    engine.streams.book.waited(0.02)
    engine.governor.look(12.0)
    first, second = controller.seen
    assert (first.now_s, first.load.audio_s, first.resources.busy) == (10.0, None, None)
    assert (second.now_s, second.load.audio_s, second.load.chunks, second.load.on_time) == (12.0, 0.25, 3, 2)
    assert second.load.standing_queue_s == 0.02
    assert second.resources.busy == pytest.approx(1.2 / (2.0 * 2))
    assert second.resources.cpus is None
    assert not second.folder_waits


def test_it_sees_what_chunks_of_each_allowed_length_cost() -> None:
    """Those that were tried, summed over the hops that the streams pass."""
    controller = Scripted()
    engine = Engine(controller)
    shared = engine.streams._share([Means(), Means()])
    for hop in shared.hops:
        for _ in range(100):
            engine.dispatch.called(CallTimes(HopKind(hop, 0.2), 1, 0.01, 0.01))
    engine.governor.look(1.0)
    (cost,) = controller.seen[0].lengths
    assert cost.chunk_s == 0.2
    assert cost.busy_s == pytest.approx(0.02, rel=0.1)
    engine.streams._unshare(shared)
    engine.governor.look(2.0)
    assert controller.seen[1].lengths == ()


def test_it_sees_the_machine_as_it_was_sampled_last() -> None:
    """All that a decision needs of it."""
    controller = Scripted()
    engine = Engine(controller)
    engine.governor._sample = ResourceSample(
        cpus=1.5, throttled=0.2, cpu_pressure=0.4, memory_used_bytes=50, memory_limit_bytes=100
    )
    engine.governor.look(1.0)
    seen = controller.seen[0].resources
    assert (seen.cpus, seen.throttled, seen.cpu_pressure, seen.memory_share) == (1.5, 0.2, 0.4, 0.5)


@pytest.mark.anyio
async def test_it_sees_whether_folder_work_waits() -> None:
    """That is why the controller lets more of it run."""
    controller = Scripted(replace(START, folder_share=0.0), START)
    engine = Engine(controller)
    async with engine.workers, anyio.create_task_group() as tasks:
        engine.governor.look(1.0)

        async def folder_work() -> None:
            await engine.workers.run(lambda: None, is_folder=True)

        tasks.start_soon(folder_work)
        await anyio.wait_all_tasks_blocked()
        engine.governor.look(2.0)
    engine.governor.look(3.0)
    assert [seen.folder_waits for seen in controller.seen] == [False, True, False]


# What it applies


def test_a_plan_reaches_all_that_it_is_about() -> None:
    """Workers, folder work, streams; the observer is told of every look, with what was seen and decided."""
    after = Plan(0.4, 1, 2, folder_share=0.5, partials=False, accepts_input=False)
    controller = Scripted(after)
    engine = Engine(controller)
    streams = [engine.opened(), engine.opened(), engine.opened(priority=1)]
    assert [stream.chunk_s for stream in streams] == [0.2] * 3
    assert engine.noted.begun == [(PerformanceTarget(), Limits(), START)]
    decision = engine.governor.look(1.0)
    assert decision.plan == engine.streams.plan == after
    assert engine.workers.max_running == 1
    assert engine.workers.plan.max_folder_batches == 1
    assert engine.workers.plan.workers == 1
    assert engine.governor.pace == FolderPace.of(0.5, workers=1)
    assert engine.governor.pace.rest_share == pytest.approx(1.0)
    assert [stream.chunk_s for stream in streams] == [0.4] * 3
    assert [stream.accepts for stream in streams] == [False] * 3
    assert [stream.is_suspended for stream in streams] == [False, True, False]
    assert engine.noted.looks == [(controller.seen[0], decision)]


def test_where_nothing_moves_nothing_is_touched() -> None:
    """Streams are not told again what they know."""
    engine = Engine(Scripted())
    stream = engine.opened()
    stream.chunk_s = 9.9
    plan = engine.workers.plan
    for now in (1.0, 2.0):
        engine.governor.look(now)
    assert stream.chunk_s == 9.9
    assert engine.workers.plan is plan
    assert len(engine.noted.looks) == 2


@pytest.mark.anyio
async def test_streams_are_refused_while_the_plan_says_so() -> None:
    """With when to try again."""
    engine = Engine(Scripted(replace(START, accepts_streams=False), START, replace(START, accepts_input=False)))
    options = StreamOptions(16_000)
    for is_refused in (True, False, True):
        engine.governor.look(1.0)
        if is_refused:
            with pytest.raises(Overloaded, match="this machine carries no more") as caught:
                await engine.streams.open(options, [Means()])
            assert caught.value.retry_after_s > 0
        else:
            async with await engine.streams.open(options, [Means()]):
                assert engine.streams.open_now == 1
    assert engine.streams.open_now == 0


def test_it_says_what_it_did(caplog: pytest.LogCaptureFixture) -> None:
    """To the monitor with each tick, the latest sentences last, and to the log."""
    plans = [replace(START, chunk_s=length_s) for length_s in (0.4, 0.8, 0.4, 0.2, 0.4, 0.8, 0.4, 0.2)]
    engine = Engine(Scripted(*plans, replace(START, workers=1, max_streams=1)))
    for _ in range(3):
        engine.opened()
    with caplog.at_level("INFO", logger="engine.governor"):
        for number in range(9):
            engine.governor.look(float(number))
    state = engine.governor.state()
    assert (state.streams_open, state.streams_suspended, state.chunks_waiting) == (3, 2, 0)
    assert state.plan.rungs == ("a rung",)
    assert (state.plan.chunk_s, state.plan.workers, state.plan.admitted_streams) == (0.2, 1, 1)
    assert state.decisions[-3:] == ("chunk_s was turned", "workers was turned", "max_streams was turned")
    assert len(state.decisions) == 8
    assert len(caplog.messages) == 10
    assert "workers: 2 -> 1: workers was turned" in caplog.messages
    engine.governor.look(9.0)
    assert engine.governor.state().plan.rungs == ()


# What it does when memory is short


def small_memory() -> MemoryKeeper:
    """A keeper of a thousand bytes beside models of two hundred, and an allocator that is not asked."""
    return MemoryKeeper(MemoryBudget(1_000, model_bytes=200), give_back=lambda: None)


def test_it_has_the_keeper_look_at_what_was_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """With each sample, once a second: the unique set, and what the control group uses of its limit."""
    engine = Engine(Scripted(), memory=small_memory())
    samples = iter(
        [
            ResourceSample(unique_set_bytes=300, memory_used_bytes=300, memory_limit_bytes=10_000),
            ResourceSample(unique_set_bytes=1_050, memory_used_bytes=2_000, memory_limit_bytes=10_000),
            ResourceSample(unique_set_bytes=300, memory_used_bytes=950, memory_limit_bytes=1_000),
        ]
    )

    async def at_once(call: Callable[..., Any], *args: object) -> object:
        return next(samples) if call == engine.governor._sampler.sample else call(*args)

    monkeypatch.setattr(anyio.to_thread, "run_sync", at_once)
    stream = engine.opened()
    reliefs: list[tuple[bool, bool]] = []

    async def main() -> None:
        for _ in range(3):
            with anyio.move_on_after(0.1):
                await engine.governor.run()
            reliefs.append((stream.keeps_little, engine.memory.relief.refuse))

    run_virtually(main)
    assert reliefs == [(False, False), (True, False), (True, True)]
    assert engine.memory.budget.max_memory_bytes == 800  # of 1,000 that the group has left, beside the models


@pytest.mark.anyio
async def test_relief_is_seen_by_everybody_who_watches() -> None:
    """Streams keep less waiting; the monitor, the observer and the plan that is shown say so, with the reason."""
    engine = Engine(Scripted(), memory=small_memory())
    stream = engine.opened()
    await engine.memory.look(own_bytes=1_150)
    assert stream.keeps_little
    state = engine.governor.state()
    assert state.model_bytes == 200
    assert state.plan.rungs == (
        "memory: trim pools",
        "memory: short buffers",
        "memory: pause folder",
        "memory: refuse",
    )
    assert state.plan.accepts_streams is False
    assert state.decisions[-1].startswith(
        "memory relief is now trim pools, short buffers, pause folder, refuse: 96 % of the memory is used"
    )
    ((_, relief, why),) = engine.noted.reliefs
    assert relief == engine.memory.relief
    assert why.startswith("96 % of the memory is used: 0.0 of 0.0 MB are given")
    await engine.memory.look(own_bytes=100)
    assert not stream.keeps_little
    assert engine.governor.state().plan.rungs == ()
    assert engine.governor.state().decisions[-1].startswith("memory relief is now none: 8 %")


# How often it looks


@pytest.mark.parametrize(("streams", "looks"), [(1, 41), (0, 11)])
def test_it_looks_often_while_streams_are_open_and_samples_the_machine_once_a_second(
    monkeypatch: pytest.MonkeyPatch, streams: int, looks: int
) -> None:
    """Ten virtual seconds; reading the machine's files is left to a thread, here one that takes no time."""
    threads: list[Callable[..., Any]] = []

    async def at_once(call: Callable[..., Any], *args: object) -> object:
        threads.append(call)
        return call(*args)

    monkeypatch.setattr(anyio.to_thread, "run_sync", at_once)

    async def main() -> None:
        engine = Engine(Scripted())
        for _ in range(streams):
            engine.opened()
        with anyio.move_on_after(10.1):
            await engine.governor.run()
        assert len(engine.noted.looks) == looks
        assert threads == [engine.governor._sampler.sample] * 11
        assert engine.monitor.ticked_s == pytest.approx(10.0)

    run_virtually(main)


@pytest.mark.anyio
async def test_the_machine_is_sampled_away_from_the_event_loop() -> None:
    """Its files may be slow, and nobody is to wait for them."""
    engine = Engine(Scripted())
    where: list[int] = []
    taken = anyio.Event()
    loop_thread = threading.get_ident()

    class Sampler:
        def sample(self, _: float) -> ResourceSample:
            where.append(threading.get_ident())
            anyio.from_thread.run_sync(taken.set)
            return ResourceSample(cpus=3.0)

    engine.governor._sampler = cast("Any", Sampler())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.governor.run)
        await taken.wait()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert where
    assert loop_thread not in where
    assert engine.noted.looks[0][0].resources.cpus == 3.0


# The real controller


class World:
    """Streams that each send a second of audio a second, and two workers that carry `capacity` of them."""

    def __init__(self, capacity: float) -> None:
        """No stream yet; a longer chunk or a larger batch gains nothing."""
        limits = Limits(lengths_s=(0.2, 0.4), max_workers=2, max_streams=1_000)
        self.engine = Engine(Controller(PerformanceTarget(), limits, plan=Plan(0.2, 2, 1_000)), limits)
        self.engine.governor._sample = ResourceSample(cpus=2.0)
        self.hop = self.engine.streams._share([Means()]).hops[0]
        self.chunk_cost = 2 / capacity  # worker seconds for a second of audio
        self.streams: list[FakeStream] = []
        self.now_s = 0.0

    def open(self, priority: int = 0) -> FakeStream:
        """One more."""
        self.streams.append(self.engine.opened(priority))
        return self.streams[-1]

    def close(self, stream: FakeStream) -> None:
        """It is over."""
        self.streams.remove(stream)
        self.engine.streams.book.remove(cast("LiveStream", stream))

    @property
    def served(self) -> list[FakeStream]:
        """Those that are not suspended."""
        return [stream for stream in self.streams if not stream.is_suspended]

    def run(self, seconds: float) -> None:
        """Let the governor look four times a second, and the served streams be on time if they are not too many."""
        for _ in range(round(seconds * 4)):
            self.now_s += 0.25
            load = len(self.served) * self.chunk_cost / 2
            for stream in self.served:
                length_s = stream.chunk_s
                sent = stream.counts.pushed_s
                chunks = round((sent + 0.25) / length_s) - round(sent / length_s)
                stream.did(pushed_s=0.25, chunks=chunks, on_time=chunks if load <= 1 else 0)
            if self.served:
                self.engine.streams.book.waited(0.001 if load <= 1 else 0.4)
                kind = HopKind(self.hop, self.served[0].chunk_s)
                for _ in range(20):
                    size = self.engine.workers.plan.cap(kind)
                    service_s = size * self.chunk_cost * kind.chunk_s
                    self.engine.dispatch.called(CallTimes(kind, size, service_s, service_s))
            self.engine.governor.look(self.now_s)


def test_the_real_controller_serves_as_many_streams_as_the_machine_carries() -> None:
    """Of 100 where 60 fit, nearly 60: the most important and oldest. The others come back when there is room."""
    world = World(capacity=60)
    for number in range(50):
        world.open(priority=number % 2)
    world.run(20)
    assert len(world.served) == 50
    assert [decision.moves for _, decision in world.engine.noted.looks if Knob.STREAMS in knobs(decision)] == []
    for number in range(50):
        world.open(priority=number % 2)
    world.run(40)
    assert 50 <= len(world.served) <= 60
    important = [stream for stream in world.streams if stream.options.priority == 1]
    assert not any(stream.is_suspended for stream in important)
    others = [stream.is_suspended for stream in world.streams if stream.options.priority == 0]
    assert others == sorted(others), "the newest of the less important are suspended"
    state = world.engine.governor.state()
    assert state.streams_suspended == 100 - len(world.served)
    assert state.plan.accepts_streams is False
    assert any("suspended" in sentence for _, decision in world.engine.noted.looks for sentence in told(decision))
    for stream in important:
        world.close(stream)
    world.run(120)
    assert len(world.served) == len(world.streams) == 50
    assert world.engine.governor.state().plan.accepts_streams is True


def knobs(decision: Decision) -> list[Knob]:
    """Those that were turned."""
    return [move.knob for move in decision.moves]


def told(decision: Decision) -> list[str]:
    """What was said of each move."""
    return [move.sentence for move in decision.moves]
