"""Whether what goes wrong is reported: faults put into real trials of the engine, beside trials without, in turn.

What is tried is cheap: a stage that keeps a worker for a while and no CPU, as a device does. So what differs between
two trials is what was put in; programs that take the CPUs meanwhile disturb little as long as the generator is on time,
and a round in which it was not is done again.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from benchmarks.material import NoMaterial
from benchmarks.scale import SCALES, Scale
from benchmarks.steady_scenarios import ONBEAT, Turns
from benchmarks.workloads import RATE_HZ, TARGET_S, pieces_of_sound
from engine import AsyncAudioProcessor, BatchProcessingConfig
from engine.bench import generator
from engine.bench.carriers import TimedStreams
from engine.bench.trial import Trial, try_out
from modules.audio.buffer import AudioBuffer
from modules.events import EventType, StreamEvent
from modules.measuring.comparing import compare
from modules.measuring.pieces import PieceBook
from modules.measuring.results import Report, ScenarioResult
from modules.measuring.schedules import drawn
from modules.measuring.this_machine import this_machine
from modules.measuring.validity import ValidityLimits
from modules.simulation.arrivals import PIECE_S

STREAMS, SERVICE_S = 16, 0.010
"""Pieces come at random, 80 a second, and keep two workers busy for 0.4 of the time."""

SLOWER = 1.2
PAUSE_S, EACH_S = 0.05, 1.0
HELD_UP_S, HELD_UP_EACH_S = 0.03, 0.2
"""The generator stands still for so long, so often."""

WARM_UP_S = 0.5
CHUNK = 5
"""The chunk of stream 0 whose result is lost, or late by one."""

_MOST_ROUNDS = 5  # are run for each that counts


class Device:
    """A `BatchStage` that takes so long for each payload."""

    def __init__(self, service_s: float) -> None:
        """Take `service_s` seconds."""
        self._service_s = service_s

    def process(self, batch: Sequence[AudioBuffer]) -> list[float]:
        """Nothing for each."""
        time.sleep(self._service_s * len(batch))
        return [0.0] * len(batch)


class LosesOne(TimedStreams):
    """Live streams of which one result never arrives."""

    def _said(self, stream: int, event: StreamEvent) -> None:
        if not _is_the_one(stream, event):
            super()._said(stream, event)


class SwapsTwo(TimedStreams):
    """Live streams of which one result arrives after the next."""

    _held: StreamEvent | None = None

    def _said(self, stream: int, event: StreamEvent) -> None:
        if _is_the_one(stream, event):
            self._held = event
            return
        super()._said(stream, event)
        if stream == 0 and self._held is not None and event.type is EventType.FINAL:
            held, self._held = self._held, None
            super()._said(stream, held)


def _is_the_one(stream: int, event: StreamEvent) -> bool:
    return stream == 0 and event.type is EventType.FINAL and round(event.start_s / PIECE_S) == CHUNK


def no_trouble(_: ExitStack) -> None:
    """Nothing happens beside the trial."""


def pausing(left: ExitStack) -> None:
    """The event loop stands still for 50 ms each second."""
    again(left, EACH_S, lambda: time.sleep(PAUSE_S))


def holding_up(left: ExitStack) -> None:
    """The generator stands still for a moment, again and again."""
    pids = generators()
    if not pids:
        raise NoMaterial("needs /proc, to find the generator's process")
    loop = asyncio.get_running_loop()

    def stop() -> None:
        tell(pids, signal.SIGSTOP)
        loop.call_later(HELD_UP_S, tell, pids, signal.SIGCONT)

    left.callback(tell, pids, signal.SIGCONT)
    again(left, HELD_UP_EACH_S, stop)


def again(left: ExitStack, each_s: float, do: Callable[[], None]) -> None:
    """Do it every so many seconds until `left` is left."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def one() -> None:
        nonlocal timer
        begun_s = loop.time()
        do()
        timer = loop.call_at(begun_s + each_s, one)

    timer = loop.call_later(each_s / 2, one)
    left.callback(lambda: timer.cancel())  # noqa: PLW0108 - of the timer that runs then


def generators() -> list[int]:
    """The processes of load generators that this one has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and generator.__file__ in (process / "cmdline").read_text().split("\0"):
                found.append(int(process.name))
    return found


def tell(pids: Sequence[int], what: signal.Signals) -> None:
    """Send them a signal, where they still are."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a trial: how many times slower the stage is, what else happens, who carries the streams."""

    slower: float = 1.0
    begin: Callable[[ExitStack], None] = no_trouble
    carrier: type[TimedStreams] = TimedStreams


