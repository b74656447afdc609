"""Recordings searched for speech: in calls that they share, by fakes that count and by the real detector."""

import threading
from collections.abc import Iterator, Sequence

import anyio
import anyio.to_thread
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow import Flow
from engine.flow_parts import FlowParts
from engine.inline_workers import InlineWorkers
from engine.workers import WorkerThreads
from modules.audio.buffer import AudioBuffer
from modules.batching.ready_queue import BatchPlan
from modules.batching.segments import SegmentRules
from modules.errors import DecodeError, ModelError
from modules.models.onnx import OnnxModel
from modules.stages.segmenter import SpeechSegmenter
from modules.stages.vad_silero import SileroDetector, packaged_model
from tests.fakes import CountingRecogniser, EverySecond, expected, parts_with, ramp

LOUD = 0.9
"""Samples that the fake detector refuses."""


class Passing:
    """A recurrent stage that changes nothing and counts: the payloads of each call, and each stream's as its state."""

    def __init__(self, *, meets: threading.Barrier | None = None) -> None:
        """`meets` is waited for in the first call."""
        self.rows: list[int] = []
        self._meets = meets

    def initial_state(self) -> int:
        """Nothing passed."""
        return 0

    def process(self, states: Sequence[int], batch: Sequence[AudioBuffer]) -> tuple[list[int], list[AudioBuffer]]:
        """The same audio."""
        meets, self._meets = self._meets, None
        if meets:
            meets.wait(5)
        self.rows.append(len(batch))
        if any(audio.frames and audio.samples.max() > LOUD for audio in batch):
            raise ModelError("too loud")
        return [state + 1 for state in states], list(batch)


class SharedSeconds:
    """A segmenter that cuts whole seconds, in calls that recordings share."""

    def __init__(self, detector: Passing) -> None:
        """Pass everything through `detector` first."""
        self.stages = (detector, EverySecond())

    def open(self) -> EverySecond:
        """Nobody asks for a session that shares nothing."""
        raise NotImplementedError


async def texts(parts: FlowParts, blocks: Iterator[AudioBuffer]) -> list[str]:
    """What the counting recogniser says to each segment."""
    return [segment.text for segment in await Flow(parts, blocks).run()]


@settings(max_examples=25, deadline=None)
@given(seconds=st.floats(0.001, 9.0), block_s=st.floats(0.05, 3.0))
def test_each_sample_reaches_the_recogniser_once_and_in_order(seconds: float, block_s: float) -> None:
    """Whatever the lengths of blocks and calls: the digest of each segment is that of its samples."""
    buffer = ramp(seconds)
    parts = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=SharedSeconds(Passing()))
    assert anyio.run(texts, parts, buffer.blocks(block_s)) == [expected(second) for second in buffer.blocks(1.0)]


@pytest.mark.anyio
async def test_recordings_that_are_searched_at_once_share_calls_and_nothing_else() -> None:
    """While a worker is busy the others' audio queues up; each gets the answers to its own."""
    meets = threading.Barrier(2, timeout=5)
    detector = Passing(meets=meets)
    buffers = [ramp(3.0 + number) for number in range(5)]
    results: dict[int, list[str]] = {}
    async with WorkerThreads(2) as workers:
        parts = parts_with(workers, CountingRecogniser(), segmenter=SharedSeconds(detector), sessions=5)
        workers.plan = BatchPlan(1, {parts.speech: 3})

        async def one(number: int) -> None:
            results[number] = await texts(parts, buffers[number].blocks(5.0))

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(one, number)
            await anyio.wait_all_tasks_blocked()
            await anyio.to_thread.run_sync(meets.wait)
    assert results == {n: [expected(second) for second in buffer.blocks(1.0)] for n, buffer in enumerate(buffers)}
    assert 1 < max(detector.rows) <= 3


@pytest.mark.anyio
async def test_a_recording_that_the_detector_refuses_fails_alone() -> None:
    """Those that shared its call are served without it."""
    detector, results = Passing(), dict[int, list[str]]()
    async with WorkerThreads(1) as workers:
        parts = parts_with(workers, CountingRecogniser(), segmenter=SharedSeconds(detector), sessions=3)
        workers.plan = BatchPlan(1, {parts.speech: 3})
        loud = AudioBuffer(np.ones(16_000, np.float32), 16_000)

        async def one(number: int) -> None:
            results[number] = await texts(parts, ramp(2.0).blocks(5.0))

        async def bad() -> None:
            with pytest.raises(ModelError, match="too loud"):
                await Flow(parts, iter([loud])).run()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, 0)
            tasks.start_soon(bad)
            tasks.start_soon(one, 1)
    assert results[0] == results[1] == [expected(second) for second in ramp(2.0).blocks(1.0)]
    assert parts.slots.value == 3


