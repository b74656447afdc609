"""Live trials of the generated encoder: Onbeat governed or frozen, or a plain side, all by the same schedule."""

import asyncio
import itertools
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from benchmarks.plain_sides import Plain, PlainBatcher
from benchmarks.workloads import (
    LIBRARY_DEFAULTS,
    RATE_HZ,
    TARGET_S,
    CallMade,
    Encoder,
    encoder_file,
    pieces_of_sound,
)
from engine import AsyncAudioProcessor, BatchProcessingConfig
from engine.bench.carriers import Sounds, TimedStreams
from engine.bench.trial import COOL_DOWN_S, Trial, try_out
from modules.measuring.pieces import PieceBook
from modules.measuring.plots import Mark
from modules.measuring.schedules import Schedule
from modules.memory.relief import Relief
from modules.models.onnx import OnnxModel
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.plan import Decision, Limits, Observation, Plan

WARM_UP_S = 2.5
FOLDER_WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is done `at_s` seconds after the start of a trial."""

    at_s: float
    do: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """How Onbeat is run: with what settings, frozen from when on, and what becomes of samples it cannot serve.

    With `cap`, nothing is decided at all: calls have that many chunks at most. `folder` has recordings that are
    processed beside the streams, over and over. Pieces count that are due after `count_from_s`.
    """

    frozen_from_s: float | None = None
    chunk_s: float | None = None
    cap: int | None = None
    workers: int | None = 2
    overload: str = "drop_oldest"
    folder: tuple[Path, ...] = ()
    count_from_s: float = WARM_UP_S


@dataclass(frozen=True, slots=True)
class Spent:
    """What was done in so many seconds: CPU time of this process and the generator's, and recordings that were heard.

    Where streams are tried, between the warm-up and the cool-down.
    """

    seconds: float
    cpu_s: float
    recorded_audio_s: float

    @property
    def cpus(self) -> float:
        """CPUs kept busy."""
        return self.cpu_s / self.seconds

    @property
    def recorded_speed(self) -> float:
        """Seconds of recordings a second."""
        return self.recorded_audio_s / self.seconds


class _Meter:
    """What is spent between two instants."""

    def __init__(self, monitor: RealTimePerformanceMonitor) -> None:
        self._monitor = monitor
        self._begun = self._ended = (0.0, 0.0, 0.0)

    def begin(self) -> None:
        """From now on."""
        self._begun = self._now()

    def end(self) -> None:
        """Until now."""
        self._ended = self._now()

    def spent_beside(self, other_cpus: float = 0.0) -> Spent:
        """What was spent; another process kept so many CPUs busy for it."""
        seconds, cpu_s, audio_s = (end - begin for end, begin in zip(self._ended, self._begun, strict=True))
        return Spent(seconds, cpu_s + other_cpus * seconds, audio_s)

    def _now(self) -> tuple[float, float, float]:
        return time.perf_counter(), time.process_time(), self._monitor.snapshot().recorded_audio_s


@dataclass(slots=True)
class Ran:
    """A trial, the decisions that were made in it, what the monitor reported, what was spent and the calls made."""

    trial: Trial
    marks: list[Mark] = field(default_factory=list)
    reported_p99_s: float | None = None
    outside_p99_s: float | None = None
    plans: list[tuple[float, Plan]] = field(default_factory=list)
    spent: Spent | None = None
    calls: list[CallMade] = field(default_factory=list)

    def calls_from(self, from_s: float) -> list[CallMade]:
        """Those that began so many seconds after its start, or later."""
        return [call for call in self.calls if call.began_s >= self.trial.generated.started_s + from_s]


class Rig:
    """The encoder, loaded once, and sound to feed it."""

    def __init__(self, folder: Path) -> None:
        """Write the graph into `folder` and load it."""
        self.file = encoder_file(folder)
        self.stage = Encoder(OnnxModel(self.file))
        self.sounds: Sounds = pieces_of_sound()
        self._defaults: Encoder | None = None

    def onbeat(self, schedule: Schedule, wish: Wish | None = None, events: Sequence[Event] = ()) -> Ran:
        """The engine, by this schedule."""
        with self.stage.noting() as calls:
            ran = anyio.run(self._onbeat, schedule, wish or Wish(), events)
        ran.calls = calls
        return ran

    def plain(self, schedule: Schedule, settings: Plain, events: Sequence[Event] = ()) -> Ran:
        """A plain side."""
        return anyio.run(self._plain, schedule, settings, events)

    async def _onbeat(self, schedule: Schedule, wish: Wish, events: Sequence[Event]) -> Ran:
        book, seen = PieceBook(target_s=TARGET_S), _Decisions()
        monitor = RealTimePerformanceMonitor(PerformanceTarget())
        meter, config = _Meter(monitor), _config(wish)
        options: dict[str, Any] = {"deadline_s": TARGET_S, "overload": wish.overload, "max_buffered_s": 60.0}
        async with (
            AsyncAudioProcessor(config, monitor=monitor, observer=seen) as processor,
            TimedStreams(
                lambda: processor.open_stream(RATE_HZ, stages=[self.stage], **options), self.sounds, book
            ) as carrier,
        ):
            beside = asyncio.create_task(process_for_ever(processor, wish.folder)) if wish.folder else None
            frozen_s = wish.frozen_from_s if wish.cap is None else 0.0
            frozen = [] if frozen_s is None else [Event(frozen_s, lambda: freeze(processor, cap=wish.cap))]
            metered = [
                Event(min(WARM_UP_S, schedule.seconds / 2), meter.begin),
                Event(schedule.seconds - COOL_DOWN_S, meter.end),
            ]
            trial = await _tried(carrier, schedule, book, [*events, *frozen, *metered], from_s=wish.count_from_s)
            if beside is not None:
                beside.cancel()
            latency = monitor.snapshot().latency
            outside = book.outcome(from_s=-math.inf, until_s=math.inf).latency  # of the same chunks
        started_s = trial.generated.started_s
        return Ran(
            trial,
            [
                Mark(at_s - started_s, text)
                for at_s, text in seen.moves
                if started_s < at_s < started_s + schedule.seconds
            ],
            latency.quantile(0.99) if latency.count else None,
            outside.quantile(0.99) if outside.count else None,
            [(at_s - started_s, plan) for at_s, plan in seen.plans],
            meter.spent_beside(trial.generated.cpu_s / schedule.seconds),
        )

    def folder(self, paths: Sequence[Path], *, seconds: float) -> Spent:
        """A folder that nothing else is beside, for so long after a warm-up."""
        return anyio.run(self._folder, paths, seconds)

    async def _folder(self, paths: Sequence[Path], seconds: float) -> Spent:
        monitor = RealTimePerformanceMonitor(PerformanceTarget())
        meter = _Meter(monitor)
        async with AsyncAudioProcessor(_config(Wish()), monitor=monitor) as processor:
            processing = asyncio.create_task(process_for_ever(processor, paths))
            await anyio.sleep(FOLDER_WARM_UP_S)
            meter.begin()
            await anyio.sleep(seconds)
            meter.end()
            processing.cancel()
            await asyncio.wait({processing})
        return meter.spent_beside()

    async def _plain(self, schedule: Schedule, settings: Plain, events: Sequence[Event]) -> Ran:
        book = PieceBook(target_s=TARGET_S)
        stage = self.with_defaults if settings.is_library_default else self.stage
        async with PlainBatcher(settings, stage, self.sounds, book) as carrier:
            return Ran(await _tried(carrier, schedule, book, events))

    @property
    def with_defaults(self) -> Encoder:
        """The same with ONNX Runtime's own defaults."""
        if self._defaults is None:
            self._defaults = Encoder(OnnxModel(self.file, LIBRARY_DEFAULTS))
        return self._defaults


