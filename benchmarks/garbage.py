"""Garbage collection beside live streams: how often it runs, how long it stops everything, and what freezing gains."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import anyio
import numpy as np

from engine import AsyncAudioProcessor, BatchProcessingConfig, LiveStream
from engine.frozen_garbage import frozen_garbage

RATE_HZ = 16_000
CHUNK_S = 0.2
STREAMS = 100
SECONDS = 10.0


def report() -> bool:
    """Print both ways; there is no limit."""
    for is_frozen in (False, True):
        anyio.run(_run, is_frozen)
    return True


async def _run(is_frozen: bool) -> None:  # noqa: FBT001 - anyio passes arguments by place
    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=2)) as processor:
        with frozen_garbage() if is_frozen else nullcontext():
            with _pauses() as pauses:
                async with anyio.create_task_group() as tasks:
                    for number in range(STREAMS):
                        tasks.start_soon(_stream, processor, number)
            started_s = time.perf_counter()
            gc.collect()
            full_s = time.perf_counter() - started_s
    counts = ", ".join(f"{len(of)} of generation {number}" for number, of in enumerate(pauses))
    longest_s = max((pause for of in pauses for pause in of), default=0.0)
    print(
        f"{'frozen' if is_frozen else 'as it is'}: {STREAMS} streams for {SECONDS:g} s: collections: {counts}; longest "
        f"{longest_s * 1e3:.1f} ms; a full one takes {full_s * 1e3:.1f} ms"
    )


async def _stream(processor: AsyncAudioProcessor, number: int) -> None:
    async with processor.open_stream(RATE_HZ) as stream, anyio.create_task_group() as tasks:
        tasks.start_soon(_read, stream)
        chunk = np.zeros(round(CHUNK_S * RATE_HZ), np.int16)
        begun_s = anyio.current_time() + CHUNK_S * number / STREAMS
        for turn in range(round(SECONDS / CHUNK_S)):
            await anyio.sleep_until(begun_s + turn * CHUNK_S)
            await stream.push(chunk)
        stream.end_input()


async def _read(stream: LiveStream) -> None:
    async for _ in stream:
        pass


@contextmanager
def _pauses() -> Iterator[list[list[float]]]:
    """How long each collection inside the block took, by generation."""
    pauses: list[list[float]] = [[], [], []]
    started_s = 0.0

    def collecting(phase: str, about: dict[str, int]) -> None:
        nonlocal started_s
        if phase == "start":
            started_s = time.perf_counter()
        else:
            pauses[about["generation"]].append(time.perf_counter() - started_s)

    gc.collect()
    gc.callbacks.append(collecting)
    try:
        yield pauses
    finally:
        gc.callbacks.remove(collecting)
