"""Samples on their way into a stream: each leaves once, in a chunk or dropped, whatever is done to the stream."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import AudioBuffer, AudioError, Overloaded
from engine.inlet import Inlet
from engine.stream_options import OverloadPolicy, StreamOptions
from modules.batching.intake import Chunk, Dropped
from modules.batching.live_chunks import ChunkPlace

RATE_HZ = 1_000
POLICIES: tuple[OverloadPolicy, ...] = ("wait", "reject", "drop_oldest", "drop_newest")

steps = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 700)),
        st.tuples(st.sampled_from(["take", "take", "flush", "suspend", "resume", "shut", "open"]), st.just(0)),
        st.tuples(st.just("length"), st.sampled_from([100, 200, 400, 800])),
    ),
    max_size=40,
)


class Watched:
    """An inlet whose samples are their own numbers, and what has left it so far."""

    def __init__(self, overload: OverloadPolicy, *, buffered: int = 500, chunk: int | None = None) -> None:
        """Nothing was pushed; at most `buffered` frames wait, or one chunk."""
        chunk_s = chunk / RATE_HZ if chunk else None
        self.options = StreamOptions(RATE_HZ, overload=overload, max_buffered_s=buffered / RATE_HZ, chunk_s=chunk_s)
        self.inlet = Inlet(self.options)
        self.answered: list[int] = []
        self.dropped: list[int] = []

    def push(self, frames: int) -> bool:
        """Whether that many frames were taken, or dropped by policy; all or none."""
        first, room, was = self.inlet.pushed_frames, self.inlet.room, self.inlet.waiting_frames
        try:
            dropped = self.inlet.take(audio(first, frames), 1.0)
        except Overloaded:
            assert self.options.overload in ("wait", "reject")
            assert frames > room
            assert (self.inlet.pushed_frames, self.inlet.waiting_frames) == (first, was)
            return False
        self.lose(dropped)
        assert bool(dropped) == (frames > room)
        assert self.inlet.pushed_frames == first + frames
        assert self.inlet.waiting_frames <= max(was, was + room)
        return True

    def take(self, *, is_ended: bool = False) -> Chunk | None:
        """The next chunk; its samples are those that stand at its place."""
        chunk = self.inlet.next_chunk(is_ended=is_ended)
        if chunk is not None:
            numbers = chunk.audio.samples.tolist()
            assert numbers == list(range(round(chunk.audio.start_s * RATE_HZ), round(chunk.audio.end_s * RATE_HZ)))
            assert 0 < len(numbers) <= round(self.inlet.cut_s * RATE_HZ)
            self.answered += numbers
        return chunk

    def lose(self, dropped: Sequence[Dropped]) -> None:
        """Note what was dropped."""
        for stretch in dropped:
            first = round(stretch.start_s * RATE_HZ)
            assert stretch.frames > 0
            self.dropped += range(first, first + stretch.frames)
        assert self.inlet.dropped_frames == len(self.dropped)

    def do(self, step: str, number: int) -> None:
        """One thing that may happen to a stream."""
        inlet = self.inlet
        if step == "push":
            self.push(number)
        elif step == "take":
            assert not (self.take() and inlet.is_suspended)
        elif step == "flush":
            inlet.flush()
        elif step == "suspend":
            self.lose(inlet.suspend())
        elif step == "resume":
            inlet.is_suspended = False
        elif step == "length":
            inlet.use_chunks_of(number / RATE_HZ, ChunkPlace(number, 0.3))
        else:
            inlet.is_shut = step == "shut"

    def drain(self) -> None:
        """Take all there is, as at the end of the input."""
        while self.take(is_ended=True):
            pass


def audio(first: int, frames: int) -> AudioBuffer:
    """Samples that are numbered on from `first`."""
    return AudioBuffer(np.arange(first, first + frames, dtype=np.float32), RATE_HZ)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(POLICIES), steps, st.integers(1, 900), st.one_of(st.none(), st.integers(1, 900)))
def test_every_pushed_sample_leaves_once_in_a_chunk_or_dropped(
    overload: OverloadPolicy, doings: list[tuple[str, int]], buffered: int, chunk: int | None
) -> None:
    """With its own place in the stream, in order; with the policies that do not drop, none is dropped."""
    watched = Watched(overload, buffered=buffered, chunk=chunk)
    for step, number in doings:
        watched.do(step, number)
        assert watched.inlet.room >= 0
    watched.drain()
    assert watched.inlet.waiting_frames == 0
    assert watched.answered == sorted(watched.answered)
    assert sorted(watched.answered + watched.dropped) == list(range(watched.inlet.pushed_frames))
    assert not watched.dropped or overload.startswith("drop")


@settings(max_examples=100, deadline=None)
@example("wait", [("length", 800), ("length", 200)], 300)  # a long chunk is being gathered still
@given(st.sampled_from(POLICIES), steps, st.integers(1, 900))
def test_there_is_always_room_for_a_whole_chunk(
    overload: OverloadPolicy, doings: list[tuple[str, int]], buffered: int
) -> None:
    """However small the limit and whatever the length became: when nothing more fits, a chunk can be taken."""
    watched = Watched(overload, buffered=buffered)
    for step, number in doings:
        watched.do(step, number)
    watched.do("open", 0)
    watched.do("resume", 0)
    assert watched.push(watched.inlet.room)
    assert watched.inlet.room == 0
    assert watched.take() is not None


# What is done where there is no room


def test_wait_and_reject_take_all_or_nothing() -> None:
    """The one who pushes is told how much waits, and when to come back."""
    for overload in POLICIES[:2]:
        watched = Watched(overload, buffered=500, chunk=100)
        assert watched.push(400)
        assert not watched.push(101)
        assert watched.push(100)
        with pytest.raises(Overloaded, match="there is no room for more") as caught:
            watched.inlet.take(audio(500, 1), 1.0)
        assert str(caught.value).startswith("0.5 s of this stream wait already")
        assert caught.value.retry_after_s == 0.1


def test_drop_oldest_makes_room_for_what_is_new() -> None:
    """Also where the new samples alone are too many: the last of them stay."""
    watched = Watched("drop_oldest", buffered=500)
    watched.push(400)
    watched.push(300)
    assert watched.dropped == list(range(200))
    watched.push(700)
    assert watched.dropped == list(range(900))
    watched.drain()
    assert watched.answered == list(range(900, 1_400))


def test_drop_newest_takes_what_still_fits() -> None:
    """The rest of the piece is dropped; when there is room again the stream goes on at its own time."""
    watched = Watched("drop_newest", buffered=500, chunk=500)
    watched.push(400)
    watched.push(300)
    assert watched.dropped == list(range(500, 700))
    assert watched.take() is not None
    watched.push(50)
    watched.drain()
    assert watched.answered == [*range(500), *range(700, 750)]


def test_what_was_lost_already_is_not_lost_again() -> None:
    """Samples wait on both sides of some that were dropped; dropping those that wait leaves the others out."""
    watched = Watched("drop_newest", buffered=500, chunk=100)
    watched.push(600)
    watched.take()
    watched.push(100)
    watched.do("suspend", 0)
    assert watched.dropped == [*range(500, 600), *range(100, 500), *range(600, 700)]


# Suspended, and shut


@pytest.mark.parametrize(("overload", "keeps"), [*zip(POLICIES, (300, 300, 0, 0), strict=True)])
def test_a_suspended_inlet_gives_out_nothing(overload: OverloadPolicy, keeps: int) -> None:
    """What waits is kept or dropped by policy, and so is what comes; at the end what is left goes out."""
    watched = Watched(overload, buffered=500, chunk=100)
    watched.push(300)
    watched.do("suspend", 0)
    assert (watched.inlet.waiting_frames, len(watched.dropped)) == (keeps, 300 - keeps)
    watched.do("flush", 0)
    assert watched.take() is None
    assert watched.push(100) == (overload != "reject")
    if overload == "reject":
        with pytest.raises(Overloaded, match="the stream is suspended"):
            watched.inlet.take(audio(300, 1), 1.0)
    watched.drain()
    assert watched.answered == list(range({"wait": 400, "reject": 300}.get(overload, 0)))


@pytest.mark.parametrize("overload", POLICIES)
def test_a_shut_inlet_takes_nothing_in_and_gives_out_what_it_has(overload: OverloadPolicy) -> None:
    """It is as if there were no room; the oldest samples are not dropped for what cannot come in."""
    watched = Watched(overload, buffered=500, chunk=100)
    watched.push(200)
    watched.do("shut", 0)
    assert watched.inlet.room == 0
    assert watched.push(50) == overload.startswith("drop")
    assert watched.dropped == (list(range(200, 250)) if overload.startswith("drop") else [])
    assert watched.take() is not None
    watched.do("open", 0)
    assert watched.push(50)
    assert watched.inlet.waiting_frames == 150


def test_an_empty_push_is_nothing() -> None:
    """Whatever the state."""
    for step in ("open", "suspend", "shut"):
        watched = Watched("reject")
        watched.do(step, 0)
        assert watched.push(0)


# Chunks


def test_an_inlet_is_behind_when_a_second_waits_beyond_the_chunk_it_gathers() -> None:
    """Less than that may be a moment in which the machine was slow."""
    inlet = Inlet(StreamOptions(RATE_HZ, chunk_s=0.5))
    inlet.take(audio(0, 1_500), 1.0)
    assert not inlet.is_behind
    inlet.take(audio(1_500, 1), 1.0)
    assert inlet.is_behind


def test_a_flush_lets_go_what_was_pushed_before_it() -> None:
    """In chunks as long as ever, the last one shorter; what comes later waits for its chunk again."""
    watched = Watched("wait", chunk=100)
    watched.push(130)
    watched.do("flush", 0)
    watched.take()
    watched.take()
    watched.push(30)
    assert watched.take() is None
    assert watched.answered == list(range(130))


def test_a_flush_holds_though_newer_samples_were_dropped() -> None:
    """And is used up once the older ones are gone, by whatever way."""
    watched = Watched("drop_newest", buffered=150, chunk=100)
    watched.push(50)
    watched.do("flush", 0)
    watched.push(400)
    assert watched.take() is not None
    assert watched.answered == list(range(100))
    watched = Watched("drop_oldest", buffered=150, chunk=100)
    watched.push(50)
    watched.do("flush", 0)
    watched.push(220)
    watched.take()
    assert watched.answered == list(range(120, 220))
    assert watched.take() is None


def test_after_the_length_has_changed_the_first_chunk_has_one_of_its_own() -> None:
    """Longer chunks begin in a phase of the stream's own, shorter ones after the chunk that is being gathered."""
    watched = Watched("wait", buffered=5_000)
    watched.push(4_000)
    firsts = set()
    for number in range(1, 6):
        for length, before in ((800, 200), (200, 800)):
            watched.inlet.use_chunks_of(length / RATE_HZ, ChunkPlace(number, 0.0))
            first, second = (watched.inlet.next_chunk(is_ended=False) for _ in range(2))
            assert first is not None
            assert second is not None
            assert second.audio.frames == length
            if length < before:
                assert first.audio.frames == before
            else:
                firsts.add(first.audio.frames)
        watched.inlet.take(audio(watched.inlet.pushed_frames, 2_000), 1.0)
    assert firsts <= {200, 400, 600, 800}
    assert len(firsts) > 2


