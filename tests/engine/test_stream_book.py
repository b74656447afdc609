"""Which of the open streams are served: always the most important and oldest, and every stream follows the plan."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stream import LiveStream
from engine.stream_book import StreamBook
from modules.tuning.plan import LoadSeen, Plan
from tests.live_streams import FakeStream


def opened(book: StreamBook, priority: int = 0) -> FakeStream:
    """A stream that was just opened."""
    stream = FakeStream(priority)
    book.add(cast("LiveStream", stream))
    return stream


def closed(book: StreamBook, stream: FakeStream) -> None:
    """It is over."""
    book.remove(cast("LiveStream", stream))


def plan(max_streams: int, *, chunk_s: float = 0.2, accepts_input: bool = True) -> Plan:
    """A plan that serves so many."""
    return Plan(chunk_s, 2, max_streams, accepts_input=accepts_input)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("open"), st.integers(-1, 1)),
            st.tuples(st.just("close"), st.integers(0, 30)),
            st.tuples(st.just("follow"), st.integers(0, 8)),
        ),
        max_size=40,
    )
)
def test_the_most_important_and_oldest_streams_are_served_at_every_moment(doings: list[tuple[str, int]]) -> None:
    """As many as the plan says, whoever comes, goes, and whatever it says next; nobody is told what it knows."""
    book = StreamBook()
    streams: list[FakeStream] = []
    most = 1_000  # before there is a plan all are served
    for doing, number in doings:
        if doing == "open":
            streams.append(opened(book, number))
        elif doing == "follow":
            most = number
            book.follow(plan(most))
        elif streams:
            closed(book, streams.pop(number % len(streams)))
        in_order = sorted(streams, key=lambda stream: -stream.options.priority)  # stable: the older first
        assert [stream.is_suspended for stream in in_order] == [place >= most for place in range(len(streams))]
        assert (len(book), book.suspended) == (len(streams), max(0, len(streams) - most))
        assert [stream.options.priority for stream in book] == [stream.options.priority for stream in streams]


def test_a_stream_that_is_opened_follows_the_plan_in_force() -> None:
    """Its chunk length, whether input is taken, and whether there is a place for it."""
    book = StreamBook()
    first = opened(book)
    assert (first.chunk_s, first.accepts) == (0.0, None)
    book.follow(plan(1, chunk_s=0.4, accepts_input=False))
    second = opened(book)
    for number, stream in enumerate((first, second), start=1):
        assert (stream.chunk_s, stream.number, stream.accepts) == (0.4, number, False)
    assert (first.told, second.told) == ([], ["suspend"])


def test_a_more_important_stream_takes_the_place_of_the_newest_of_the_others() -> None:
    """And gives it back when it leaves."""
    book = StreamBook()
    book.follow(plan(2))
    older, newer = opened(book), opened(book)
    important = opened(book, priority=1)
    assert (older.told, newer.told, important.told) == ([], ["suspend"], [])
    closed(book, important)
    assert (older.told, newer.told) == ([], ["suspend", "resume"])


def test_who_has_fallen_behind_is_suspended_before_the_newest_of_those_who_have_not() -> None:
    """It is late anyway. The more important one stays, and who has caught up is served by age again."""
    book = StreamBook()
    streams = [opened(book, priority) for priority in (0, 0, 0, 1)]
    for stream in (streams[0], streams[3]):
        stream.falls_behind()
    book.follow(plan(3))
    assert [stream.is_suspended for stream in streams] == [True, False, False, False]
    streams[0].falls_behind(is_behind=False)
    book.follow(plan(3))
    assert [stream.is_suspended for stream in streams] == [False, False, True, False]


def test_closing_a_stream_twice_is_harmless() -> None:
    """The second time there is none."""
    book = StreamBook()
    stream = opened(book)
    closed(book, stream)
    closed(book, stream)
    assert len(book) == 0


def test_what_is_seen_is_what_the_served_streams_did_since_the_last_look() -> None:
    """Seconds of audio per second from the second look on; what a suspended stream was sent does not count."""
    book = StreamBook()
    streams = [opened(book) for _ in range(3)]
    for stream in streams:
        stream.did(pushed_s=4.0, chunks=20, on_time=19)
    assert book.seen(100.0) == LoadSeen(3, 3, None, 60, 57, None)
    book.follow(plan(2))
    for stream in streams:
        stream.did(pushed_s=1.0, chunks=5, on_time=2)
    seen = book.seen(102.0)
    assert (seen.streams, seen.admitted, seen.chunks, seen.on_time) == (3, 2, 10, 4)
    assert seen.audio_s == pytest.approx(1.0)
    book.follow(plan(3))
    for stream in streams:
        stream.did(pushed_s=0.5, chunks=1, on_time=1)
    seen = book.seen(103.0)
    assert (seen.admitted, seen.chunks, seen.on_time) == (3, 3, 3)
    assert seen.audio_s == pytest.approx(1.5)


def test_the_standing_queue_is_the_shortest_wait_since_the_last_look() -> None:
    """Unknown where no chunk was served."""
    book = StreamBook()
    for waited_s in (0.03, 0.01, 0.02):
        book.waited(waited_s)
    assert book.seen(1.0).standing_queue_s == 0.01
    assert book.seen(2.0).standing_queue_s is None
    book.waited(0.5)
    assert book.seen(3.0).standing_queue_s == 0.5


def test_while_memory_is_short_streams_keep_little() -> None:
    """Those that are open, those that come, and whatever the plan says meanwhile; then as much again as before."""
    book = StreamBook()
    first = opened(book)
    book.keep_little(True)  # before there is a plan nobody is told
    assert not first.keeps_little
    book.follow(plan(10))
    second = opened(book)
    assert [stream.keeps_little for stream in (first, second)] == [True, True]
    book.keep_little(False)
    assert [stream.keeps_little for stream in (first, second)] == [False, False]
