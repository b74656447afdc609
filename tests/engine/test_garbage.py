"""No cyclic garbage on hot paths: what the collector finds after a run does not grow with the chunks of the run."""

import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence

import anyio
import numpy as np
import pytest

from engine import AsyncAudioProcessor, BatchProcessingConfig
from engine.flow import Flow
from engine.frozen_garbage import frozen_garbage
from engine.workers import WorkerThreads
from modules.audio.buffer import AudioBuffer
from tests.fakes import RATE_HZ, CountingRecogniser, EverySecond, parts_with, ramp

pytestmark = pytest.mark.anyio

SLACK = 20
"""Objects of the event loop, made now and then whatever runs."""


class Peaks:
    """A stage that gives the largest sample of each chunk."""

    def process(self, batch: Sequence[AudioBuffer]) -> list[float]:
        return [float(chunk.samples.max()) for chunk in batch]


@pytest.fixture(autouse=True)
def _collector_off() -> Iterator[None]:
    """What is garbage stays until a test collects it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def garbage_of(run: Callable[[int], Awaitable[object]], count: int) -> int:
    """How many unreachable objects a run of that size leaves behind."""
    await run(5)
    gc.collect()
    await run(count)
    return gc.collect()


async def assert_does_not_grow(run: Callable[[int], Awaitable[object]]) -> None:
    """Ten times the work leaves as much garbage."""
    few, many = await garbage_of(run, 20), await garbage_of(run, 200)
    assert many <= few + SLACK


@pytest.mark.parametrize("stages", [[Peaks()], None], ids=["own stage", "voice detection"])
async def test_a_live_stream_leaves_no_garbage_for_a_chunk(stages: list[Peaks] | None) -> None:
    """Neither for a stage of one's own nor for the pipeline's."""
    chunk = np.random.default_rng(1).integers(-9_000, 9_000, RATE_HZ // 5, dtype=np.int16)
    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=1)) as processor:

        async def run(chunks: int) -> None:
            async with processor.open_stream(RATE_HZ, stages=stages) as stream, anyio.create_task_group() as tasks:

                async def feed() -> None:
                    for _ in range(chunks):
                        await stream.push(chunk)
                    stream.end_input()

                tasks.start_soon(feed)
                async for _ in stream:
                    pass

        await assert_does_not_grow(run)


async def test_a_recording_leaves_no_garbage_for_a_segment() -> None:
    """However many it has."""
    async with WorkerThreads(2) as workers:

        async def run(seconds: int) -> None:
            parts = parts_with(workers, CountingRecogniser(), segmenter=EverySecond())
            assert len(await Flow(parts, ramp(seconds / 4).blocks(0.5)).run()) == -(-seconds // 4)

        await assert_does_not_grow(run)


async def test_frozen_objects_are_left_out_of_full_collections() -> None:
    """All that were there before, until the block is left; new garbage is found all the same."""
    gc.unfreeze()
    with frozen_garbage():
        frozen = gc.get_freeze_count()
        assert frozen > 1_000
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() >= 1
        assert len(gc.get_objects()) < frozen
    assert gc.get_freeze_count() == 0
