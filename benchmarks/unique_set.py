"""How much memory a run takes: the unique set of an `onbeat run`, from outside, on short and long recordings.

That of all its processes together: what would be free if they ended, pages that only they share included.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import cycle
from pathlib import Path

import anyio
import numpy as np
import soundfile
import soxr

from benchmarks.material import NoMaterial, digit_strings, model
from engine import BatchProcessingConfig
from engine.flow_parts import FlowParts, Milestones
from engine.pipeline import build_pipeline
from engine.recording import StoredRecording, transcribe
from engine.speech_calls import SpeechCalls
from engine.workers import WorkerThreads
from modules.batching.chunks import ChunkSizer
from modules.checkpoint import FinishedSegment

RATE_HZ = 44_100
SHORT_MINUTES = 2.0
FORMATS = ("wav", "flac", "mp3", "m4a")
MAX_ABOVE_IDLE_MB = 80.0
MAX_GROWTH = 1.10
MAX_FIRST_SEGMENT_S = 1.0
WORKERS = 2

_SAMPLE_S = 0.02
_MB = 2**20
_BARE = "import engine.cli.run, time; print('ready', flush=True); time.sleep(600)"
_SUMMARY_BYTES = 2_000
_STEADY_S, _STILL = 3.0, 100_000


@dataclass(frozen=True, slots=True)
class Case:
    """A recogniser and a format."""

    asr: str
    suffix: str

    @property
    def options(self) -> list[str]:
        """How `onbeat run` is told of the recogniser."""
        return ["--asr", "vosk", "--vosk-model", str(model("digits-en"))] if self.asr == "vosk" else ["--asr", self.asr]


def report(*, minutes: float, formats: Sequence[str] = FORMATS) -> bool:
    """Print a line a case; whether all are within their limits."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise NoMaterial("needs Linux: the unique set is read from /proc")
    formats = [each for each in formats if each in FORMATS[:2] or shutil.which("ffmpeg")]
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = recordings(folder / "short", minutes=SHORT_MINUTES, formats=formats)
        long = recordings(folder / "long", minutes=minutes, formats=formats)
        idle = {asr: idle_bytes(Case(asr, ""), folder) for asr in ("none", "vosk")}
        print(
            f"{minutes:g} min beside {SHORT_MINUTES:g} min, 44.1 kHz stereo; the command line imported: "
            f"{bare_bytes() / _MB:.1f} MB; an idle run, models loaded: {idle['none'] / _MB:.1f} and "
            f"{idle['vosk'] / _MB:.1f} MB"
        )
        for case in [Case(asr, suffix) for asr in ("none", "vosk") for suffix in formats]:
            brief, lengthy = (peak_bytes(case, files[case.suffix], folder) for files in (short, long))
            above = (lengthy - idle[case.asr]) / _MB
            first_s = first_segment_s(case, long[case.suffix])
            kept = above <= MAX_ABOVE_IDLE_MB and lengthy <= MAX_GROWTH * brief and first_s <= MAX_FIRST_SEGMENT_S
            good = good and kept
            print(
                f"{case.asr} {case.suffix}: peak {lengthy / _MB:.1f} MB, {above:.1f} MB above the idle run "
                f"(limit {MAX_ABOVE_IDLE_MB:g}), {lengthy / brief:.3f} of the short one's (limit {MAX_GROWTH}), "
                f"first segment after {first_s:.2f} s (limit {MAX_FIRST_SEGMENT_S:g}){'' if kept else '  <- beyond'}"
            )
    return good


def recordings(folder: Path, *, minutes: float, formats: Sequence[str]) -> dict[str, Path]:
    """Spoken digits at 44.1 kHz in stereo, over and over, in each format."""
    folder.mkdir()
    wav = folder / "digits.wav"
    left = round(60 * minutes * RATE_HZ)
    with soundfile.SoundFile(wav, "w", RATE_HZ, 2, "PCM_16") as file:
        for mono in cycle([_resampled(path) for path in digit_strings()]):
            file.write(np.stack([mono[:left], 0.8 * mono[:left]], axis=1))
            left -= len(mono)
            if left <= 0:
                break
    files = {"wav": wav}
    for suffix in set(formats) - {"wav"}:
        files[suffix] = wav.with_suffix(f".{suffix}")
        if suffix == "flac":
            _as_flac(wav, files[suffix])
        else:
            command = ["ffmpeg", "-v", "error", "-i", str(wav), "-b:a", "64k", str(files[suffix])]
            subprocess.run(command, check=True)
    return files


