"""Stages alone, by `ModuleTimer`, and stages in a row, as a share of what bare calls in lockstep give."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks.lockstep import CHUNK_S, RATE_HZ, SOURCE_HZ, WORKERS, Kernels, Spent, hop_by_hop, lockstep, onbeat
from benchmarks.material import NoMaterial, model
from benchmarks.scale import Scale
from benchmarks.workloads import calls_per_s
from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.audio.resample import Resampler
from modules.measuring.figures import Better, Figure
from modules.measuring.intervals import figure_of, ratio_figure
from modules.measuring.latency_plots import bars
from modules.measuring.module_timer import TARGET_S, ModuleTimer
from modules.measuring.plots import Line, Mark, Plot
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.stages.asr_vosk import VoskRecogniser

LEAST_OF_BOUND = {8: 0.85, 32: 0.95}
"""Of the lockstep bound, by streams (issue 8, Must show 3)."""

REFERENCE = "reference"
BATCHES = (1, 2, 4, 8, 16, 32, 64)
_KNEE_SHARE = 0.97


def module(scale: Scale) -> ScenarioResult:
    """Each stage alone on one thread, in turn with a fixed piece of arithmetic that shows how fast the machine is."""
    begun_s = time.perf_counter()
    seconds = {"quick": 0.08, "default": 0.4}.get(scale.name, 1.0)
    rounds = max(5, scale.rounds)
    with stages_alone() as calls:
        timers = {name: [ModuleTimer(name) for _ in range(rounds)] for name in calls}
        for each in calls.values():
            each()
        for number in range(rounds):
            for name, call in calls.items():
                timers[name][number].repeat(call, seconds=seconds)
        plot = knees(scale)
    sides = []
    for name, runs in timers.items():
        p50 = [timer.times.quantile(0.5) * 1e3 for timer in runs]
        p99 = [timer.times.quantile(0.99) * 1e3 for timer in runs]
        figures = (
            figure_of("p50", p50, "ms", better=Better.LOWER),
            figure_of("p99", p99, "ms", most=TARGET_S * 1e3),
        )
        sides.append(Side(name, figures, runs[0].times))
    return ScenarioResult(
        "module",
        f"Does each stage alone answer a chunk within {TARGET_S * 1e3:g} ms?",
        (Parameter("chunk", f"{CHUNK_S * 1e3:g} ms"), Parameter("rounds", f"{rounds} of {seconds:g} s, in turn")),
        seconds=time.perf_counter() - begun_s,
        sides=tuple(sides),
        plots=(plot,),
        reference=REFERENCE,
    )


@contextmanager
def stages_alone() -> Iterator[dict[str, Callable[[], object]]]:
    """A call of each stage on one chunk; the reference is a product of matrices."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        kernels = Kernels.in_folder(Path(name))
        reader = stack.enter_context(open_audio(kernels.recording))
        blocks = [block.mono() for block in reader.blocks(CHUNK_S)][:-1]
        sound, given = kernels.sound(), cycle(blocks)
        chunk, state = next(sound), kernels.detector.initial_state()
        resampler = Resampler(SOURCE_HZ, RATE_HZ)
        matrix = np.random.default_rng(0).standard_normal((320, 512))
        calls: dict[str, Callable[[], object]] = {
            "decode and resample": lambda: next(sound),
            "resample": lambda: resampler.feed(next(given)),
            "Silero": lambda: kernels.detector.process([state], [chunk]),
            "encoder of 5 million": lambda: kernels.encoder.process([chunk]),
        }
        try:
            recogniser = VoskRecogniser(model("digits-en"), endpoints=True)
        except NoMaterial:
            pass  # the others are measured all the same
        else:
            session = recogniser.open()
            grain = AudioBuffer(chunk.samples[:3_200], RATE_HZ)
            calls["Vosk, digits, 200 ms"] = lambda: session.feed(grain)
        yield {**calls, REFERENCE: lambda: np.fft.rfft(matrix)}