@pytest.mark.anyio
async def test_a_decoder_that_fails_midway_is_the_error_of_its_recording() -> None:
    """What the blocks raise comes out as it is, also where they are read ahead."""

    def blocks() -> Iterator[AudioBuffer]:
        yield from ramp(30.0).blocks(1.0)
        raise DecodeError("torn")

    parts = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=SharedSeconds(Passing()))
    with pytest.raises(DecodeError, match="torn"):
        await Flow(parts, blocks()).run()
    assert repr(parts.speech).endswith(", 0 recordings>")


@pytest.mark.anyio
async def test_a_cancelled_recording_waits_for_the_call_it_shares_and_leaves_nothing() -> None:
    """The call goes on for the others; the places come back."""
    meets = threading.Barrier(2, timeout=5)
    detector = Passing(meets=meets)
    async with WorkerThreads(1) as workers:
        parts = parts_with(workers, CountingRecogniser(), segmenter=SharedSeconds(detector), sessions=2)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Flow(parts, ramp(5.0).blocks(1.0)).run)
            while not meets.n_waiting:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
            tasks.start_soon(_meet, meets)
        assert await workers.run(lambda: "free") == "free"
    assert parts.slots.value == 2
    assert len(detector.rows) == 1


async def _meet(meets: threading.Barrier) -> None:
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(meets.wait)


@pytest.mark.anyio
async def test_a_recording_without_sound_has_no_segments() -> None:
    """Its end alone is searched."""
    parts = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=SharedSeconds(Passing()))
    assert await Flow(parts, iter(())).run() == ()


@pytest.mark.anyio
async def test_counts_say_what_was_done() -> None:
    """All audio is counted once, and a shared call's time is divided among those that shared it."""
    parts = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=SharedSeconds(Passing()))
    flow = Flow(parts, ramp(7).blocks(0.5))
    await flow.run()
    assert flow.counts.audio_s == pytest.approx(7.0)
    assert flow.counts.model_s > 0
    assert flow.counts.decode_s > 0


@pytest.mark.anyio
async def test_speech_is_found_where_one_recording_alone_has_it_to_the_bit() -> None:
    """The real detector: in calls of any number of rows, and cut anywhere, it hears the same."""
    rules = SegmentRules(min_segment_s=0.5, max_segment_s=5.0, min_silence_s=0.2, padding_s=0.1, threshold=0.03)
    segmenter = SpeechSegmenter(SileroDetector(OnnxModel(packaged_model())), rules)
    buffers = [_murmur(4.0 + number, seed=number) for number in range(6)]
    alone: list[list[str]] = []
    for buffer in buffers:
        parts = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=segmenter)
        alone.append(await texts(parts, buffer.blocks(5.0)))
    results: dict[int, list[str]] = {}
    async with WorkerThreads(2) as workers:
        parts = parts_with(workers, CountingRecogniser(), segmenter=segmenter, sessions=6)
        workers.plan = BatchPlan(1, {parts.speech: 4})

        async def one(number: int) -> None:
            results[number] = await texts(parts, buffers[number].blocks(0.7))

        async with anyio.create_task_group() as tasks:
            for number in range(6):
                tasks.start_soon(one, number)
    assert [results[number] for number in range(6)] == alone
    assert any(alone)


def _murmur(seconds: float, *, seed: int) -> AudioBuffer:
    """Something that the detector now and then holds for speech: pulses through a resonance, on and off."""
    frames = round(16_000 * seconds)
    time_s = np.arange(frames) / 16_000
    pulses = np.sign(np.sin(2 * np.pi * (110 + 20 * seed) * time_s)) * (np.sin(2 * np.pi * 0.7 * time_s + seed) > 0)
    voice = pulses * np.sin(2 * np.pi * (700 + 90 * seed) * time_s) + 0.3 * pulses * np.sin(2 * np.pi * 1_900 * time_s)
    return AudioBuffer((0.3 * voice).astype(np.float32), 16_000)
