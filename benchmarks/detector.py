"""The streaming voice detector: CPU a grain with many streams, beside a direct call and an executor hop a grain."""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine import AsyncAudioProcessor, AudioBuffer, BatchProcessingConfig
from modules.models.onnx import OnnxModel
from modules.stages.vad_silero import GRAIN_FRAMES, RATE_HZ, SileroDetector, packaged_model

STREAMS = 64
CHUNKS = 60
CHUNK_FRAMES = round(0.2 * RATE_HZ)
WORKERS = 2
MOST_CPU_RATIO = 40 / 65
"""CPU a grain beside one direct call: 40 us where that takes 65."""

LEAST_THROUGHPUT_RATIO = 2.5


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds a grain: of CPU over all threads, and of the clock."""

    cpu_us: float
    wall_us: float


def report() -> bool:
    """Print the costs; whether they are within their limits."""
    engine = asyncio.run(measured(engine_side))
    direct = asyncio.run(measured(direct_side))
    executor = asyncio.run(measured(executor_side))
    cpu, throughput = engine.cpu_us / direct.cpu_us, executor.wall_us / engine.wall_us
    print(
        f"CPU a 32 ms grain, model included, {STREAMS} streams, 200 ms chunks: onbeat {engine.cpu_us:.0f} us, "
        f"one direct call {direct.cpu_us:.0f} us, ratio {cpu:.2f} (at most {MOST_CPU_RATIO:.2f})"
    )
    print(
        f"throughput beside one executor hop a grain: {throughput:.2f}x (at least {LEAST_THROUGHPUT_RATIO}); "
        f"{engine.wall_us:.0f} us and {executor.wall_us:.0f} us of the clock a grain"
    )
    return cpu <= MOST_CPU_RATIO and throughput >= LEAST_THROUGHPUT_RATIO


async def measured(side: Callable[[AudioBuffer], Awaitable[tuple[int, float, float]]]) -> Cost:
    """The median of three rounds of a side, which says how many grains it did in how much CPU and wall time."""
    noise = np.random.default_rng(0).standard_normal(CHUNKS * CHUNK_FRAMES).astype(np.float32) * 0.01
    rounds = []
    for _ in range(3):
        grains, cpu_s, wall_s = await side(AudioBuffer(noise, RATE_HZ))
        rounds.append(Cost(cpu_s / grains * 1e6, wall_s / grains * 1e6))
    return sorted(rounds, key=lambda cost: cost.cpu_us)[1]


async def engine_side(audio: AudioBuffer) -> tuple[int, float, float]:
    """All streams pushed to at once, chunk after chunk, through the pipeline that finds speech."""
    config = BatchProcessingConfig(asr="none", workers=WORKERS)
    async with AsyncAudioProcessor(config) as processor, AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(processor.open_stream(RATE_HZ, max_buffered_s=600)) for _ in range(STREAMS)
        ]

        async def one(number: int) -> None:
            for start in range(0, audio.frames, CHUNK_FRAMES):
                await streams[number].push(audio.cut(start, start + CHUNK_FRAMES))
            streams[number].end_input()
            async for _ in streams[number]:
                pass

        cpu_s, wall_s = cpu(), time.perf_counter()
        await asyncio.gather(*map(one, range(STREAMS)))
        return STREAMS * (audio.frames // GRAIN_FRAMES), cpu() - cpu_s, time.perf_counter() - wall_s


async def direct_side(audio: AudioBuffer) -> tuple[int, float, float]:
    """One thread, one call a grain, nothing else."""
    detector = SileroDetector(OnnxModel(packaged_model()))
    state = detector.initial_state()
    cpu_s, wall_s = cpu(), time.perf_counter()
    for start in range(0, audio.frames - GRAIN_FRAMES, GRAIN_FRAMES):
        (state,), _ = detector.process([state], [audio.cut(start, start + GRAIN_FRAMES)])
    return audio.frames // GRAIN_FRAMES, cpu() - cpu_s, time.perf_counter() - wall_s


async def executor_side(audio: AudioBuffer) -> tuple[int, float, float]:
    """A task a stream, one executor hop a grain, as many threads as the engine has."""
    detector = SileroDetector(OnnxModel(packaged_model()))
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(WORKERS) as pool:

        async def one() -> None:
            state = detector.initial_state()
            for start in range(0, audio.frames - GRAIN_FRAMES, GRAIN_FRAMES):
                grain = audio.cut(start, start + GRAIN_FRAMES)
                states, _ = await loop.run_in_executor(pool, partial(detector.process, [state], [grain]))
                state = states[0]

        cpu_s, wall_s = cpu(), time.perf_counter()
        await asyncio.gather(*(one() for _ in range(STREAMS // 4)))
        return STREAMS // 4 * (audio.frames // GRAIN_FRAMES), cpu() - cpu_s, time.perf_counter() - wall_s


def cpu() -> float:
    """CPU seconds of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
