"""Recordings: a folder, one long file, decoding, and a folder beside live streams."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import anyio
import soundfile
import vosk

from benchmarks import decode as decoding
from benchmarks import offline as recordings
from benchmarks.material import digit_strings, folder_of, model, read_speech
from benchmarks.scale import Scale
from benchmarks.sides import in_turn
from engine import BatchProcessingConfig
from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.audio.resample import Resampler
from modules.measuring.figures import Better
from modules.measuring.intervals import figure_of, ratio_figure
from modules.measuring.latency_plots import bars
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.models.onnx import OnnxModel
from modules.stages.vad_silero import RATE_HZ, SileroDetector, packaged_model

LEAST_EFFICIENCY = {"English": 0.95, "digits": 0.80, "Silero": 0.80}
WORKERS = 2
LOCKSTEP = 8
"""Recordings whose grains share a call of the bare detector."""


def offline(scale: Scale) -> ScenarioResult:
    """Folders through each model: the time of the bare calls over that of the engine."""
    begun_s = time.perf_counter()
    results = []
    with tempfile.TemporaryDirectory() as name:
        vosk.SetLogLevel(-1)
        for case, make in _folders(scale).items():
            paths = make(Path(name) / case)
            bare, config = _sides(case)
            results.append(
                (
                    case,
                    len(paths),
                    in_turn(
                        {
                            "onbeat": lambda config=config, paths=paths: anyio.run(recordings.onbeat, config, paths),  # type: ignore[misc] # a loop's
                            "bare": lambda bare=bare, paths=paths: bare(paths),  # type: ignore[misc] # a loop's
                        },
                        rounds=scale.rounds,
                    ),
                )
            )
    figures = [
        ratio_figure(
            f"efficiency, {case}",
            compared.seconds["bare"],
            compared.seconds["onbeat"],
            least=LEAST_EFFICIENCY[case],
            better=Better.HIGHER,
        )
        for case, _, compared in results
    ]
    sides = [
        Side(
            {"onbeat": "onbeat", "bare": "bare kernels"}[side],
            tuple(figure_of(case, compared.seconds[side], "s", better=Better.LOWER) for case, _, compared in results),
        )
        for side in ("onbeat", "bare")
    ]
    return ScenarioResult(
        "offline",
        "How much of the time of a folder run is irreducible: decode, resample and the model alone, on all cores?",
        tuple(Parameter(case, f"{count} files") for case, count, _ in results),
        seconds=time.perf_counter() - begun_s,
        sides=tuple(sides),
        figures=tuple(figures),
        plots=(bars("Efficiency", "irreducible / actual", {figure.name: figure.value for figure in figures}),),
        reference="bare kernels",
    )


def long_file(scale: Scale) -> ScenarioResult:
    """One long recording, beside Vosk alone on one thread and beside `vosk-transcriber` where that is installed."""
    begun_s = time.perf_counter()
    case = recordings.cases(files=1, minutes=scale.minutes)[0]
    compared = recordings.compare(case, rounds=scale.rounds, workers=WORKERS)
    sides = [
        Side(side, (figure_of("time", seconds, "s", better=Better.LOWER),))
        for side, seconds in compared.seconds.items()
    ]
    if "vosk-transcriber" not in compared.seconds:
        sides.append(Side("vosk-transcriber", skipped="it or its ffmpeg is not installed"))
    ours = compared.seconds["onbeat"]
    figures = [
        ratio_figure(
            "onbeat / vosk alone",
            ours,
            compared.seconds["vosk alone"],
            most=case.limit if scale.minutes >= 1 else None,
            better=Better.LOWER,
        )
    ]
    if "vosk-transcriber" in compared.seconds:
        figures.append(
            ratio_figure("onbeat / vosk-transcriber", ours, compared.seconds["vosk-transcriber"], better=Better.LOWER)
        )
    return ScenarioResult(
        "long_file",
        "How long does one long recording take?",
        (Parameter("recording", case.name), Parameter("rounds", str(scale.rounds))),
        seconds=time.perf_counter() - begun_s,
        sides=tuple(sorted(sides, key=lambda side: side.name != "onbeat")),
        figures=tuple(figures),
        plots=(bars("Seconds", "time, s", {name: min(each) for name, each in compared.seconds.items()}),),
        reference="vosk alone",
    )


def decode(scale: Scale) -> ScenarioResult:
    """How soon the first audio is there, by format, and what streaming costs beside reading whole."""
    begun_s = time.perf_counter()
    figures = []
    with tempfile.TemporaryDirectory() as name:
        for path in decoding.clips(Path(name)):
            times = [decoding.first_audio(path, times=5) for _ in range(max(2, scale.rounds))]
            most = decoding.LIMITS_MS[times[0][0]]
            found = figure_of(f"first audio, {path.suffix[1:]}", [ms for _, ms in times], "ms", most=most)
            figures.append(replace(found, better=Better.LOWER, note=f"by {times[0][0]}"))
        long = Path(name) / "long.flac"
        soundfile.write(long, decoding.noise(60 * scale.minutes), decoding.RATE_HZ)
        whole: Callable[[], object] = lambda: soundfile.read(long, dtype="float32")  # noqa: E731 - a side
        compared = in_turn({"whole": whole, "streamed": lambda: decoding.streamed(long)}, rounds=max(2, scale.rounds))
    figures.append(
        ratio_figure(
            "streamed / read whole", compared.seconds["streamed"], compared.seconds["whole"], better=Better.LOWER
        )
    )
    return ScenarioResult(
        "decode",
        "How soon is the first audio of a recording there?",
        (Parameter("clip", "1 s"), Parameter("long", f"{60 * scale.minutes:g} s of FLAC")),
        seconds=time.perf_counter() - begun_s,
        figures=tuple(figures),
    )


def vosk_bare(name: str, paths: Sequence[Path]) -> None:
    """As many threads as workers, each with every so manieth file, and nothing but decode, resample and the model."""
    loaded = vosk.Model(str(model(name)))
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda share: recordings.vosk_alone(loaded, share), [paths[n::WORKERS] for n in range(WORKERS)]))


def silero_bare(paths: Sequence[Path]) -> None:
    """The same with the voice detector: recordings in lockstep, so many at once, a block of five seconds at a time."""
    detector = SileroDetector(OnnxModel(packaged_model()))

    def work(share: Sequence[Path]) -> None:
        for start in range(0, len(share), LOCKSTEP):
            rows = [(detector.initial_state(), _pieces(path)) for path in share[start : start + LOCKSTEP]]
            while given := [(state, piece, rest) for state, rest in rows if (piece := next(rest, None)) is not None]:
                states, _ = detector.process([state for state, _, _ in given], [piece for _, piece, _ in given])
                rows = [(state, rest) for state, (_, _, rest) in zip(states, given, strict=True)]

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, [paths[n::WORKERS] for n in range(WORKERS)]))


def _pieces(path: Path) -> Iterator[AudioBuffer]:
    """Mono pieces at the detector's rate; the last grain of each is filled up, one of 150."""
    with open_audio(path) as reader:
        resampler = Resampler(reader.sample_rate, RATE_HZ)
        for block in reader.blocks(5.0):
            yield from resampler.feed(block.mono())
        yield from resampler.finish()


def _folders(scale: Scale) -> dict[str, Callable[[Path], list[Path]]]:
    speech, digits = read_speech(), digit_strings()
    count = scale.files
    folders: dict[str, Callable[[Path], list[Path]]] = {
        "English": lambda folder: sorted(folder_of(speech, folder, count=count).iterdir()),
        "digits": lambda folder: sorted(folder_of(digits, folder, count=count).iterdir()),
        "Silero": lambda folder: sorted(folder_of(digits, folder, count=2 * count).iterdir()),
    }
    if scale.name == "quick":
        del folders["English"]  # its model alone takes longer to load than a smoke test may
    return folders


def _sides(case: str) -> tuple[Callable[[Sequence[Path]], None], BatchProcessingConfig]:
    """The bare calls of a case, and how the engine is set for it; whole files, so that both do the same."""
    if case == "Silero":
        return silero_bare, BatchProcessingConfig(asr="none", workers=WORKERS, learn=False)
    name = {"English": "english-small", "digits": "digits-en"}[case]
    config = BatchProcessingConfig(asr="vosk", vosk_model=model(name), segmenting="off", workers=WORKERS, learn=False)
    return lambda paths: vosk_bare(name, paths), config
