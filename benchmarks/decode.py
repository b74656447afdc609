"""Decoding: how soon the first audio is there, and what streaming costs beside the bare library."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soundfile

from benchmarks.sides import in_turn
from modules.audio.decode import open_audio

RATE_HZ = 44_100
LIMITS_MS = {"soundfile": 5.0, "pyav": 20.0}
_FORMATS = {
    "wav": ("soundfile", {"format": "WAV"}),
    "flac": ("soundfile", {"format": "FLAC"}),
    "mp3": ("soundfile", {"format": "MP3"}),
    "ogg": ("soundfile", {"format": "OGG"}),
}


def report(*, rounds: int) -> bool:
    """Print first-audio times and the streaming ratio; whether the first audio came within its limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = True
        for path in clips(folder):
            decoder, taken_ms = first_audio(path, times=20 * rounds)
            good = good and taken_ms <= LIMITS_MS[decoder]
            limit = f"limit {LIMITS_MS[decoder]:g} ms"
            print(f"first audio of a 1 s {path.suffix[1:]}: {taken_ms:.2f} ms by {decoder} ({limit})")
        long = folder / "long.flac"
        soundfile.write(long, noise(120), RATE_HZ)
        sides: dict[str, Callable[[], object]] = {
            "soundfile.read": lambda: soundfile.read(long, dtype="float32"),
            "onbeat": lambda: streamed(long),
        }
        comparison = in_turn(sides, rounds=3 * rounds)
        print(f"120 s of FLAC, streamed / read whole by soundfile = {comparison.ratio('onbeat', 'soundfile.read'):.2f}")
        return good


def clips(folder: Path) -> list[Path]:
    """One second in each format, written with the libraries that read it."""
    paths = []
    for suffix, (_, options) in _FORMATS.items():
        path = folder / f"clip.{suffix}"
        soundfile.write(path, noise(1), RATE_HZ, **options)
        paths.append(path)
    return [*paths, encoded(folder / "clip.m4a", "aac"), encoded(folder / "clip.webm", "libopus")]


def encoded(path: Path, codec: str) -> Path:
    """One second through a PyAV encoder."""
    rate = 48_000
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        samples = np.ascontiguousarray(noise(1)[None, :rate])
        frame = av.AudioFrame.from_ndarray(np.resize(samples, (1, rate)), format="fltp", layout="mono")
        frame.sample_rate = rate
        converter = av.AudioResampler(format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size)
        for piece in [*converter.resample(frame), *converter.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def first_audio(path: Path, *, times: int) -> tuple[str, float]:
    """Who decoded, and the median milliseconds from opening to the first 320 ms; the first time is not counted."""
    taken = []
    for _ in range(times + 1):
        started_s = time.perf_counter()
        with open_audio(path) as reader:
            next(reader.blocks(0.32))
            taken.append(time.perf_counter() - started_s)
            decoder = reader.decoder
    return decoder, statistics.median(taken[1:]) * 1e3


def streamed(path: Path) -> int:
    """Frames of the whole file in blocks of 5 s."""
    with open_audio(path) as reader:
        return sum(block.frames for block in reader.blocks(5.0))


def noise(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Noise that codecs have to work on."""
    return (np.random.default_rng(1).standard_normal(round(seconds * RATE_HZ)) * 0.1).astype(np.float32)
