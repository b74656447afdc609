"""Live streams: order, completeness, overload, cancelling and errors; in virtual time, on threads, with a model."""

import random
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine import AsyncAudioProcessor, AudioBuffer, AudioError, BatchProcessingConfig, Overloaded, outbox
from engine.inline_workers import InlineWorkers
from engine.shared_calls import Expired, Raised, Work
from engine.stream import LiveStream
from engine.stream_options import OverloadPolicy, StreamOptions
from modules.audio.grains import GrainCutter
from modules.batching.waiting import Urgency
from modules.errors import StreamClosed
from modules.events import EventType, StreamEvent
from modules.stages.hop import AnyStage
from tests.live_streams import CHUNK, RATE_HZ, Made, Means, events_of, make, noise, run_all, values
from tests.virtual_time import SlowWorkers, now_s, run_virtually

ROOT = Path(__file__).parent.parent.parent
CONFIG = BatchProcessingConfig(asr="none", workers=2)


class FailsNowAndThen:
    """A `BatchStage` that gives back the payload's place and length, and raises on places drawn from a seed."""

    def __init__(self, seed: int, share: float) -> None:
        self.seed = seed
        self.share = share

    def is_bad(self, start_s: float) -> bool:
        """Whether it raises on the payload that starts there."""
        return random.Random(f"{self.seed} {start_s:.3f}").random() < self.share

    def process(self, batch: Sequence[AudioBuffer]) -> list[tuple[float, int]]:
        for payload in batch:
            if self.is_bad(payload.start_s):
                raise ZeroDivisionError("a bad chunk")
        return [(payload.start_s, payload.frames) for payload in batch]


class RunningSum:
    """A `RecurrentStage`: passes payloads on; its state counts the frames a stream has had, which it checks."""

    def initial_state(self) -> int:
        return 0

    def process(self, states: Sequence[int], batch: Sequence[AudioBuffer]) -> tuple[list[int], Sequence[AudioBuffer]]:
        for state, payload in zip(states, batch, strict=True):
            assert round(payload.start_s * payload.sample_rate) >= state
        return [state + payload.frames for state, payload in zip(states, batch, strict=True)], batch


class GrainSums:
    """A `SessionStage` fed in grains of 70 frames: the sum of each grain, and of the rest at the end."""

    def open(self) -> "GrainSumsSession":
        return GrainSumsSession()


class GrainSumsSession:
    def __init__(self) -> None:
        self._grains = GrainCutter(70, np.float32)

    def feed(self, payload: AudioBuffer) -> list[float]:
        return [float(grain.sum()) for grain in self._grains.push(payload.samples)]

    def finish(self) -> list[float]:
        return [float(self._grains.rest().sum())]

    def cancel(self) -> None:
        pass


# Order and completeness


@settings(max_examples=25, deadline=None)
@example(seed=1, streams=200, chunks=50, share=0.2, overload="wait")
@example(seed=2, streams=200, chunks=50, share=0.2, overload="drop_oldest")
@given(
    seed=st.integers(0, 10_000),
    streams=st.integers(1, 30),
    chunks=st.integers(0, 50),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    overload=st.sampled_from(["wait", "drop_oldest", "drop_newest"]),
)
def test_every_frame_is_answered_once_and_in_order(
    seed: int, streams: int, chunks: int, share: float, overload: OverloadPolicy
) -> None:
    """A result, a drop or an error for each, whatever the delays and failures; the statistics add up."""
    stage = FailsNowAndThen(seed, share)
    workers = SlowWorkers(seed)

    async def one(number: int) -> None:
        chance = random.Random(seed + number)
        made = make([RunningSum(), stage], workers, overload=overload, max_buffered_s=0.3)
        total = chunks * CHUNK + chance.randrange(CHUNK)
        events: list[StreamEvent] = []

        async def read() -> None:
            events.extend(await events_of(made.stream))

        async with made.stream as stream, anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            pushed = 0
            while pushed < total:
                size = min(chance.randint(1, 3 * CHUNK), total - pushed)
                await stream.push(np.zeros(size, np.float32))
                pushed += size
                await anyio.sleep(chance.random() * 0.2)
                counts = stream.statistics
                assert counts.pushed_frames == pushed
                assert counts.waiting_frames <= 3 * CHUNK
            stream.end_input()
        check(made, events, total, stage)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(streams):
                tasks.start_soon(one, number)

    run_virtually(main)
    assert workers.under_way == workers.cancelled == 0


def check(made: Made, events: Sequence[StreamEvent], total: int, stage: FailsNowAndThen) -> None:
    """Each frame lies in one final, error or drop; finals and errors are in order; the counts agree."""
    *answers, end = events
    assert end.type is EventType.END
    assert end.end_s == pytest.approx(total / RATE_HZ)
    finals = [event for event in answers if event.type is EventType.FINAL]
    errors = [event for event in answers if event.type is EventType.ERROR]
    drops = [event for event in answers if event.type is EventType.DROPPED]
    places = [event.start_s for event in answers if event.type is not EventType.DROPPED]
    assert places == sorted(places)
    assert all(event.value[0] == event.start_s for event in finals if isinstance(event.value, tuple))
    assert [event.start_s for event in errors if not stage.is_bad(event.start_s)] == []
    answered = sum(event.value[1] for event in finals if isinstance(event.value, tuple))
    failed, dropped = (sum(event.samples for event in kind) for kind in (errors, drops))
    counts = made.stream.statistics
    assert answered + failed + dropped == total == counts.pushed_frames
    assert counts.waiting_frames == 0
    assert dropped == counts.dropped_frames
    assert (len(finals), len(errors)) == (counts.answered_chunks, counts.failed_chunks)
    assert made.left == ["left"]