NONE = Fault()
IN_TURN = {
    "as it is": NONE,
    "20 % slower": Fault(slower=SLOWER),
    "as it is, again": NONE,
    "a pause of 50 ms each second": Fault(begin=pausing),
}
"""What is told apart by how long things take: several rounds of each, in turn. Others are compared with the first."""

LOST, SWAPPED, LATE = Fault(carrier=LosesOne), Fault(carrier=SwapsTwo), Fault(begin=holding_up)


def tried(fault: Fault, *, seconds: float, seed: int) -> Trial:
    """A trial with that fault."""
    return anyio.run(_tried, fault, seconds, seed)


async def _tried(fault: Fault, seconds: float, seed: int) -> Trial:
    book, stage = PieceBook(target_s=TARGET_S), Device(fault.slower * SERVICE_S)
    config = BatchProcessingConfig(asr="none", workers=2, chunk_s=PIECE_S, learn=False)
    async with (
        AsyncAudioProcessor(config) as processor,
        fault.carrier(
            lambda: processor.open_stream(RATE_HZ, stages=[stage], deadline_s=TARGET_S), pieces_of_sound(), book
        ) as carrier,
    ):
        with ExitStack() as left:
            return await try_out(
                carrier,
                drawn("poisson", STREAMS, seconds, seed=seed),
                book,
                warm_up_s=WARM_UP_S,
                target_s=TARGET_S,
                on_start=lambda _: fault.begin(left),
            )


def rounds_in_turn(faults: Mapping[str, Fault], scale: Scale) -> dict[str, list[Trial]]:
    """As many rounds as the scale has, with a trial of every fault; only those in which the generator was on time.

    A round has a seed of its own, and each begins with another fault. Raises `NoMaterial`.
    """
    rounds: list[dict[str, Trial]] = []
    names, late_s = deque(faults), 0.0
    for _ in range(_MOST_ROUNDS * scale.rounds):
        found = {name: tried(faults[name], seconds=scale.trial_s, seed=len(rounds) + 1) for name in names}
        late_s = max(trial.generated.late_p99_s for trial in found.values())
        if late_s <= ValidityLimits().max_late_s:
            rounds.append(found)
        if len(rounds) == scale.rounds:
            return {name: [replace(found[name], doubts=()) for found in rounds] for name in faults}
        names.rotate()
    raise NoMaterial(f"needs a machine on which the generator is on time: it was late by {late_s * 1e3:.1f} ms at p99")


def result(trials: list[Trial], scale: Scale) -> ScenarioResult:
    """What a report says of such trials, made as those of the live scenarios are."""
    return Turns(scale, STREAMS, "a stage of 10 ms", {ONBEAT: trials}).result("faults", "", time.perf_counter())


def regressions(before: list[Trial], after: list[Trial], scale: Scale) -> dict[str, str]:
    """What a comparison of two reports finds to be worse, by figure, in words."""
    old, new = (Report(this_machine(), "now", scenarios=(result(trials, scale),)) for trials in (before, after))
    return {change.figure: str(change) for change in compare(old, new).regressions}


def report(*, scale: Scale = SCALES["default"]) -> bool:
    """Print a line a fault; whether each was reported, and nothing where there was none."""
    several = replace(scale, rounds=max(3, scale.rounds), trial_s=max(2.0, scale.trial_s))
    once = replace(several, rounds=1)
    trials = rounds_in_turn(IN_TURN, several)
    first, *others = trials
    good = True
    for name in others:
        found = regressions(trials[first], trials[name], several)
        is_right = bool(found.keys() & {"p50", "p95", "p99"}) if IN_TURN[name] != NONE else not found
        good = _printed(name, found.values(), is_right=is_right) and good
    plain = trials[first][0]
    lost, swapped, late = (tried(fault, seconds=several.trial_s, seed=1) for fault in (LOST, SWAPPED, LATE))
    found = regressions([plain], [replace(lost, doubts=())], once)  # whatever the machine did, one result was lost
    good = _printed("a dropped chunk", found.values(), is_right="chunks lost" in found) and good
    broken = [str(figure) for figure in result([swapped], once).all_figures if not figure.is_good]
    good = _printed("a reordered result", broken, is_right=any("out of order" in each for each in broken)) and good
    invalid = [why for why in result([late], once).invalid if "the generator was late" in why]
    return _printed("a generator that falls behind", invalid, is_right=bool(invalid)) and good


def _printed(name: str, found: Iterable[str], *, is_right: bool) -> bool:
    print(f"{name}: {'' if is_right else 'WRONG: '}{'; '.join(found) or 'nothing is reported'}")
    return is_right