def test_a_length_that_changes_again_goes_on_from_the_chunk_that_is_being_gathered() -> None:
    """What waits is never cut small because somebody changed their mind twice."""
    watched = Watched("wait", buffered=5_000)
    watched.push(2_000)
    watched.inlet.use_chunks_of(0.8)
    watched.take()
    for length in (200, 400):
        watched.do("length", length)
    chunks = [watched.take() for _ in range(3)]
    assert [chunk.audio.frames for chunk in chunks if chunk] == [800, 400]


def test_it_remembers_for_which_length_the_last_chunk_was_cut() -> None:
    """What it cost is learnt for that length, though a flush or the end made it shorter."""
    watched = Watched("wait")
    watched.push(250)
    watched.take()
    watched.do("flush", 0)
    watched.inlet.use_chunks_of(0.4)
    assert watched.inlet.cut_s == 0.2
    watched.take()
    assert watched.inlet.cut_s == 0.4
    assert Watched("wait", chunk=70).inlet.cut_s == 0.07


def test_a_chunk_is_as_old_as_its_last_sample() -> None:
    """Its deadline counts from when that was available."""
    inlet = Inlet(StreamOptions(RATE_HZ, chunk_s=0.1))
    inlet.take(audio(0, 60), 5.0)
    inlet.take(audio(60, 60), 6.0)
    chunk = inlet.next_chunk(is_ended=False)
    assert chunk is not None
    assert (chunk.available_s, inlet.pushed_s) == (6.0, 0.12)