def idle_bytes(case: Case, folder: Path) -> int:
    """The unique set of an `onbeat run` that watches an empty folder: models loaded, nothing in hand."""
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    with _run_of(case, empty, folder, "--watch") as process:
        found = steady_s = 0.0
        while steady_s < _STEADY_S:
            time.sleep(_SAMPLE_S)
            now = unique_set_bytes(process.pid)
            steady_s = steady_s + _SAMPLE_S if abs(now - found) < _STILL and now > 1.5 * bare_bytes() else 0.0
            found = now
        process.terminate()
    return round(found)


@cache
def bare_bytes() -> int:
    """The unique set of a process that has imported the command line and waits."""
    with subprocess.Popen([sys.executable, "-c", _BARE], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = unique_set_bytes(process.pid)
        process.kill()
    return found


def peak_bytes(case: Case, path: Path, folder: Path) -> int:
    """The largest unique set of an `onbeat run` of that file, until its results are there.

    What comes after is the end of a forked process, which for some milliseconds takes pages of its own to clear them.
    """
    largest = 0
    with _run_of(case, path, folder) as process:
        while process.poll() is None and not _is_done(folder / "out" / "results.jsonl"):
            largest = max(largest, unique_set_bytes(process.pid))
            time.sleep(_SAMPLE_S)
    if process.returncode:
        raise AssertionError(f"onbeat run {path.name} ended with {process.returncode}")
    return largest


def _is_done(results: Path) -> bool:
    """Whether the summary is written, which comes last."""
    return results.exists() and b'"type":"summary"' in results.read_bytes()[-_SUMMARY_BYTES:]


def _run_of(case: Case, path: Path, folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "engine", "run", str(path), "-o", str(out), "--workers", str(WORKERS)]
    return subprocess.Popen([*command, *case.options, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def first_segment_s(case: Case, path: Path) -> float:
    """Seconds from opening the recording to its first recognised segment, models loaded."""
    return anyio.run(partial(_first_segment_s, case, path))


async def _first_segment_s(case: Case, path: Path) -> float:
    folder = model("digits-en") if case.asr == "vosk" else None
    config = BatchProcessingConfig(asr="vosk" if folder else "none", vosk_model=folder, workers=WORKERS)
    async with WorkerThreads(WORKERS) as workers, anyio.create_task_group() as tasks:
        pipeline = await workers.run(lambda: build_pipeline(config, workers=WORKERS, version="benchmark"))
        speech = SpeechCalls(pipeline.segmenter)
        parts = FlowParts(pipeline, workers, anyio.Semaphore(WORKERS), ChunkSizer(), target_s=0.3, speech=speech)
        found: list[float] = []
        started_s = time.perf_counter()

        def first(_: FinishedSegment) -> None:
            found.append(time.perf_counter() - started_s)
            tasks.cancel_scope.cancel()

        tasks.start_soon(transcribe, path.name, StoredRecording(path), parts, Milestones(on_segment=first))
    return found[0]


def unique_set_bytes(pid: int) -> int:
    """That of a process and of those it has started; a process that has just ended has none."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return 0
    # anonymous pages that a fork shares count once, in parts; of mapped files only pages that nobody else has
    own = 1024 * sum(map(int, re.findall(r"^(?:Pss_Anon|Private_Clean):\s+(\d+) kB", rollup, re.MULTILINE)))
    return own + sum(map(unique_set_bytes, children))


def _resampled(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    samples, rate = soundfile.read(path, dtype="float32")
    pause = np.zeros(RATE_HZ // 2, np.float32)
    return np.concatenate([soxr.resample(samples, rate, RATE_HZ), pause])


def _as_flac(wav: Path, target: Path) -> None:
    with soundfile.SoundFile(wav) as source, soundfile.SoundFile(target, "w", RATE_HZ, 2, "PCM_16") as file:
        for block in source.blocks(1 << 20, dtype="int16"):
            file.write(block)
