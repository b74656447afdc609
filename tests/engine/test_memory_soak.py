"""Memory for long, by name: `pytest -m soak tests/engine/test_memory_soak.py -s`; SOAK_S is how long, in seconds."""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np
import pytest

from engine import AsyncAudioProcessor, AudioBuffer, BatchProcessingConfig
from engine.stream import LiveStream
from modules.events import EventType
from modules.memory.pool import BufferPool

ROOT = Path(__file__).parent.parent.parent
SECONDS = float(os.environ.get("SOAK_S", "60"))
RATE_HZ = 1_000
CHUNK = 200


class Stacked:
    """A `BatchStage` that computes in one leased block: the mean of each chunk. It raises on one chunk in twenty."""

    def __init__(self, pool: BufferPool) -> None:
        self._pool = pool
        self._chance = random.Random(1)
        self.chunks = 0

    def process(self, batch: Sequence[AudioBuffer]) -> list[float]:
        with self._pool.lease((len(batch), CHUNK)) as lease:
            for row, chunk in zip(lease.samples, batch, strict=True):
                row[: chunk.frames] = chunk.samples
                row[chunk.frames :] = 0.0
            if self._chance.random() < 0.05:
                raise ZeroDivisionError("a bad chunk")
            self.chunks += len(batch)
            means: list[float] = lease.samples.mean(axis=1).tolist()
            return means


async def lease_through(chunks: int) -> tuple[BufferPool, int]:
    """Streams that are cancelled at random points, until so many chunks were processed; the pool, and the results."""
    chance = random.Random(2)
    pool = BufferPool(1 << 22, debug=True)
    stage = Stacked(pool)
    results = 0

    async def read(stream: LiveStream, expected: float) -> None:
        nonlocal results
        async for event in stream:
            if event.type is EventType.FINAL:
                assert event.value == pytest.approx(expected)  # NaN is equal to nothing
                results += 1

    async def one(number: int) -> None:
        level = float(number % 50)
        with anyio.move_on_after(chance.random() * 0.2):
            async with (
                processor.open_stream(RATE_HZ, stages=[stage], chunk_s=CHUNK / RATE_HZ) as stream,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(read, stream, level)
                for _ in range(chance.randrange(1, 40)):
                    await stream.push(AudioBuffer(np.full(CHUNK, level, np.float32), RATE_HZ))
                stream.end_input()

    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=2)) as processor:
        number = 0
        while stage.chunks < chunks:
            async with anyio.create_task_group() as tasks:
                for _ in range(50):
                    tasks.start_soon(one, number)
                    number += 1
    return pool, results


@pytest.mark.anyio
@pytest.mark.parametrize("chunks", [500, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_leases_come_back_whatever_happens_to_their_streams(chunks: int) -> None:
    """Cancelled or failed: none is out, none was dropped, and no result was made of a block that had been returned."""
    pool, results = await lease_through(chunks)
    now = pool.statistics
    print(f"\n{results} results of {chunks} chunks or more; {now}")  # noqa: T201
    assert (now.leases_out, now.leaks, pool.places) == (0, 0, ())
    assert results > chunks / 4
    assert now.hit_rate is not None
    assert now.hit_rate > 0.8


@pytest.mark.soak
@pytest.mark.parametrize(
    "options",
    [("--asr", "none", "--streams", "500", "--hard"), ("--asr", "vosk", "--streams", "450")],
    ids=["500, voice detection", "450, vosk"],
)
def test_many_streams_stay_within_512_mb(options: tuple[str, ...], shared: Path) -> None:
    """One chunk a second each, under a hard limit where the recogniser allows one: no growth, and no chunk is lost."""
    assert shared.is_dir()
    command = [sys.executable, "-m", "benchmarks.many_streams", "--seconds", str(SECONDS), *options]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print("\n" + answer.stdout + answer.stderr)  # noqa: T201
    assert answer.returncode == 0, answer.stderr