# What is taken for audio


def test_samples_are_copied_and_keep_their_shape() -> None:
    """Whoever pushed may use them again; a stream has one shape of frames from its first samples on."""
    inlet = Inlet(StreamOptions(RATE_HZ))
    samples = np.zeros((5, 2), np.float32)
    audio = inlet.checked(samples)
    samples[:] = 1
    assert audio.samples.sum() == 0
    with pytest.raises(AudioError, match=r"began with frames of shape \(2,\), these have shape \(\)"):
        inlet.checked(np.zeros(5, np.float32))
    with pytest.raises(AudioError, match="the stream has 1000 Hz, the samples 8000 Hz"):
        inlet.checked(AudioBuffer.silence(5, 8_000))


def test_a_chunk_given_up_later_is_counted() -> None:
    """It was given out, and could not be on time."""
    watched = Watched("drop_oldest", chunk=100)
    watched.push(200)
    chunk = watched.take()
    assert chunk is not None
    assert watched.inlet.gave_up(chunk) == Dropped(0.0, 100)
    assert watched.inlet.dropped_frames == 100


def test_little_waits_while_memory_is_short() -> None:
    """A second, or a chunk where that is longer; what waits already is kept, and later there is as much room again."""
    watched = Watched("reject", buffered=5_000)
    assert watched.push(3_000)
    watched.inlet.keep_little(True)
    assert (watched.inlet.waiting_frames, watched.inlet.room) == (3_000, 0)
    assert not watched.push(1)
    watched.inlet.keep_little(False)
    assert watched.inlet.room == 2_000
    brief = Watched("reject", buffered=300)
    brief.inlet.keep_little(True)
    assert brief.inlet.room == 300
    long = Watched("reject", buffered=300, chunk=4_000)
    long.inlet.keep_little(True)
    assert long.inlet.room == 4_000
