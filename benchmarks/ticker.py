"""Whether the event loop stays free: how late a 1 ms ticker is beside 64 live streams that load the machine to 80 %.

Twice: with a recogniser's calls, as many digits streams as make that load, and with 64 streams through a stage of
native work that is as dear as needed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import numpy as np

from benchmarks.material import model
from benchmarks.streams import CHUNK_S, RATE_HZ, WORKERS, Latencies, Pcm, bare_calls, generate, recordings
from engine import AsyncAudioProcessor, AudioBuffer, BatchProcessingConfig
from engine.stream import LiveStream
from modules.monitoring.histogram import LatencyHistogram

STREAMS = 64
LOAD = 0.8
TICK_S = 0.001
MAX_LATE_S = 0.02


class Grinder:
    """A `BatchStage` that multiplies matrices, the interpreter lock let go, until each payload has cost `service_s`."""

    def __init__(self, service_s: float) -> None:
        """Measure how many products make that time on this machine, alone."""
        self._matrix = np.random.default_rng(0).standard_normal((160, 160)).astype(np.float32)
        started_s, products = time.perf_counter(), 0
        while time.perf_counter() - started_s < 0.5:
            self._matrix @ self._matrix
            products += 1
        self._products = max(1, round(products * service_s / 0.5))

    def process(self, batch: Sequence[AudioBuffer]) -> list[float]:
        """Grind for each payload."""
        return [float(sum((self._matrix @ self._matrix)[0, 0] for _ in range(self._products))) for _ in batch]


async def ticking(until_s: float, late: LatencyHistogram) -> None:
    """Sleep 1 ms over and over, and count by how much each sleep was too long."""
    while (now_s := time.perf_counter()) < until_s:
        await asyncio.sleep(TICK_S)
        late.record(max(0.0, time.perf_counter() - now_s - TICK_S))


async def lateness(streams: int, seconds: float, speech: Sequence[Pcm], stage: Grinder | None) -> LatencyHistogram:
    """How late the ticker was beside so many streams, through `stage` or the digits recogniser."""
    late = LatencyHistogram()
    config = BatchProcessingConfig(
        asr="none" if stage else "vosk",
        vosk_model=None if stage else model("digits-en"),
        workers=WORKERS,
        chunk_s=CHUNK_S,
        max_memory_mb=8_192,
        learn=False,
    )
    options = {"stages": [stage]} if stage else {}
    async with AsyncAudioProcessor(config) as processor, AsyncExitStack() as stack:
        opened: list[LiveStream] = [
            await stack.enter_async_context(processor.open_stream(RATE_HZ, max_buffered_s=60, **options))
            for _ in range(streams)
        ]
        readers = [asyncio.create_task(_read(stream)) for stream in opened]
        ticker = asyncio.create_task(ticking(time.perf_counter() + seconds, late))
        push: Callable[[int, Pcm, float], None] = lambda stream, pcm, at_s: opened[stream].push_nowait(  # noqa: E731
            pcm, available_s=at_s
        )
        await generate(streams, seconds, speech, push, Latencies(time.perf_counter()))
        await ticker
        for reader in readers:
            reader.cancel()
    return late


async def _read(stream: LiveStream) -> None:
    async for _ in stream:
        pass


def report(*, seconds: float) -> bool:
    """Print a line a load; whether the ticker was never too late."""
    speech = recordings("digits-en")
    bare = bare_calls("digits-en", speech, 3.0, 400).streams
    grinder = Grinder(LOAD * WORKERS * CHUNK_S / STREAMS)
    good = True
    for name, streams, stage in (
        ("digits recogniser", round(LOAD * bare * 0.8), None),
        ("native work", STREAMS, grinder),
    ):
        late = asyncio.run(lateness(streams, seconds, speech, stage))
        p99_s = late.quantile(0.99)
        good = good and p99_s < MAX_LATE_S
        print(
            f"{name}, {streams} streams: a 1 ms ticker is late by {late.quantile(0.5) * 1e3:.1f} ms at p50, "
            f"{p99_s * 1e3:.1f} ms at p99 (below {MAX_LATE_S * 1e3:.0f}), {late.max * 1e3:.1f} ms at most, "
            f"{late.count} ticks"
        )
    return good