def knees(scale: Scale) -> Plot:
    """Throughput of the models over batch, with the knee marked: the smallest batch within 3 % of the best."""
    seconds = {"quick": 0.05, "default": 0.3}.get(scale.name, 1.0)
    lines, marks = [], []
    with tempfile.TemporaryDirectory() as name:
        kernels = Kernels.in_folder(Path(name))
        sound = kernels.sound()
        chunks = [next(sound) for _ in range(max(BATCHES))]
        states = [kernels.detector.initial_state() for _ in chunks]
        models: dict[str, Callable[[int], object]] = {
            "Silero": lambda batch: kernels.detector.process(states[:batch], chunks[:batch]),
            "encoder of 5 million": lambda batch: kernels.encoder.process(chunks[:batch]),
        }
        for title, call in models.items():
            points = []
            for batch in BATCHES:
                call(batch)
                rate = calls_per_s(lambda call=call, batch=batch: call(batch), workers=1, seconds=seconds)  # type: ignore[misc] # a loop's
                points.append((float(batch), rate * batch))
            best = max(rate for _, rate in points)
            knee = next(batch for batch, rate in points if rate >= _KNEE_SHARE * best)
            lines.append(Line(title, tuple(points)))
            marks.append(Mark(knee, f"{title}: knee {knee:g}"))
    return Plot(
        "throughput_over_batch",
        "Throughput of one thread by batch",
        "chunks in a call",
        "chunks a second",
        tuple(lines),
        tuple(sorted(marks, key=lambda mark: mark.x)),
        is_log_x=True,
        is_log_y=True,
    )


def encoder(scale: Scale) -> ScenarioResult:
    """The whole row with 8 and with 32 streams, sides in turn."""
    begun_s = time.perf_counter()
    seconds = {"quick": 0.5, "default": 0.8}.get(scale.name, 4.0)
    rounds = {"quick": 1, "default": 7}.get(scale.name, scale.rounds)
    calls = {"onbeat": onbeat, "lockstep": lockstep, "one hop a stage": hop_by_hop}
    spent: dict[str, dict[int, list[Spent]]] = {side: {streams: [] for streams in LEAST_OF_BOUND} for side in calls}
    with tempfile.TemporaryDirectory() as name:
        kernels = Kernels.in_folder(Path(name))
        for _ in range(rounds):
            for streams in LEAST_OF_BOUND:
                for side, call in calls.items():
                    spent[side][streams].append(call(kernels, streams, seconds))
    rates = {
        side: {streams: [one.rate for one in found] for streams, found in each.items()} for side, each in spent.items()
    }
    figures: list[Figure] = []
    for streams, least in LEAST_OF_BOUND.items():
        bound = rates["lockstep"][streams]
        figures += [
            ratio_figure(
                f"share of the bound, {streams} streams",
                rates["onbeat"][streams],
                bound,
                least=least,
                better=Better.HIGHER,
            ),
            ratio_figure(f"one hop a stage, {streams} streams", rates["one hop a stage"][streams], bound),
            *_where_time_goes(streams, spent["onbeat"][streams], spent["lockstep"][streams]),
        ]
    sides = tuple(
        Side(
            side,
            tuple(
                figure_of(f"{streams} streams", found, "chunks/s", better=Better.HIGHER)
                for streams, found in each.items()
            ),
        )
        for side, each in rates.items()
    )
    return ScenarioResult(
        "encoder",
        "How much of the lockstep bound do decode, resample, Silero and an encoder of 5 million reach?",
        (
            Parameter("chunk", f"{CHUNK_S * 1e3:g} ms of WAV at {SOURCE_HZ} Hz"),
            Parameter("rounds", f"{rounds} of {seconds:g} s, sides in turn"),
        ),
        seconds=time.perf_counter() - begun_s,
        sides=sides,
        figures=tuple(figures),
        plots=(bars("Chunks a second, 32 streams", "chunks a second", {k: v[32][0] for k, v in rates.items()}),),
        reference="lockstep",
    )


def _where_time_goes(streams: int, ours: list[Spent], bare: list[Spent]) -> list[Figure]:
    """What a chunk takes beyond the bare calls, as shares of all it takes: with the share of the bound they make 1."""
    pairs = list(zip(ours, bare, strict=True))
    parts = {
        "event loop": [one.loop_s for one, _ in pairs],
        "more on the workers": [one.workers_s - other.workers_s for one, other in pairs],
        "more time on no CPU": [one.idle_s - other.idle_s for one, other in pairs],
    }
    return [
        figure_of(
            f"{part}, share of a chunk, {streams} streams",
            [spent_s * one.rate / WORKERS for spent_s, one in zip(seconds, ours, strict=True)],
            "x",
        )
        for part, seconds in parts.items()
    ]
