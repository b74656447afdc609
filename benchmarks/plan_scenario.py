"""Whether `onbeat plan` is right: the streams it says one machine carries, beside the most that are really carried.

What a machine carries is searched just before and just after the run that costs are learnt from, since its speed
drifts; a round in which these two differ does not count.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import anyio
import soundfile

from benchmarks.carried import MOST_APART, apart
from benchmarks.material import digit_strings, model
from benchmarks.scale import TARGET_MS, Scale
from benchmarks.workloads import RATE_HZ
from engine import AsyncAudioProcessor, AudioBuffer, BatchProcessingConfig
from engine.bench.capacity import CapacityWish, measure_capacity
from engine.bench.carriers import SoundStreams
from engine.bench.monitored import AnswersSeen
from engine.bench.trial import try_out
from modules.measuring.figures import Better, Figure
from modules.measuring.intervals import figure_of
from modules.measuring.results import Parameter, ScenarioResult
from modules.measuring.schedules import drawn
from modules.monitoring.targets import PerformanceTarget
from modules.simulation.arrivals import PIECE_S

LEARN_S = 10.0
LEARN_LOAD = 0.5
"""Of what was carried before: a machine that serves its users, and is not tried to its limits."""

SEARCH_S = 60.0
FIRST_SHARE = 0.9
"""Of what was carried before, where the next search begins."""

LEAST, MOST = 0.8, 1.2
"""Bounds of what is foreseen, as a share of what is carried. Too many is worse: the target is then not held."""

_WARM_UP_S = 2.0


@dataclass(frozen=True, slots=True)
class Round:
    """Streams carried before and after learning, and what was foreseen."""

    before: int
    after: int
    foreseen: int

    def __str__(self) -> str:
        return f"carried {self.before} and {self.after} streams, foreseen {self.foreseen}"

    @property
    def is_steady(self) -> bool:
        """Whether the machine was as quick after learning as before."""
        return apart(self.before, self.after) <= MOST_APART

    @property
    def share(self) -> float:
        """What was foreseen of what was carried."""
        return self.foreseen / fmean((self.before, self.after))


def plan(scale: Scale) -> ScenarioResult:
    """Vosk on strings of digits: carried, learnt at half of that, foreseen, and carried again. Raises `NoMaterial`."""
    begun_s = time.perf_counter()
    config = BatchProcessingConfig(
        asr="vosk", vosk_model=model("digits-en"), max_memory_mb=8_192, p99_chunk_latency_ms=TARGET_MS
    )
    sound = AudioBuffer(soundfile.read(digit_strings()[0], dtype="float32")[0], RATE_HZ)
    rounds, before = [], carried(config, sound)
    for _ in range(scale.rounds):
        with tempfile.TemporaryDirectory() as cache, caching_in(Path(cache)):
            anyio.run(learn, config, sound, max(1, round(LEARN_LOAD * before)))
            foreseen = planned()
        after = carried(config, sound, first=max(1, round(FIRST_SHARE * before)))
        rounds.append(Round(before, after, foreseen))
        print(rounds[-1], file=sys.stderr, flush=True)
        before = after
    return result(rounds, seconds=time.perf_counter() - begun_s)


def result(rounds: Sequence[Round], *, seconds: float) -> ScenarioResult:
    """What the rounds show; those that drifted do not count."""
    steady = [each.share for each in rounds if each.is_steady]
    figures = (
        [figure_of("foreseen / carried", steady, "x", least=LEAST, most=MOST, better=Better.NEITHER)] if steady else []
    )
    return ScenarioResult(
        "plan",
        "Does a machine carry as many streams as `onbeat plan` says?",
        (Parameter("learnt from", f"{LEARN_S:g} s at {LEARN_LOAD:g} of what is carried"),),
        (),
        seconds,
        (),
        (*figures, Figure("rounds that count", float(len(steady)), note=f"of {len(rounds)}")),
        invalid=() if steady else ("the machine changed its speed in every round",),
        notes=tuple(map(str, rounds)),
    )


def carried(config: BatchProcessingConfig, sound: AudioBuffer, *, first: int | None = None) -> int:
    """The most streams that are carried just now, searched from `first` on."""
    wish = CapacityWish(SEARCH_S, sound, first=first)
    found = anyio.run(measure_capacity, config, wish, lambda line: print(line, file=sys.stderr, flush=True))
    return round(next(figure.value for figure in found.all_figures if figure.name == "streams"))


async def learn(config: BatchProcessingConfig, sound: AudioBuffer, streams: int) -> None:
    """Serve so many streams for a while, and keep what calls cost."""
    book = AnswersSeen(PerformanceTarget(p99_chunk_latency_ms=config.p99_chunk_latency_ms))
    frames = round(PIECE_S * sound.sample_rate)
    places = sound.frames // frames
    async with (
        AsyncAudioProcessor(config.model_copy(update={"learn": True, "max_streams": streams}), monitor=book) as engine,
        SoundStreams(
            lambda: engine.open_stream(sound.sample_rate, overload="drop_oldest"),
            lambda stream, number: sound.cut((start := (7_919 * stream + number) % places * frames), start + frames),
        ) as carrier,
    ):
        await try_out(carrier, drawn("steady", streams, LEARN_S, seed=1), book, warm_up_s=_WARM_UP_S)


def planned() -> int:
    """The streams that one machine like this carries, as the command says it from what was kept."""
    command = [sys.executable, "-m", "engine", "plan", "--streams", "1", "--target-ms", f"{TARGET_MS:g}", "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(json.loads(answer.stdout)["per_machine"])


@contextmanager
def caching_in(folder: Path) -> Iterator[None]:
    """What is learnt is kept there, not where this machine's user has it."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_CACHE_HOME"]
        else:
            os.environ["XDG_CACHE_HOME"] = before