def _config(wish: Wish) -> BatchProcessingConfig:
    return BatchProcessingConfig(
        asr="none", workers=wish.workers, chunk_s=wish.chunk_s, learn=False, max_streams=100_000
    )


@contextmanager
def rig() -> Iterator[Rig]:
    """A rig whose files go with it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Rig(Path(folder))


def freeze(processor: AsyncAudioProcessor, *, cap: int | None = None) -> None:
    """The plan and the batch caps stay as they are from now on: what the governor does is then seen by its absence.

    With `cap`, all caps are that.
    """
    live = processor._live  # noqa: SLF001 - the engine has no such switch: nobody but a benchmark wants it
    assert live is not None
    live._governing.cancel()  # noqa: SLF001 - as above
    dispatch = live._dispatch  # noqa: SLF001 - as above
    if cap is None:
        dispatch.replan = lambda: None  # type: ignore[method-assign]
    else:
        dispatch._cap = lambda *_: cap  # type: ignore[method-assign] # noqa: SLF001 - as above
        dispatch.replan()


async def process_for_ever(processor: AsyncAudioProcessor, paths: Sequence[Path]) -> None:
    """A folder that never ends."""
    async for result in processor.process_files(itertools.cycle(paths)):
        assert result.error is None, result.error


class _Decisions:
    """Notes the governor's moves, and every plan that differs from the one before."""

    def __init__(self) -> None:
        self.moves: list[tuple[float, str]] = []
        self.plans: list[tuple[float, Plan]] = []

    def begin(self, target: PerformanceTarget, limits: Limits, plan: Plan) -> None:  # noqa: ARG002 - an observer's
        """The first plan."""
        self.plans.append((time.perf_counter(), plan))

    def look(self, seen: Observation, decision: Decision) -> None:  # noqa: ARG002 - an observer's signature
        """What was moved."""
        now_s = time.perf_counter()
        self.moves += [(now_s, f"{move.knob} {move.before:g} to {move.after:g}") for move in decision.moves]
        if decision.moves:
            self.plans.append((now_s, decision.plan))

    def relieved(self, at_s: float, relief: Relief, why: str) -> None:  # noqa: ARG002 - as above
        """Memory was short, or free again."""
        self.moves.append((at_s, f"memory relief {relief}"))


async def _tried(
    carrier: TimedStreams | PlainBatcher,
    schedule: Schedule,
    book: PieceBook,
    events: Sequence[Event],
    *,
    from_s: float = WARM_UP_S,
) -> Trial:
    async with anyio.create_task_group() as tasks:

        async def follow(started_s: float, event: Event) -> None:
            await anyio.sleep(max(0.0, started_s + event.at_s - time.perf_counter()))
            event.do()

        def start(started_s: float) -> None:
            for event in events:
                tasks.start_soon(follow, started_s, event)

        trial = await try_out(
            carrier,
            schedule,
            book,
            warm_up_s=from_s if from_s != WARM_UP_S else min(from_s, (schedule.seconds - COOL_DOWN_S) / 2),
            target_s=TARGET_S,
            on_start=start,
        )
        tasks.cancel_scope.cancel()
    return trial
