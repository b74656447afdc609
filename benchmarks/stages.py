"""Ready stages and the result cache: what a repeat costs, what streams gain that share calls, what fallbacks cost."""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.material import SHARED, NoMaterial
from engine.cached_results import transcribe_once
from engine.call_watch import CallWatch
from engine.config import BatchProcessingConfig
from engine.processor import AsyncAudioProcessor
from engine.recording import RecordingInMemory
from modules.audio.buffer import AudioBuffer
from modules.audio.log_mel import LogMel, LogMelOptions
from modules.errors import ModelError
from modules.models.fallback import BackendChoice, Fallback
from modules.models.onnx import OnnxModel
from modules.models.result_cache import ENTRY_BYTES, CacheKey, ResultCache
from modules.stages.classify_onnx import OnnxClassifier
from modules.stages.denoise_dtln import DtlnDenoiser, Shifts
from modules.stages.front_ends import LogMelPatches, Waveform
from modules.stages.labels import read_labels
from modules.stages.windows import Windows, WindowShape

MOST_HIT_MS = 1.0
MOST_FALLBACK_US = 50.0
REPEATS = 400
RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Line:
    """One finding: what, how much, and the most that is allowed."""

    what: str
    value: float
    most: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is within its limit."""
        return self.most is None or self.value <= self.most

    def __str__(self) -> str:
        limit = "" if self.most is None else f" (at most {self.most:g}){'' if self.is_good else ' BROKEN'}"
        return f"{self.what}: {self.value:.3f}{limit}"


def report() -> bool:
    """Print the findings; whether all are within their limits."""
    lines = [*asyncio.run(cache_hits()), hostile_mix(), *fallback_cost(), *stage_costs()]
    for line in lines:
        print(line)
    return all(line.is_good for line in lines)


async def cache_hits() -> list[Line]:
    """The result of ten seconds in memory, asked for again and again through the engine's workers."""
    clips = {"float32": noise(10.0, 0), "int16": pcm16(noise(10.0, 0))}
    cache = ResultCache(64 << 20)
    lines = []
    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none")) as processor:
        parts = processor._running()  # noqa: SLF001 - what a recording needs, which only the processor has
        for kind, clip in clips.items():
            took_ms = []
            for _ in range(REPEATS + 1):
                started_s = time.perf_counter()
                result = await transcribe_once("a", clip, RecordingInMemory(clip), parts, cache)
                if result.cache_hit:
                    took_ms.append((time.perf_counter() - started_s) * 1e3)
            lines.append(Line(f"ms a cache hit of 10 s of {kind}, p50 of {len(took_ms)}", median(took_ms), MOST_HIT_MS))
    counts = cache.statistics()
    lines.append(Line("repeats that missed", counts.misses - len(clips), 0))
    return lines


def hostile_mix() -> Line:
    """The most bytes held, as a share of the limit, while answers of 0 to 200 kB come in any order."""
    cache, chance = ResultCache(1 << 20), np.random.default_rng(0)
    most = 0
    for _ in range(20_000):
        key = CacheKey.of(str(chance.integers(500)), "model", {})
        if cache.get(key) is None:
            cache.put(key, bytes(int(chance.integers(200_000) * chance.random() ** 3)))
        most = max(most, cache.statistics().bytes_held)
    assert cache.statistics().entries * ENTRY_BYTES <= most
    return Line("share of the byte limit held at most, 20,000 hostile calls", most / cache.max_bytes, 1.0)


def fallback_cost() -> list[Line]:
    """Microseconds a call that a role adds when nothing fails."""

    class Nothing:
        def run(self) -> None: ...

        def stop(self) -> None: ...

    stoppable: Fallback[Any] = Fallback("role", [BackendChoice("a", Nothing)], CallWatch())
    unstoppable: Fallback[Any] = Fallback("role", [BackendChoice("a", partial(int, 1))], CallWatch())
    return [
        Line(
            "us a role adds to a call that can be stopped",
            each_us(lambda: stoppable.call(Nothing.run)),
            MOST_FALLBACK_US,
        ),
        Line("us a role adds to a call that cannot (a thread of its own)", each_us(lambda: unstoppable.call(bool))),
    ]


def stage_costs() -> list[Line]:
    """CPU milliseconds for each second of audio, one stream alone and sixteen that share calls."""
    folder = SHARED / "models" / "onnx"
    if not folder.is_dir():
        raise NoMaterial(f"needs {folder}")
    lines = []
    shape = WindowShape.of_seconds(RATE_HZ, window_s=0.975, hop_s=0.48)
    labels = read_labels(folder / "yamnet_class_map.csv")
    for name, classifier in classifiers(folder, shape, labels).items():
        for streams in (1, 16):
            runs = [Windows(shape).open().feed(noise(0.975, seed))[0] for seed in range(streams)]
            cost_ms = each_us(partial(classifier.process, runs), times=20) / 1e3 / streams / 0.48
            lines.append(Line(f"CPU ms a second of audio, {name}, {streams} streams", cost_ms))
    denoiser = DtlnDenoiser(OnnxModel(folder / "dtln_1.onnx"), OnnxModel(folder / "dtln_2.onnx"))
    payload = Shifts(noise(0.2, 0).cut(0, 3_200))
    cost_ms = each_us(lambda: denoiser.process([denoiser.initial_state()], [payload]), times=20) / 1e3 / 0.2
    lines.append(Line("CPU ms a second of audio, DTLN as published, 1 stream", cost_ms))
    return lines


def classifiers(folder: Path, shape: WindowShape, labels: tuple[str, ...]) -> dict[str, OnnxClassifier]:
    """YAMNet on samples, and on our log-mel features where the library for them is there."""
    wave = OnnxModel(folder / "yamnet_wave.onnx")
    found = {"YAMNet on samples": OnnxClassifier(wave, labels, Waveform(shape, wave.inputs[0].shape))}
    try:
        mel = LogMel(LogMelOptions(), RATE_HZ)
    except ModelError as reason:
        print(f"without log-mel: {reason}")
        return found
    patches = OnnxModel(folder / "yamnet_patches.onnx")
    front_end = LogMelPatches(mel, shape, patches.inputs[0].shape)
    return {**found, "YAMNet on our log-mel": OnnxClassifier(patches, labels, front_end)}


def noise(seconds: float, seed: int) -> AudioBuffer:
    """The same for the same seed."""
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)) * 0.05
    return AudioBuffer(samples.astype(np.float32), RATE_HZ)


def pcm16(buffer: AudioBuffer) -> AudioBuffer:
    """The same in 16 bits."""
    return AudioBuffer.of_pcm16((buffer.samples * 32_767).astype(np.int16), buffer.sample_rate)


def median(values: list[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def each_us(call: Callable[[], object], *, times: int = 2_000) -> float:
    """CPU microseconds of this thread a call, the median of five rounds."""
    rounds = []
    for _ in range(5):
        started_s = time.thread_time()
        for _ in range(times):
            call()
        rounds.append((time.thread_time() - started_s) / times * 1e6)
    return median(rounds)
