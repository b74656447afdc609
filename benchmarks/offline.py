"""Folders and long files: Onbeat on all cores against Vosk alone on one thread, and against `vosk-transcriber`.

"Vosk alone" is the least a program can do: load the model, read a file, resample it if need be, feed one recogniser,
ask for the text. Each side begins with nothing loaded.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import soundfile
import soxr
import vosk

from benchmarks.material import digit_strings, folder_of, long_file, model, read_speech
from benchmarks.sides import Comparison, in_turn
from engine import AsyncAudioProcessor, BatchProcessingConfig

RATE_HZ = 16_000
GRAIN_BYTES = 6_400


@dataclass(frozen=True, slots=True)
class OfflineCase:
    """One comparison: which recordings, which model, how long Onbeat may take beside Vosk alone (issue 1, 4)."""

    name: str
    model: str
    segmenting: Literal["on", "off"]
    limit: float
    make: Callable[[Path], list[Path]]


def cases(*, files: int, minutes: float) -> list[OfflineCase]:
    """The three cases with a limit, at the size asked for."""
    return [
        OfflineCase(
            f"English, one file of {minutes:g} min",
            "english-small",
            "on",
            0.56,
            lambda folder: [long_file(folder, seconds=60 * minutes)],
        ),
        OfflineCase(
            f"English, {files} files",
            "english-small",
            "on",
            0.54,
            lambda folder: _in(folder_of(read_speech(), folder / "english", count=files)),
        ),
        OfflineCase(
            f"digits, {files} files, whole",
            "digits-en",
            "off",
            0.60,
            lambda folder: _in(folder_of(digit_strings(), folder / "digits", count=files)),
        ),
    ]


def compare(case: OfflineCase, *, rounds: int, workers: int = 2) -> Comparison:
    """Both sides in turn, with `vosk-transcriber` as a third where its `ffmpeg` is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = case.make(folder)
        config = BatchProcessingConfig(
            asr="vosk", vosk_model=model(case.model), segmenting=case.segmenting, workers=workers
        )
        vosk.SetLogLevel(-1)
        sides: dict[str, Callable[[], object]] = {
            "vosk alone": lambda: vosk_alone(vosk.Model(str(model(case.model))), paths),
            "onbeat": lambda: anyio.run(onbeat, config, paths),
        }
        if shutil.which("ffmpeg") and shutil.which("vosk-transcriber"):
            sides["vosk-transcriber"] = lambda: transcriber(model(case.model), paths, folder / "out", workers)
        return in_turn(sides, rounds=rounds)


def vosk_alone(loaded: vosk.Model, paths: Sequence[Path]) -> int:
    """One thread, one recogniser a file; the number of words."""
    words = 0
    for path in paths:
        samples, rate = soundfile.read(path, dtype="int16")
        if rate != RATE_HZ:
            samples = soxr.resample(samples, rate, RATE_HZ)
        pcm = samples.tobytes()
        recogniser = vosk.KaldiRecognizer(loaded, RATE_HZ)
        recogniser.SetWords(True)  # noqa: FBT003 - the library's own signature
        for start in range(0, len(pcm), GRAIN_BYTES):
            if recogniser.AcceptWaveform(pcm[start : start + GRAIN_BYTES]):
                words += len(json.loads(recogniser.Result())["text"].split())
        words += len(json.loads(recogniser.FinalResult())["text"].split())
    return words


async def onbeat(config: BatchProcessingConfig, paths: Sequence[Path]) -> int:
    """The engine from entering to leaving, its models loaded anew; the number of words."""
    words = 0
    async with AsyncAudioProcessor(config) as processor:
        async for result in processor.process_files(paths):
            assert result.error is None, result.error
            words += len(result.text.split())
    return words


def transcriber(model_folder: Path, paths: Sequence[Path], out: Path, workers: int) -> None:
    """Vosk's own program over the folder, or over the one file."""
    single = len(paths) == 1
    command = ["vosk-transcriber", "--log-level", "ERROR", "--model", str(model_folder), "--tasks", str(workers)]
    target = out.with_suffix(".txt") if single else out
    if not single:
        out.mkdir(exist_ok=True)
    source = paths[0] if single else paths[0].parent
    subprocess.run([*command, "--input", str(source), "--output", str(target)], check=True, capture_output=True)


def report(*, files: int, minutes: float, rounds: int) -> bool:
    """Print a line a case; whether every ratio is within its limit."""
    good = True
    for case in cases(files=files, minutes=minutes):
        comparison = compare(case, rounds=rounds)
        ratio = comparison.ratio("onbeat", "vosk alone")
        good = good and ratio <= case.limit
        rounds_text = " ".join(f"{r:.3f}" for r in comparison.ratios("onbeat", "vosk alone"))
        print(f"{case.name}: onbeat / vosk alone = {ratio:.3f} (limit {case.limit}; rounds {rounds_text})")
        if "vosk-transcriber" in comparison.seconds:
            print(f"    onbeat / vosk-transcriber = {comparison.ratio('onbeat', 'vosk-transcriber'):.2f}")
        seconds = {side: [round(s, 2) for s in taken] for side, taken in comparison.seconds.items()}
        print(f"    seconds: {seconds}")
    return good


def _in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())
