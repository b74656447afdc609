"""What was pushed leaves once and in order, however it came and whatever chunks are asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.buffer import AudioBuffer
from modules.batching.intake import Intake

RATE_HZ = 1_000

pushes = st.lists(st.integers(0, 50), max_size=20)
lengths = st.lists(st.integers(1, 70), min_size=1, max_size=20)


def pushed(sizes: list[int], *, start: int = 0) -> list[AudioBuffer]:
    """Buffers of these sizes that count their samples on from `start`."""
    ends = np.cumsum([start, *sizes]).tolist()
    return [
        AudioBuffer(np.arange(begin, begin + size, dtype=np.float32), RATE_HZ, begin / RATE_HZ)
        for begin, size in zip(ends, sizes, strict=False)
    ]


def filled(sizes: list[int]) -> Intake:
    """An intake with these pushes, push number n available at n + 1 seconds."""
    intake = Intake()
    for number, audio in enumerate(pushed(sizes)):
        intake.push(audio, number + 1.0)
    return intake


def push_with(sizes: list[int], frame: int) -> float:
    """When the push that delivered this frame was available."""
    return float(np.searchsorted(np.cumsum(sizes), frame, side="right")) + 1.0


@given(pushes, lengths)
def test_each_sample_leaves_once_in_order_in_chunks_of_the_length_asked_for(sizes: list[int], asked: list[int]) -> None:
    """The length may change with every chunk, as a plan does; the last chunk is shorter."""
    intake, frames, number = filled(sizes), 0, 0
    while True:
        length = asked[number % len(asked)]
        chunk = intake.take(length)
        is_rest = chunk is None
        chunk = chunk or intake.take(length, all_there_is=True)
        if chunk is None:
            break
        assert chunk.number == number
        assert chunk.audio.frames < length if is_rest else chunk.audio.frames == length
        assert chunk.audio.samples.tolist() == list(range(frames, frames + chunk.audio.frames))
        assert abs(chunk.audio.start_s - frames / RATE_HZ) < 1e-9
        frames += chunk.audio.frames
        number += 1
        assert chunk.available_s == push_with(sizes, frames - 1)
    assert frames == sum(sizes)
    assert intake.frames == 0


@given(st.lists(st.tuples(st.sampled_from(["push", "take", "drop"]), st.integers(1, 40)), max_size=40))
def test_pushing_taking_and_dropping_in_any_order_loses_nothing_unsaid(steps: list[tuple[str, int]]) -> None:
    """A frame waits, or left in a chunk, or was dropped and counted; chunks and drops follow each other."""
    intake, given_in, given_out = Intake(), 0, 0
    for kind, frames in steps:
        if kind == "push":
            (audio,) = pushed([frames], start=given_in)
            intake.push(audio, 0.0)
            given_in += frames
        elif kind == "drop":
            dropped = intake.drop(frames)
            assert dropped.frames == min(frames, given_in - given_out)
            assert not dropped.frames or abs(dropped.start_s - given_out / RATE_HZ) < 1e-9
            given_out += dropped.frames
        elif chunk := intake.take(frames):
            assert chunk.audio.samples.tolist() == list(range(given_out, given_out + frames))
            given_out += frames
        else:
            assert given_in - given_out < frames
        assert intake.frames == given_in - given_out


def test_a_chunk_waits_for_its_last_sample() -> None:
    """What is there is kept until there is enough, or until all there is will do."""
    intake = filled([3, 4])
    assert intake.take(8) is None
    assert intake.frames == 7
    chunk = intake.take(8, all_there_is=True)
    assert chunk is not None
    assert chunk.audio.frames == 7


def test_nothing_is_never_a_chunk() -> None:
    """An empty push is forgotten, and all there is of nothing is nothing."""
    intake = filled([0, 0])
    assert intake.take(1, all_there_is=True) is None
    assert repr(intake) == "<Intake 0 frames in 0 buffers>"


def test_a_chunk_inside_a_push_is_a_view_and_a_joined_one_is_not() -> None:
    """Samples are copied only where two pushes meet."""
    first, second = pushed([10, 10])
    intake = Intake()
    intake.push(first, 1.0)
    intake.push(second, 2.0)
    inside, joined = intake.take(6), intake.take(6)
    assert inside is not None
    assert joined is not None
    assert np.shares_memory(inside.audio.samples, first.samples)
    assert not np.shares_memory(joined.audio.samples, first.samples)
    assert (inside.available_s, joined.available_s) == (1.0, 2.0)


def test_the_oldest_samples_are_dropped() -> None:
    """What is left goes on at its own place in the stream."""
    intake = filled([4, 4])
    dropped = intake.drop(5)
    chunk = intake.take(3)
    assert (dropped.start_s, dropped.frames) == (0.0, 5)
    assert chunk is not None
    assert chunk.audio.samples.tolist() == [5, 6, 7]
    assert chunk.audio.start_s == 0.005
    assert intake.drop(1).frames == 0


def test_a_chunk_never_reaches_across_dropped_samples() -> None:
    """It is shorter there, so that every sample keeps its time."""
    intake = Intake()
    intake.push(AudioBuffer(np.zeros(100, np.float32), 100, start_s=0.0), 1.0)
    intake.push(AudioBuffer(np.zeros(100, np.float32), 100, start_s=5.0), 6.0)
    first, second = intake.take(150), intake.take(150, all_there_is=True)
    assert first is not None
    assert second is not None
    assert (first.audio.start_s, first.audio.frames) == (0.0, 100)
    assert (second.audio.start_s, second.audio.frames) == (5.0, 100)


def test_a_drop_never_reaches_across_dropped_samples() -> None:
    """Frames that were lost already are not said to be lost again: the next drop begins behind them."""
    intake = Intake()
    intake.push(AudioBuffer(np.zeros(100, np.float32), 100, start_s=0.0), 1.0)
    intake.push(AudioBuffer(np.zeros(100, np.float32), 100, start_s=5.0), 6.0)
    first, second = intake.drop(150), intake.drop(50)
    assert (first.start_s, first.frames) == (0.0, 100)
    assert (second.start_s, second.frames) == (5.0, 50)
    assert intake.frames == 50
