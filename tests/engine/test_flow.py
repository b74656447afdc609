"""One recording's tasks, with fakes for stages and inline workers or real threads."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import anyio
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow import Flow
from engine.inline_workers import InlineWorkers
from engine.workers import WorkerThreads
from modules.audio.buffer import AudioBuffer
from modules.errors import DecodeError, ModelError
from modules.stages.segmenter import SpeechTimes
from tests.fakes import RATE_HZ, CountingRecogniser, EverySecond, expected, parts_with, ramp


@settings(max_examples=25, deadline=None)
@given(seconds=st.floats(0.001, 9.0), block_s=st.floats(0.05, 3.0))
def test_each_sample_reaches_the_recogniser_once_and_in_order(seconds: float, block_s: float) -> None:
    """Whatever the lengths of blocks and chunks: the digest of each segment is that of its samples."""
    buffer = ramp(seconds)

    async def run() -> list[str]:
        parts = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=EverySecond())
        return [segment.text for segment in await Flow(parts, buffer.blocks(block_s)).run()]

    assert anyio.run(run) == [expected(second) for second in buffer.blocks(1.0)]


@pytest.mark.anyio
async def test_segments_are_recognised_side_by_side_and_come_in_order() -> None:
    """The second segment is fed while the first one waits, and the results are in the order of time."""
    both = threading.Barrier(2, timeout=5)
    first_two: list[float] = []

    def meet(chunk: AudioBuffer) -> None:
        if chunk.start_s in (0.0, 1.0) and chunk.start_s not in first_two:
            first_two.append(chunk.start_s)
            both.wait()

    async with WorkerThreads(2) as workers:
        parts = parts_with(workers, CountingRecogniser(meet), segmenter=EverySecond(), sessions=3)
        segments = await Flow(parts, ramp(6).blocks(1.0)).run()
    assert [segment.start_s for segment in segments] == [0, 1, 2, 3, 4, 5]


@pytest.mark.anyio
async def test_no_more_sessions_are_open_than_allowed() -> None:
    """The pump waits for a free place."""
    recogniser = CountingRecogniser()
    async with WorkerThreads(4) as workers:
        parts = parts_with(workers, recogniser, segmenter=EverySecond(), sessions=2)
        await Flow(parts, ramp(20).blocks(5.0)).run()
    assert recogniser.open_most <= 2
    assert recogniser.open_now == 0
    assert parts.slots.value == 2


@pytest.mark.anyio
async def test_counts_say_what_was_done() -> None:
    """Audio, chunks and their latency are all there."""
    parts = parts_with(InlineWorkers(), CountingRecogniser())
    flow = Flow(parts, ramp(2).blocks(0.5))
    await flow.run()
    assert flow.counts.audio_s == pytest.approx(2.0)
    assert flow.counts.latency.count == flow.counts.on_time
    assert flow.counts.model_s >= 0


@pytest.mark.anyio
async def test_what_takes_no_worker_is_counted_as_what_does() -> None:
    """Speech whose times alone are wanted: its chunks, its audio for the monitor and for who listens."""
    heard: list[float] = []
    with_words = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=EverySecond())
    pipeline = replace(with_words.pipeline, recogniser=SpeechTimes())
    parts = replace(with_words, pipeline=pipeline, on_heard=heard.append)
    flow = Flow(parts, ramp(3).blocks(0.5))
    assert [one.start_s for one in await flow.run()] == [0.0, 1.0, 2.0]
    assert flow.counts.latency.count == flow.counts.on_time >= 3
    assert sum(heard) == parts.monitor.snapshot().recorded_audio_s == pytest.approx(3.0)


@pytest.mark.anyio
async def test_a_recogniser_that_fails_is_the_error_of_its_recording() -> None:
    """One plain error, no group; the places and sessions come back."""

    def fail(_: AudioBuffer) -> None:
        raise ModelError("on purpose")

    recogniser = CountingRecogniser(fail)
    async with WorkerThreads(2) as workers:
        parts = parts_with(workers, recogniser, segmenter=EverySecond(), sessions=2)
        with pytest.raises(ModelError, match="on purpose"):
            await Flow(parts, ramp(5).blocks(1.0)).run()
    assert parts.slots.value == 2
    assert recogniser.cancelled >= 1


@pytest.mark.anyio
async def test_a_decoder_that_fails_midway_is_the_error_of_its_recording() -> None:
    """What the blocks raise comes out as it is."""

    def blocks() -> Iterator[AudioBuffer]:
        yield ramp(1)
        raise DecodeError("torn")

    parts = parts_with(InlineWorkers(), CountingRecogniser())
    with pytest.raises(DecodeError, match="torn"):
        await Flow(parts, blocks()).run()


@pytest.mark.anyio
async def test_a_cancelled_flow_leaves_no_worker_busy_and_no_place_taken() -> None:
    """The running chunk is waited for, the session is told, the places come back."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: AudioBuffer) -> None:
        begun.set()
        go_on.wait(5)

    recogniser = CountingRecogniser(wait)
    async with WorkerThreads(1) as workers:
        parts = parts_with(workers, recogniser, sessions=2)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Flow(parts, ramp(5).blocks(1.0)).run)
            await anyio.to_thread.run_sync(begun.wait)
            tasks.cancel_scope.cancel()
            go_on.set()
        assert await workers.run(lambda: "free") == "free"
    assert parts.slots.value == 2
    assert recogniser.cancelled >= 1


@pytest.mark.anyio
async def test_a_recording_without_speech_has_no_segments() -> None:
    """The pump ends without ever having begun a segment."""
    parts = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=EverySecond())
    assert await Flow(parts, iter(())).run() == ()


def test_speech_times_say_when_and_not_what() -> None:
    """In a recogniser's place when none is wanted."""
    session = SpeechTimes().open()
    session.feed(ramp(2).cut(RATE_HZ // 2))
    session.feed(AudioBuffer(ramp(1).samples, RATE_HZ, start_s=2.0))
    (segment,) = session.finish()
    assert (segment.start_s, segment.end_s, segment.text) == (0.5, 3.0, "")