# How audio arrives does not matter


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(0, 3_000),
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=5),
    chunk_s=st.sampled_from([0.001, 0.05, 0.1, 0.33]),
)
def test_a_grain_fed_stage_gives_the_same_however_audio_was_cut(frames: int, sizes: list[int], chunk_s: float) -> None:
    """Any pushes, any chunk length."""
    samples = noise(frames)
    expected = [float(samples[at : at + 70].sum()) for at in range(0, frames // 70 * 70, 70)]
    rest = float(samples[frames // 70 * 70 :].sum())
    events = run_virtually(lambda: run_all(make([GrainSums()], chunk_s=chunk_s), samples, sizes))
    assert values(events) == [*expected, rest]


Heard = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def digits(shared: Path) -> tuple[NDArray[np.int16], int]:
    """Spoken digits with a pause in the middle that is long enough for an endpoint."""
    samples, rate = soundfile.read(shared / "strings" / "digits_00_george.flac", dtype="int16")
    return np.concatenate([samples[: 3 * rate], np.zeros(2 * rate, np.int16), samples[3 * rate : 6 * rate]]), rate


async def words_of(config: BatchProcessingConfig, pieces: Sequence[Any], rate: int, chunk_s: float) -> Heard:
    """What stays of the events of a stream into which these pieces are pushed, flushed now and then."""
    async with AsyncAudioProcessor(config) as processor, processor.open_stream(rate, chunk_s=chunk_s) as stream:
        for number, piece in enumerate(pieces):
            await stream.push(piece)
            if number % 50 == 7:
                stream.flush()
        stream.end_input()
        return [
            (event.type, event.start_s, event.end_s, event.text, event.words, event.error)
            async for event in stream
            if event.type is not EventType.PARTIAL
        ]


@settings(max_examples=6, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 500),
    chunk_s=st.sampled_from([0.02, 0.11, 0.2, 1.3]),
)
def test_vosk_says_the_same_words_however_audio_was_cut(
    shared: Path, digits: tuple[NDArray[np.int16], int], sizes: list[int], chunk_s: float
) -> None:
    """Finals, words, times, confidences and endpoints are equal for any pushes and chunk lengths."""
    samples, rate = digits
    config = BatchProcessingConfig(asr="vosk", vosk_model=shared / "models" / "vosk-digits-en", workers=2)
    ends = np.cumsum(sizes * (len(samples) // sum(sizes) + 1))
    pieces = np.split(samples, ends[ends < len(samples)])
    whole = anyio.run(words_of, config, [samples], rate, 0.2)
    assert [kind for kind, *_ in whole] == [EventType.FINAL, EventType.ENDPOINT, EventType.FINAL, EventType.END]
    assert anyio.run(words_of, config, pieces, rate, chunk_s) == whole


@pytest.mark.anyio
async def test_pushes_of_one_sample_and_of_minutes_make_the_same_chunks() -> None:
    """A push longer than the limit on waiting samples is taken bit by bit."""
    samples = noise(3 * CHUNK + 7)
    one_by_one = await run_all(make([Means()]), samples, [1])
    assert values(one_by_one) == values(await run_all(make([Means()]), samples, [len(samples)]))
    minutes = np.zeros(180 * RATE_HZ, np.float32)
    events = await run_all(make([Means()], max_buffered_s=0.25), minutes, [len(minutes)])
    assert len(values(events)) == 1_800


def test_a_push_that_does_not_fit_beside_less_than_a_chunk_is_still_taken() -> None:
    """Less than a chunk waits, and a push as long as the whole limit follows: nobody waits for the other."""

    async def main() -> None:
        events = await run_all(make([Means()], max_buffered_s=0.2), noise(1_050), [50, 200])
        assert len(values(events)) == 11

    run_virtually(main)


# The batch reaches the model


@pytest.mark.anyio
async def test_streams_that_wait_together_share_a_model_call() -> None:
    """Under load the leading axis grows above 1 as costs are learnt, and the outputs are those of one call each."""
    gate = threading.Event()

    def wait(_: Sequence[AudioBuffer]) -> None:
        gate.wait(5)

    stage = Means(wait)
    chunks = 40  # the engine tries no larger calls before it has seen some
    outputs: dict[int, list[Any]] = {}
    async with AsyncAudioProcessor(CONFIG) as processor, anyio.create_task_group() as tasks:

        async def one(number: int) -> None:
            async with processor.open_stream(RATE_HZ, stages=[stage], chunk_s=0.1) as stream:
                await stream.push(noise(chunks * CHUNK, number))
                stream.end_input()
                outputs[number] = values(await events_of(stream))

        for number in range(20):
            tasks.start_soon(one, number)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    assert max(stage.batches) > 1
    assert sum(stage.batches) == 20 * chunks
    for number in range(20):
        pieces = noise(chunks * CHUNK, number).reshape(chunks, CHUNK)
        assert outputs[number] == [float(piece.mean()) for piece in pieces]


@pytest.mark.anyio
async def test_a_bad_payload_fails_alone() -> None:
    """Those who shared its model call get their results, and its own stream goes on."""
    gate = threading.Event()

    def refuse(batch: Sequence[AudioBuffer]) -> None:
        gate.wait(5)
        if any(payload.samples[0] == 1_000 for payload in batch):
            raise ZeroDivisionError("a bad chunk")

    stage = Means(refuse)
    events: dict[int, list[StreamEvent]] = {}
    async with AsyncAudioProcessor(CONFIG) as processor, anyio.create_task_group() as tasks:

        async def one(number: int) -> None:
            samples = noise(2 * CHUNK)
            if number == 5:
                samples[0] = 1_000
            async with processor.open_stream(RATE_HZ, stages=[stage], chunk_s=0.1) as stream:
                await stream.push(samples)
                stream.end_input()
                events[number] = await events_of(stream)

        for number in range(10):
            tasks.start_soon(one, number)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    kinds = {number: [event.type.value for event in told] for number, told in events.items()}
    assert kinds.pop(5) == ["error", "final", "end"]
    assert list(kinds.values()) == [["final", "final", "end"]] * 9
    (error,) = [event.error for event in events[5] if event.error]
    assert (error.kind, error.message) == ("ZeroDivisionError", "a bad chunk")


# Overload


def test_wait_holds_the_pusher_and_loses_nothing() -> None:
    """`push` returns only when there is room, `push_nowait` refuses and takes nothing."""

    async def main() -> None:
        made = make([Means()], SlowWorkers(1, max_s=1.0), max_buffered_s=0.3)
        async with made.stream as stream:
            for _ in range(20):
                await stream.push(noise(CHUNK))
                assert stream.statistics.waiting_frames <= 3 * CHUNK
            assert now_s() > 1
            pushed = stream.statistics.pushed_frames
            with pytest.raises(Overloaded, match="wait already") as caught:
                stream.push_nowait(noise(3 * CHUNK))
            assert caught.value.retry_after_s > 0
            assert stream.statistics.pushed_frames == pushed
            stream.end_input()
            assert len(values(await events_of(stream))) == 20

    run_virtually(main)


def test_reject_raises_and_takes_all_or_nothing() -> None:
    """Also of a push that is longer than the limit by itself."""

    async def main() -> None:
        made = make([Means()], overload="reject", max_buffered_s=0.3)
        async with made.stream as stream:
            with pytest.raises(Overloaded, match="wait already"):
                await stream.push(noise(10 * CHUNK))
            await stream.push(noise(3 * CHUNK))  # of which the first chunk sets out at once
            with pytest.raises(Overloaded):
                await stream.push(noise(CHUNK + 1))
            await stream.push(noise(CHUNK))
            with pytest.raises(Overloaded):
                await stream.push(noise(1))
            with pytest.raises(Overloaded):
                stream.push_nowait(noise(1))
            assert stream.statistics.pushed_frames == 4 * CHUNK
            assert stream.statistics.waiting_frames == 3 * CHUNK
            stream.end_input()
            assert [event.type.value for event in await events_of(stream)] == ["final"] * 4 + ["end"]

    run_virtually(main)


@pytest.mark.parametrize(
    ("overload", "at_once", "lost", "kept"),
    [
        ("drop_oldest", True, (0, 700), [7, 8, 9]),
        ("drop_oldest", False, (100, 700), [0, 7, 8, 9]),
        ("drop_newest", True, (300, 1_000), [0, 1, 2]),
        ("drop_newest", False, (400, 1_000), [0, 1, 2, 3]),
    ],
)
def test_dropping_tells_which_samples_are_lost(
    overload: OverloadPolicy,
    at_once: bool,  # noqa: FBT001 - a parameter of the test
    lost: tuple[int, int],
    kept: list[int],
) -> None:
    """Neighbouring drops nobody has read are one event; the chunks that stay are the newest, or the oldest.

    The first chunk that is whole sets out at once, so where samples come bit by bit there is room for one more.
    """
    samples = np.repeat(np.arange(10, dtype=np.float32), CHUNK)

    async def main() -> None:
        made = make([Means()], overload=overload, max_buffered_s=0.3)
        async with made.stream as stream:
            for piece in [samples] if at_once else samples.reshape(20, CHUNK // 2):
                stream.push_nowait(piece)
            stream.end_input()
            events = await events_of(stream)
        drops = [event for event in events if event.type is EventType.DROPPED]
        (drop,) = drops
        assert (drop.start_s * RATE_HZ, drop.end_s * RATE_HZ) == pytest.approx(lost)
        assert drop.samples == lost[1] - lost[0]
        assert values(events) == kept
        assert stream.statistics.dropped_frames == drop.samples
        assert made.monitor.snapshot().dropped > 0

    run_virtually(main)


def test_events_nobody_reads_hold_the_stream_and_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit no further chunk is processed; drops then add up in one event."""
    monkeypatch.setattr(outbox, "MAX_UNREAD_EVENTS", 5)

    async def main() -> None:
        stage = Means()
        made = make([stage], overload="drop_newest", max_buffered_s=0.3)
        async with made.stream as stream:
            for _ in range(50):
                stream.push_nowait(noise(CHUNK))
                await anyio.sleep(1)
            assert len(stage.batches) == 5
            assert len(stream._outbox) == 6
            stream.end_input()
            events = await events_of(stream)
        assert len(values(events)) == 8
        assert sum(event.samples for event in events) == 42 * CHUNK

    run_virtually(main)


# The ends of a stream


def test_flush_does_not_wait_for_a_chunk_to_fill() -> None:
    """What was pushed before it is answered; later samples wait for their chunk again."""

    async def main() -> None:
        async with make([Means()]).stream as stream:
            await stream.push(np.ones(30, np.float32))
            await anyio.sleep(1)
            assert stream.statistics.answered_chunks == 0
            stream.flush()
            assert (await anext(stream)).end_s == pytest.approx(0.03)
            await stream.push(np.ones(30, np.float32))
            await anyio.sleep(1)
            assert stream.statistics.waiting_frames == 30

    run_virtually(main)


def test_a_stream_that_is_closed_ends_its_iteration_and_lets_its_owner_go_on() -> None:
    """What comes after `aclose()` in the block runs; closing twice, and after the end, is harmless."""

    async def main() -> None:
        workers = SlowWorkers(3, max_s=100.0)
        made = make([Means()], workers)
        read: list[list[StreamEvent]] = []
        async with anyio.create_task_group() as tasks, made.stream as stream:

            async def reader() -> None:
                read.append(await events_of(stream))

            tasks.start_soon(reader)
            await stream.push(noise(5 * CHUNK))
            await anyio.sleep(0.1)
            assert workers.under_way == 1
            await stream.aclose()
            assert (workers.under_way, workers.cancelled) == (0, 1)
            assert await events_of(stream) == []
            await stream.aclose()
            with pytest.raises(StreamClosed, match="closed"):
                await stream.push(noise(1))
        assert read == [[]]
        assert made.left == ["left"]
        ended = make([Means()])
        async with ended.stream as stream:
            stream.end_input()
            assert [event.type for event in await events_of(stream)] == [EventType.END]
            await stream.aclose()

    run_virtually(main)


def test_leaving_the_block_mid_work_frees_everything() -> None:
    """With an error too, which comes out as it is; a timeout comes out as a timeout."""

    async def main() -> None:
        workers = SlowWorkers(4, max_s=100.0)
        made = make([Means()], workers)

        async def leave(stream: LiveStream) -> None:
            async with stream:
                await stream.push(noise(5 * CHUNK))
                await anyio.sleep(0.1)
                raise LookupError("mine")

        async def run_out_of_time(stream: LiveStream) -> None:
            with anyio.fail_after(0.5):
                async with stream:
                    await stream.push(noise(5 * CHUNK))
                    await anext(stream)

        with pytest.raises(LookupError, match="mine"):
            await leave(made.stream)
        with pytest.raises(TimeoutError):
            await run_out_of_time(make([Means()], workers).stream)
        assert (workers.under_way, workers.cancelled) == (0, 2)
        assert made.left == ["left"]

    run_virtually(main)


@pytest.mark.anyio
async def test_cancelling_stops_native_work_within_half_a_second() -> None:
    """Afterwards the workers are idle and the processor takes other streams."""
    begun = threading.Event()

    class Slow:
        def __init__(self) -> None:
            self.is_cancelled = False

        def open(self) -> "Slow":
            return Slow()

        def feed(self, _payload: AudioBuffer) -> list[float]:
            begun.set()
            for _ in range(500):
                if self.is_cancelled:
                    break
                time.sleep(0.01)
            return []

        def finish(self) -> list[float]:
            return []

        def cancel(self) -> None:
            self.is_cancelled = True

    async with AsyncAudioProcessor(CONFIG) as processor:
        started_s = 0.0
        with anyio.CancelScope() as scope:
            async with processor.open_stream(RATE_HZ, stages=[Slow()]) as stream:
                await stream.push(noise(1_000))
                await anyio.to_thread.run_sync(begun.wait)
                started_s = time.perf_counter()
                scope.cancel()
                await events_of(stream)
        assert time.perf_counter() - started_s < 0.5
        with anyio.fail_after(5):
            while not processor._workers.is_idle:  # a worker says that it is done, and is idle a moment later
                await anyio.lowlevel.checkpoint()
        async with processor.open_stream(RATE_HZ, stages=[Means()]) as stream:
            await stream.push(noise(1_000))
            stream.end_input()
            assert len(values(await events_of(stream))) == 5


@pytest.mark.anyio
async def test_leaving_the_processor_ends_its_streams() -> None:
    """Whoever waits for events is told so."""
    seen: list[str] = []
    async with anyio.create_task_group() as tasks:

        async def one(processor: AsyncAudioProcessor) -> None:
            try:
                async with processor.open_stream(RATE_HZ, stages=[Means()]) as stream:
                    await events_of(stream)
            except RuntimeError as error:
                seen.append(str(error))

        async with AsyncAudioProcessor(CONFIG) as processor:
            tasks.start_soon(one, processor)
            await anyio.wait_all_tasks_blocked()
    assert seen == ["the processor's `async with` block was left while this call was under way"]


# Errors


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (AudioBuffer.silence(10, 2_000), "the stream has 1000 Hz, the samples 2000 Hz"),
        (np.array([0.0, np.nan]), "NaN or infinite"),
        (np.array([np.inf, 0.0], np.float32), "NaN or infinite"),
        (np.array([1, 2], np.uint8), "must be float16/32/64, int16 or int32, got uint8"),
        (np.array(["a"]), "must be float"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.float32(1), "shape"),
        (None, "must be float"),
        (np.zeros((4, 2), np.float32), "began with frames of shape"),
    ],
)
def test_what_is_no_audio_of_the_stream_is_refused_and_the_stream_goes_on(samples: Any, words: str) -> None:  # noqa: ANN401
    """The error says what was expected, nothing is taken, and a neighbour on the same stages never notices."""

    async def main() -> None:
        stage = Means()
        async with make([stage]).stream as stream, make([stage]).stream as neighbour:
            for each in (stream, neighbour):
                await each.push(np.ones(50, np.float32))
            with pytest.raises(AudioError, match=words):
                await stream.push(samples)
            with pytest.raises(AudioError, match=words):
                stream.push_nowait(samples)
            for each in (stream, neighbour):
                await each.push(np.ones(50, np.float32))
                each.end_input()
                assert values(await events_of(each)) == [1.0]

    run_virtually(main)


def test_a_stream_used_at_the_wrong_time_says_so() -> None:
    """Before entering, after `end_input`, after its block."""

    async def main() -> None:
        stream = make([Means()]).stream
        with pytest.raises(StreamClosed, match="not entered"):
            await stream.push(noise(1))
        with pytest.raises(StreamClosed, match="not entered"):
            await anext(stream)
        async with stream:
            stream.end_input()
            with pytest.raises(StreamClosed, match=r"end_input\(\) was called"):
                await stream.push(noise(1))
            with pytest.raises(StreamClosed, match=r"end_input\(\) was called"):
                stream.flush()
        for use in (stream.flush, lambda: stream.push_nowait(noise(1))):
            with pytest.raises(StreamClosed, match="closed"):
                use()
        assert "closed" in repr(stream)

    run_virtually(main)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sample_rate": 0}, "sample_rate must be"),
        ({"deadline_s": 0}, "deadline_s must be more than 0 seconds"),
        ({"chunk_s": -1}, "chunk_s must be more than 0 seconds"),
        ({"max_buffered_s": float("nan")}, "max_buffered_s must be more than 0 seconds"),
        ({"overload": "panic"}, "overload must be wait, reject"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    """With the name, the value and the range."""
    with pytest.raises(ValueError, match=words):
        StreamOptions(**{"sample_rate": 16_000, **options})


@pytest.mark.anyio
async def test_no_more_streams_are_open_than_allowed() -> None:
    """Also when many are opened at the same moment; one that leaves makes room."""
    config = BatchProcessingConfig(asr="none", workers=2, max_streams=3)
    opened: list[int] = []
    refused: list[str] = []
    leave, all_tried = anyio.Event(), anyio.Event()
    numbers = range(10)
    async with AsyncAudioProcessor(config) as processor, anyio.create_task_group() as tasks:

        async def one(number: int) -> None:
            try:
                async with processor.open_stream(16_000):
                    opened.append(number)
                    if len(opened) + len(refused) == len(numbers):
                        all_tried.set()
                    await leave.wait()
            except Overloaded as error:
                refused.append(str(error))
            if len(opened) + len(refused) == len(numbers):
                all_tried.set()

        for number in numbers:
            tasks.start_soon(one, number)
        await all_tried.wait()
        assert (len(opened), refused) == (3, ["3 streams are open, which is max_streams"] * 7)
        leave.set()
        await anyio.wait_all_tasks_blocked()
        async with processor.open_stream(16_000) as stream:
            stream.end_input()
            assert [event.type for event in await events_of(stream)] == [EventType.END]


class BreaksOn:
    """A `SessionStage` that passes numbers on and owes 7 at the end; it raises on what it was told, such as `"end"`."""

    def __init__(self, *bad: object) -> None:
        self.bad = bad

    def open(self) -> "BreaksOn":
        return BreaksOn(*self.bad)

    def feed(self, payload: float) -> list[float]:
        if payload in self.bad:
            raise ZeroDivisionError(f"{payload}")
        return [payload]

    def finish(self) -> list[float]:
        if "end" in self.bad:
            raise ZeroDivisionError("at the end")
        return [7.0]

    def cancel(self) -> None:
        pass


class Through:
    """A `BatchStage` that gives what it is given; it begins a hop of its own."""

    def process(self, batch: Sequence[float]) -> Sequence[float]:
        return batch


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([BreaksOn("end"), Through(), BreaksOn(), Through(), BreaksOn()], ["final", "error", "final", "final", "end"]),
        ([BreaksOn(), Through(), Through(), BreaksOn("end")], ["final", "error", "final", "end"]),
        ([BreaksOn(), Through(), Through(), BreaksOn(7.0)], ["final", "error", "final", "end"]),
        ([BreaksOn(), Through(), BreaksOn(7.0, "end")], ["final", "error", "error", "end"]),
    ],
)
def test_a_stage_that_fails_at_the_end_fails_no_chunk(stages: list[AnyStage], said: list[str]) -> None:
    """It is an event, the hops behind are ended all the same, and what others owed is kept."""

    async def main() -> None:
        made = make([Means(), *stages])
        async with made.stream as stream:
            await stream.push(np.ones(CHUNK, np.float32))
            stream.end_input()
            events = await events_of(stream)
        assert [event.type.value for event in events] == said
        for error in [event for event in events if event.error]:
            assert (error.start_s, error.end_s, error.samples) == (0.1, 0.1, 0)
        counts = made.stream.statistics
        assert (counts.answered_chunks, counts.failed_chunks) == (1, 0)
        snapshot = made.monitor.snapshot()
        assert (snapshot.answered, snapshot.failed) == (1, 0)

    run_virtually(main)


class Breaks(InlineWorkers):
    """Workers that lose every piece of work: a defect of theirs in the place of an answer."""

    def _do(self, work: Work) -> None:
        if self.withdraw(work):
            work.result = Raised(LookupError("the workers are broken"))
            work.end()


def test_a_stream_whose_workers_break_raises_where_it_is_used() -> None:
    """Whoever reads, pushes, flushes, or only leaves the block; an error of the owner's own comes out as it is."""

    async def reads(stream: LiveStream) -> None:
        async with stream:
            await stream.push(noise(CHUNK))
            await anext(stream)

    async def pushes(stream: LiveStream) -> None:
        async with stream:
            while True:
                await stream.push(noise(CHUNK))
                await anyio.sleep(0.1)

    async def flushes(stream: LiveStream) -> None:
        async with stream:
            await stream.push(noise(CHUNK))
            await anyio.sleep(0.1)
            stream.flush()

    async def leaves(stream: LiveStream) -> None:
        async with stream:
            await stream.push(noise(CHUNK))
            await anyio.sleep(0.1)

    async def raises(stream: LiveStream) -> None:
        async with stream:
            await stream.push(noise(CHUNK))
            await anyio.sleep(0.1)
            raise KeyError("mine")

    async def main() -> None:
        for use in (reads, pushes, flushes, leaves):
            made = make([Means()], Breaks())
            with pytest.raises(LookupError, match="the workers are broken"):
                await use(made.stream)
            assert made.left == ["left"]
        with pytest.raises(KeyError, match="mine"):
            await raises(make([Means()], Breaks()).stream)

    run_virtually(main)


# Chunks that come too late


class GivesUp(InlineWorkers):
    """Workers that give up every second piece of work that may be dropped, as if it had waited too long."""

    def __init__(self) -> None:
        self.urgencies: list[Urgency] = []

    def _do(self, work: Work) -> None:
        self.urgencies.append(work.urgency)
        if work.urgency.if_late == "drop" and len(self.urgencies) % 2 and self.withdraw(work):
            work.result = Expired()
            work.end()
        else:
            super()._do(work)


def test_a_late_chunk_of_drop_oldest_is_dropped_and_counted() -> None:
    """It is an event with its place and a miss, and its stream goes on; the end of the stream is never given up."""

    async def main() -> None:
        workers = GivesUp()
        made = make([Means()], workers, overload="drop_oldest")
        async with made.stream as stream:
            for number in range(4):
                await stream.push(np.full(CHUNK, number, np.float32))
            stream.end_input()
            events = await events_of(stream)
        assert [(event.type.value, round(event.start_s, 3), event.samples) for event in events] == [
            ("dropped", 0.0, CHUNK),
            ("final", 0.1, 0),
            ("dropped", 0.2, CHUNK),
            ("final", 0.3, 0),
            ("end", 0.4, 0),
        ]
        assert values(events) == [1.0, 3.0]
        assert [urgency.if_late for urgency in workers.urgencies] == ["drop"] * 4 + ["insist"]
        counts = stream.statistics
        assert (counts.answered_chunks, counts.dropped_frames, counts.waiting_frames) == (2, 2 * CHUNK, 0)
        assert (stream.counts.chunks, stream.counts.on_time) == (4, 2)
        assert made.monitor.snapshot().dropped == 2

    run_virtually(main)


@pytest.mark.parametrize("overload", ["wait", "reject", "drop_newest"])
def test_a_late_chunk_of_another_policy_is_never_given_up(overload: OverloadPolicy) -> None:
    """It is answered late; the end of the stream waits for no late chunk of another."""

    async def main() -> None:
        workers = GivesUp()
        async with make([Means()], workers, overload=overload).stream as stream:
            await stream.push(noise(4 * CHUNK))
            stream.end_input()
            assert len(values(await events_of(stream))) == 4
        assert [urgency.if_late for urgency in workers.urgencies] == ["yield"] * 4 + ["insist"]

    run_virtually(main)


def test_a_chunk_given_up_between_two_hops_is_dropped_once() -> None:
    """What the first hop made of it is lost with it."""

    async def main() -> None:
        workers = GivesUp()
        made = make([Through(), Means()], workers, overload="drop_oldest")
        workers.urgencies.append(Urgency())  # so that the second piece of work is the one that is given up
        async with made.stream as stream:
            await stream.push(noise(CHUNK))
            stream.end_input()
            events = await events_of(stream)
        assert [event.type.value for event in events] == ["dropped", "end"]
        assert stream.statistics.dropped_frames == CHUNK

    run_virtually(main)


# What the governor does to a stream


@pytest.mark.parametrize(
    ("overload", "said", "numbers"),
    [
        ("wait", ["final"] * 6, [0, 1, 2, 3, 4, 5]),
        ("reject", ["final"] * 4, [0, 1, 2, 5]),
        ("drop_oldest", ["dropped", "final"], [5]),
        ("drop_newest", ["dropped", "final", "dropped", "final"], [0, 5]),
    ],
)
def test_a_suspended_stream_waits_or_gives_up_by_its_policy(
    overload: OverloadPolicy, said: list[str], numbers: list[int]
) -> None:
    """Nothing new begins until it is resumed, and nothing is lost unsaid: what waited then, and what came later."""

    async def main() -> None:
        stage = Means()
        made = make([stage], SlowWorkers(1, max_s=0.0), overload=overload)
        async with made.stream as stream:
            await stream.push(np.repeat(np.arange(3, dtype=np.float32), CHUNK))
            stream.suspend()
            await anyio.sleep(1)
            begun = 0 if overload == "drop_oldest" else 1
            assert len(stage.batches) == begun  # it was on its way already
            for number in (3, 4):
                with pytest.raises(Overloaded, match="suspended") if overload == "reject" else nullcontext():
                    await stream.push(np.full(CHUNK, number, np.float32))
            stream.flush()
            await anyio.sleep(1)
            assert len(stage.batches) == begun
            stream.resume()
            await stream.push(np.full(CHUNK, 5, np.float32))
            stream.end_input()
            events = await events_of(stream)
        assert [event.type.value for event in events] == [*said, "end"]
        assert values(events) == numbers
        dropped = sum(event.samples for event in events if event.type is EventType.DROPPED)
        assert dropped == stream.statistics.dropped_frames
        assert stream.counts.chunks == min(2, len(numbers)), (
            "what a stream loses while it is not served, or has late for it, is no chunk"
        )

    run_virtually(main)


@pytest.mark.parametrize("overload", ["drop_oldest", "wait", "reject"])
def test_a_chunk_that_no_worker_has_begun_is_given_up_with_its_stream(overload: OverloadPolicy) -> None:
    """Else those of many suspended streams would be in the way; a stream whose policy keeps all keeps it."""

    async def main() -> None:
        stage = Means()
        workers = SlowWorkers(1, max_s=0.5)
        async with make([stage], workers, overload=overload).stream as stream:
            await stream.push(np.repeat(np.arange(2, dtype=np.float32), CHUNK))
            assert workers.under_way == 1
            stream.suspend()
            await anyio.sleep(1)
            drops = overload == "drop_oldest"
            assert len(stage.batches) == (0 if drops else 1)
            stream.resume()
            stream.end_input()
            events = await events_of(stream)
        assert [event.type.value for event in events] == ["dropped", "end"] if drops else ["final", "final", "end"]
        assert events[0].start_s == 0.0
        assert stream.statistics.dropped_frames == 2 * CHUNK * drops
        assert stream.counts.chunks == 1 * (not drops), "what it loses while it is not served, or has late, is no chunk"

    run_virtually(main)


@pytest.mark.parametrize("overload", ["drop_oldest", "drop_newest"])
@pytest.mark.parametrize("how", ["resumed", "ended", "closed"])
def test_what_a_suspended_stream_drops_is_told_once_a_second(overload: OverloadPolicy, how: str) -> None:
    """However small the pushes are; every sample is told, and the rest before what follows."""

    async def main() -> None:
        events: list[tuple[float, StreamEvent]] = []
        async with (
            make([Means()], SlowWorkers(1, max_s=0.0), overload=overload).stream as stream,
            anyio.create_task_group() as tasks,
        ):

            async def read() -> None:
                async for event in stream:
                    events.append((now_s(), event))  # noqa: PERF401 - it is looked at before the end

            tasks.start_soon(read)
            stream.suspend()
            for _ in range(185):
                await stream.push(noise(30))
                await anyio.sleep(0.03)
            told = [(round(at_s, 2), event.samples) for at_s, event in events]
            assert told == [(0.0, 30), *((round(1.02 * second, 2), 1_020) for second in range(1, 6))]
            if how == "resumed":
                stream.resume()
                await anyio.sleep(0.01)
                assert sum(event.samples for _, event in events) == 5_550
                await stream.push(noise(CHUNK))
            if how == "closed":
                await stream.aclose()
            else:
                stream.end_input()
        dropped = [event for _, event in events if event.type is EventType.DROPPED]
        assert sum(event.samples for event in dropped) == 5_550 == stream.statistics.dropped_frames
        assert [event.start_s for event in dropped[1:]] == pytest.approx([event.end_s for event in dropped[:-1]])
        rest = {"resumed": ["final", "end"], "ended": ["end"], "closed": []}[how]
        assert [event.type.value for _, event in events] == ["dropped"] * 7 + rest

    run_virtually(main)


def test_the_pusher_of_a_suspended_stream_goes_on_when_it_is_resumed() -> None:
    """With the policy `wait` it is held once the limit is reached, and no longer."""

    async def main() -> None:
        pushed: list[float] = []
        async with make([Means()], max_buffered_s=0.3).stream as stream, anyio.create_task_group() as tasks:

            async def push() -> None:
                await stream.push(noise(10 * CHUNK))
                pushed.append(now_s())
                stream.end_input()

            stream.suspend()
            tasks.start_soon(push)
            await anyio.sleep(5)
            assert (pushed, stream.statistics.waiting_frames) == ([], 3 * CHUNK)
            stream.resume()
            assert len(values(await events_of(stream))) == 10
        assert pushed == [5.0]

    run_virtually(main)


def test_a_suspended_stream_can_end() -> None:
    """What waits of it is answered first, and closing it is as quick as ever."""

    async def main() -> None:
        async with make([Means()]).stream as stream:
            stream.suspend()
            await stream.push(noise(3 * CHUNK))
            stream.end_input()
            assert len(values(await events_of(stream))) == 3
        async with make([Means()]).stream as stream:
            stream.suspend()
            await stream.push(noise(3 * CHUNK))
            await stream.aclose()
            assert await events_of(stream) == []

    run_virtually(main)


@pytest.mark.parametrize("overload", ["wait", "reject", "drop_oldest", "drop_newest"])
def test_input_that_is_not_accepted_is_treated_as_if_there_were_no_room(overload: OverloadPolicy) -> None:
    """What waits already is answered; a pusher that was held goes on when input is accepted again."""

    async def main() -> None:
        async with (
            make([Means()], SlowWorkers(1, max_s=0.0), overload=overload).stream as stream,
            anyio.create_task_group() as tasks,
        ):
            await stream.push(np.repeat(np.arange(2, dtype=np.float32), CHUNK))
            stream.accept_input(accepts=False)
            if overload == "reject":
                with pytest.raises(Overloaded):
                    await stream.push(np.full(CHUNK, 2, np.float32))
            else:
                tasks.start_soon(stream.push, np.full(CHUNK, 2, np.float32))
            await anyio.sleep(1)
            assert stream.statistics.waiting_frames == 0
            assert stream.statistics.pushed_frames == (3 if overload.startswith("drop") else 2) * CHUNK
            stream.accept_input(accepts=True)
            await anyio.sleep(1)
            await stream.push(np.full(CHUNK, 3, np.float32))
            stream.end_input()
            assert values(await events_of(stream)) == ([0, 1, 2, 3] if overload == "wait" else [0, 1, 3])

    run_virtually(main)


def test_the_engine_may_change_the_length_of_chunks_where_the_options_leave_it_open() -> None:
    """From the next chunk but one on at the latest; a length that was asked for stays."""
    lengths: list[int] = []
    stage = Means(lambda batch: lengths.extend(payload.frames for payload in batch))

    async def main() -> None:
        for chunk_s in (None, 0.1):
            lengths.clear()
            async with make([stage], SlowWorkers(1, max_s=0.0), chunk_s=chunk_s).stream as stream:
                await stream.push(noise(400))
                await anyio.sleep(1)
                stream.use_chunks_of(0.4, number=1)
                await stream.push(noise(1_200))
                await anyio.sleep(1)
                stream.end_input()
                await events_of(stream)
            if chunk_s is None:
                assert lengths[:2] == [200, 200]
                assert lengths[2] in (200, 400)  # by the stream's place among others
                assert lengths[3:5] == [400, 400]
            else:
                assert lengths == [100] * 16

    run_virtually(main)


@settings(max_examples=60, deadline=None)
@example([1_000], 150, 100, [])  # what is left of a push is less than a chunk
@example([1_000], 200, None, [(0.8, 0.1)])  # what waits is less than a chunk of the new length
@example([1_000], 200, None, [(None, 0.1)])
@given(
    st.lists(st.integers(1, 1_000), min_size=1, max_size=4),
    st.integers(1, 900),
    st.one_of(st.none(), st.integers(1, 900)),
    st.lists(st.tuples(st.sampled_from([None, 0.2, 0.4, 0.8]), st.floats(0, 1)), max_size=8),
)
def test_a_pusher_is_never_held_for_ever(
    sizes: list[int], buffered: int, chunk: int | None, plan: list[tuple[float | None, float]]
) -> None:
    """Whatever the limit, the chunks, the pushes, and however the engine changes its mind meanwhile.

    All that was pushed is answered; in virtual time a task that waits for ever would raise.
    """
    samples = np.zeros(3_000, np.float32)
    made: list[Made] = []
    events: list[StreamEvent] = []

    async def change() -> None:
        for number, (chunk_s, seconds) in enumerate(plan):
            await anyio.sleep(seconds)
            if chunk_s is not None:
                made[0].stream.use_chunks_of(chunk_s, number=number)
                continue
            made[0].stream.accept_input(accepts=False)
            await anyio.sleep(10)
            made[0].stream.accept_input(accepts=True)

    async def main() -> None:
        chunk_s = chunk / RATE_HZ if chunk else None
        made.append(make([Means()], SlowWorkers(1), max_buffered_s=buffered / RATE_HZ, chunk_s=chunk_s))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(change)
            events.extend(await run_all(made[0], samples, sizes))

    run_virtually(main)
    assert events[-1].type is EventType.END
    assert made[0].stream.statistics.pushed_frames == 3_000
    assert made[0].stream.statistics.waiting_frames == 0


def test_a_reader_that_waited_lets_the_stream_go_on_however_much_came_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk may bring more events than may wait unread: the next begins once enough of them are read."""
    monkeypatch.setattr(outbox, "MAX_UNREAD_EVENTS", 3)

    class Thrice:
        def open(self) -> "Thrice":
            return self

        def feed(self, payload: AudioBuffer) -> list[float]:
            return [float(payload.samples[0])] * 3

        def finish(self) -> list[float]:
            return []

        def cancel(self) -> None:
            pass

    samples = np.repeat(np.arange(4, dtype=np.float32), CHUNK)
    events = run_virtually(lambda: run_all(make([Thrice()]), samples, [len(samples)]))
    assert values(events) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


# Urgency, latency, and the pipelines that come with the house


def test_who_came_when_reaches_the_workers() -> None:
    """The stream's number, once it has one: where there is no room the last streams yield."""

    async def main() -> None:
        workers = SlowWorkers(5, max_s=0.0)
        made = make([Means()], workers)
        async with made.stream as stream:
            made.stream.use_chunks_of(0.1, number=7)
            await stream.push(noise(CHUNK))
            await anext(stream)
        assert [urgency.place for urgency in workers.urgencies] == [7]

    run_virtually(main)


def test_deadline_and_priority_reach_the_workers_and_the_monitor() -> None:
    """The deadline counts from when a chunk's last sample was available, and so does the latency."""

    async def main() -> None:
        workers = SlowWorkers(5, max_s=0.0)
        made = make([Means()], workers, deadline_s=0.25, priority=3)
        async with made.stream as stream:
            await anyio.sleep(10)
            await stream.push(noise(CHUNK), available_s=9.5)
            event = await anext(stream)
            await stream.push(noise(CHUNK))
            await anext(stream)
        assert event.latency_ms == pytest.approx(500)
        assert [urgency.deadline_s for urgency in workers.urgencies] == [pytest.approx(9.75), pytest.approx(10.25)]
        assert {urgency.priority for urgency in workers.urgencies} == {3}
        snapshot = made.monitor.snapshot()
        assert (snapshot.answered, snapshot.on_time) == (2, 1)

    run_virtually(main)


@pytest.mark.anyio
async def test_without_a_recogniser_a_stream_says_when_somebody_spoke() -> None:
    """Finals with times, an endpoint after each that ended, then the end."""
    samples, rate = soundfile.read(ROOT / "examples" / "audio" / "welcome.wav", dtype="int16")
    async with AsyncAudioProcessor(CONFIG) as processor, processor.open_stream(rate) as stream:
        await stream.push(samples)
        stream.end_input()
        events = await events_of(stream)
    kinds = [event.type for event in events]
    assert kinds.count(EventType.FINAL) >= 1
    assert kinds.count(EventType.ENDPOINT) >= 1
    assert kinds[-1] is EventType.END
    assert set(kinds) <= {EventType.FINAL, EventType.ENDPOINT, EventType.END}
    spoken = sum(event.end_s - event.start_s for event in events if event.type is EventType.FINAL)
    assert 3 < spoken < 7.2
