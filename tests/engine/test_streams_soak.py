"""Live streams for long and on real threads: run by name, `pytest -m soak tests/engine/test_streams_soak.py -s`."""

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np
import pytest
import soundfile

from engine import AsyncAudioProcessor, AudioBuffer, BatchProcessingConfig
from engine.stream import LiveStream
from modules.events import EventType, StreamEvent
from modules.monitoring.resources import unique_set_bytes

pytestmark = [pytest.mark.anyio, pytest.mark.soak]

RATE_HZ = 1_000
CHUNK = 200
CONFIG = BatchProcessingConfig(asr="none", workers=2, max_streams=500)


class Unsteady:
    """A `BatchStage` that takes up to 2 ms, raises on 5 % of the payloads, and else gives their number."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        self.largest = 0

    def process(self, batch: Sequence[AudioBuffer]) -> list[int]:
        self.largest = max(self.largest, len(batch))
        time.sleep(self._chance.random() * 0.002)
        if any(is_bad(payload) for payload in batch):
            raise ZeroDivisionError("a bad chunk")
        return [int(payload.samples[0]) for payload in batch]


def is_bad(payload: AudioBuffer) -> bool:
    """Whether the stage raises on it: one in twenty."""
    return int(payload.samples[0] * 7 + payload.samples[1] * 13) % 20 == 0


def chunk(number: int, stream: int) -> AudioBuffer:
    """Chunk `number` of a stream."""
    samples = np.zeros(CHUNK, np.float32)
    samples[:2] = number, stream
    return AudioBuffer(samples, RATE_HZ)


async def test_200_streams_of_50_chunks_are_answered_in_order() -> None:
    """Each chunk once, as a result or an error, on real threads with unsteady calls."""
    stage = Unsteady()
    answers: dict[int, list[StreamEvent]] = {}
    started_s = time.perf_counter()
    async with AsyncAudioProcessor(CONFIG) as processor, anyio.create_task_group() as tasks:

        async def read(name: int, stream: LiveStream) -> None:
            answers[name] = [event async for event in stream]

        async def one(name: int) -> None:
            async with (
                processor.open_stream(RATE_HZ, stages=[stage], max_buffered_s=1.0, chunk_s=CHUNK / RATE_HZ) as stream,
                anyio.create_task_group() as inside,
            ):
                inside.start_soon(read, name, stream)
                for number in range(50):
                    await stream.push(chunk(number, name))
                stream.end_input()

        for name in range(200):
            tasks.start_soon(one, name)
    print(f"\n200 x 50 chunks in {time.perf_counter() - started_s:.1f} s, batches up to {stage.largest}")  # noqa: T201
    assert stage.largest > 1
    for name, events in answers.items():
        *chunks, end = events
        assert end.type is EventType.END
        assert len(chunks) == 50
        for number, event in enumerate(chunks):
            assert event.start_s == pytest.approx(number * CHUNK / RATE_HZ)
            bad = is_bad(chunk(number, name))
            assert event.type is (EventType.ERROR if bad else EventType.FINAL)
            assert event.value == (None if bad else number)
    assert len(answers) == 200


async def test_10_000_streams_cancelled_at_random_points_leave_nothing() -> None:
    """Workers idle, no task, no thread, and memory as it was after the first thousand."""
    chance = random.Random(2)
    stage = Unsteady()
    after_warm_up = 0
    async with AsyncAudioProcessor(CONFIG) as processor:
        threads = own_threads()
        tasks_before = len(asyncio.all_tasks())

        async def one(number: int) -> None:
            with anyio.move_on_after(chance.random() * 0.05):
                # One in four is on the pipeline's own stages, one in four on stages nobody else has.
                stages = (None, [Unsteady()], [stage], [stage])[number % 4]
                async with processor.open_stream(16_000 if stages is None else RATE_HZ, stages=stages) as stream:
                    for piece in range(chance.randrange(20)):
                        await stream.push(noise_of(stream.options.sample_rate, piece))
                        if chance.random() < 0.3:
                            await anyio.sleep(chance.random() * 0.01)
                    if chance.random() < 0.5:
                        stream.end_input()
                    if chance.random() < 0.2:
                        await stream.aclose()
                    async for _ in stream:
                        pass

        started_s = time.perf_counter()
        for batch in range(100):
            async with anyio.create_task_group() as tasks:
                for number in range(100):
                    tasks.start_soon(one, number)
            if batch == 9:
                after_warm_up = unique_set_bytes()
        seconds = time.perf_counter() - started_s
        growth = unique_set_bytes() / after_warm_up - 1
        print(  # noqa: T201
            f"\n10,000 streams cancelled in {seconds:.1f} s; "
            f"{after_warm_up / 1e6:.1f} MB after 1,000, {growth:+.2%} after all"
        )
        assert processor._workers.is_idle
        assert processor._live is not None
        assert processor._live.streams.open_now == 0
        assert len(processor._live.streams._shared) <= 1
        assert len(asyncio.all_tasks()) == tasks_before
        assert own_threads() == threads
        assert growth <= 0.05


async def test_2_000_streams_with_a_recogniser_cancelled_at_random_points_leave_nothing(shared: Path) -> None:
    """Vosk's own memory included, which only the allocator knows of."""
    chance = random.Random(3)
    config = CONFIG.model_copy(update={"asr": "vosk", "vosk_model": shared / "models" / "vosk-digits-en"})
    samples, rate = soundfile.read(shared / "strings" / "digits_01_jackson.flac", dtype="int16")
    after_warm_up = 0
    async with AsyncAudioProcessor(config) as processor:
        tasks_before = len(asyncio.all_tasks())

        async def one() -> None:
            with anyio.move_on_after(chance.random() * 0.5):
                async with processor.open_stream(rate) as stream:
                    start = chance.randrange(len(samples) // 2)
                    for piece in range(chance.randrange(10)):
                        at = start + piece * rate // 5
                        await stream.push(samples[at : at + rate // 5])
                    if chance.random() < 0.5:
                        stream.end_input()
                    async for _ in stream:
                        pass

        for batch in range(40):
            async with anyio.create_task_group() as tasks:
                for _ in range(50):
                    tasks.start_soon(one)
            if batch == 9:
                after_warm_up = unique_set_bytes()
        growth = unique_set_bytes() / after_warm_up - 1
        print(f"\n2,000 of Vosk cancelled; {after_warm_up / 1e6:.1f} MB after 500, {growth:+.2%} after all")  # noqa: T201
        assert processor._workers.is_idle
        assert processor._live is not None
        assert processor._live.streams.open_now == 0
        assert len(asyncio.all_tasks()) == tasks_before
        assert growth <= 0.05


def own_threads() -> list[str]:
    """The names of the workers."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("onbeat"))


def noise_of(rate: int, seed: int) -> AudioBuffer:
    """A fifth of a second of noise."""
    return AudioBuffer(np.random.default_rng(seed).standard_normal(rate // 5, np.float32) * np.float32(0.1), rate)
