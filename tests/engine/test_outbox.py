"""Events of a stream: none is lost or doubled; one that nobody has read is replaced only where that loses nothing."""

from itertools import pairwise

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import outbox as outbox_module
from engine.outbox import Outbox
from modules.events import EventType, StreamEvent
from tests.virtual_time import now_s, run_virtually

RATE_HZ = 1_000

kinds = st.sampled_from([EventType.PARTIAL, EventType.FINAL, EventType.ENDPOINT, EventType.DROPPED])


def drop(start: int, frames: int) -> StreamEvent:
    """Frames that were given up."""
    return StreamEvent(EventType.DROPPED, start / RATE_HZ, (start + frames) / RATE_HZ, samples=frames)


def partial(text: str) -> StreamEvent:
    """What is being said so far."""
    return StreamEvent(EventType.PARTIAL, text=text)


def all_of(outbox: Outbox) -> list[StreamEvent]:
    """What is there to be read."""
    return [outbox.take() for _ in range(len(outbox))]


@given(st.lists(st.tuples(kinds, st.integers(0, 2))))
def test_no_event_is_lost_or_doubled(steps: list[tuple[EventType, int]]) -> None:
    """All but partials come once and in order; a partial is missing only where a newer one took its place unread."""
    outbox = Outbox()
    put: list[StreamEvent] = []
    read: list[StreamEvent] = []
    for number, (kind, reads) in enumerate(steps):
        event = StreamEvent(kind, text=str(number), start_s=2.0 * number, end_s=2.0 * number + 1)  # no two meet
        put.append(event)
        outbox.put(event)
        read += [outbox.take() for _ in range(min(reads, len(outbox)))]
    read += all_of(outbox)
    numbers = [int(event.text) for event in read]
    assert numbers == sorted(set(numbers))
    for number, event in enumerate(put):
        is_followed = number + 1 < len(put) and put[number + 1].type is EventType.PARTIAL
        assert number in numbers or (event.type is EventType.PARTIAL and is_followed)


def test_a_partial_takes_the_place_of_one_that_nobody_has_read() -> None:
    """One that was read is not taken back, and a final between two keeps both."""
    outbox = Outbox()
    for event in (partial("o"), partial("on"), StreamEvent(EventType.FINAL, text="one"), partial("t")):
        outbox.put(event)
    assert outbox.take().text == "on"
    outbox.put(partial("tw"))
    assert [event.text for event in all_of(outbox)] == ["one", "tw"]
    outbox.put(partial("two"))
    assert [event.text for event in all_of(outbox)] == ["two"]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20), st.booleans()), max_size=30))
def test_drops_that_nobody_has_read_add_up_where_they_meet(steps: list[tuple[int, int, bool]]) -> None:
    """Every frame is in one event, with its place; frames that were kept in between are in none."""
    outbox, at = Outbox(), 0
    lost: list[int] = []
    read: list[StreamEvent] = []
    for frames, kept, reads in steps:
        outbox.put(drop(at, frames))
        lost += range(at, at + frames)
        at += frames + kept
        if reads:
            read += all_of(outbox)
    read += all_of(outbox)
    told = [range(round(event.start_s * RATE_HZ), round(event.end_s * RATE_HZ)) for event in read]
    assert [frame for frames in told for frame in frames] == lost
    assert [event.samples for event in read] == [len(frames) for frames in told]
    for before, after in pairwise(told):
        assert before.stop <= after.start


def test_two_drops_of_a_stretch_are_one_event() -> None:
    """With the samples of both; those that do not meet stay two."""
    outbox = Outbox()
    for event in (drop(100, 100), drop(200, 50), drop(300, 50)):
        outbox.put(event)
    assert [(event.start_s, event.end_s, event.samples) for event in all_of(outbox)] == [
        (0.1, 0.25, 150),
        (0.3, 0.35, 50),
    ]


def test_it_is_full_when_its_reader_is_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes events all the same: somebody else holds the stream back."""
    monkeypatch.setattr(outbox_module, "MAX_UNREAD_EVENTS", 2)
    outbox = Outbox()
    for number in range(3):
        assert outbox.is_full == (number >= 2)
        outbox.put(StreamEvent(EventType.FINAL, text=str(number)))
    assert len(outbox) == 3
    outbox.take()
    assert outbox.is_full
    outbox.take()
    assert not outbox.is_full


def test_its_reader_is_woken_by_an_event_and_when_something_else_has_changed() -> None:
    """Each once: who waits again waits for the next."""

    async def main() -> None:
        outbox = Outbox()
        woken: list[int] = []

        async def read() -> None:
            while len(woken) < 2:
                await outbox.changed()
                woken.append(len(outbox))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.sleep(1)
            assert woken == []
            outbox.put(StreamEvent(EventType.FINAL))
            await anyio.sleep(1)
            assert woken == [1]
            outbox.wake()
        assert woken == [1, 1]

    run_virtually(main)


def test_events_that_wake_seldom_are_read_with_the_next_that_wakes() -> None:
    """The first of them wakes, and then one a second; each has its place among the others."""

    async def main() -> None:
        outbox = Outbox()
        read: list[tuple[float, list[StreamEvent]]] = []

        async def wait() -> None:
            while len(read) < 4:
                await outbox.changed()
                read.append((now_s(), all_of(outbox)))

        final = StreamEvent(EventType.FINAL, text="one")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            for start in range(0, 400, 100):
                outbox.put(drop(start, 100), seldom_at_s=now_s())
                await anyio.sleep(0.5)
            outbox.put(final)
            await anyio.sleep(0.25)
            outbox.put(drop(400, 50), seldom_at_s=now_s())
        assert read == [
            (0.0, [drop(0, 100)]),
            (1.0, [drop(100, 200)]),
            (2.0, [drop(300, 100), final]),
            (2.25, [drop(400, 50)]),
        ]

    run_virtually(main)
