"""The faults that are put into live trials: each is what it says, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import cast

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from benchmarks.faults import CHUNK, Device, LosesOne, SwapsTwo, again, generators, holding_up
from benchmarks.material import NoMaterial
from engine.bench.carriers import TimedStreams
from engine.stream import LiveStream
from modules.audio.buffer import AudioBuffer
from modules.events import EventType, StreamEvent
from modules.measuring.pieces import Outcome, PieceBook
from modules.simulation.arrivals import PIECE_S

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def answering() -> AsyncIterator[list[StreamEvent]]:
    """In a live stream's place: the answers to thirty chunks, at once."""
    yield cast("list[StreamEvent]", _Answers())


class _Answers:
    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        for number in range(30):
            yield StreamEvent(EventType.FINAL, number * PIECE_S, (number + 1) * PIECE_S)


async def outcome(carrier: type[TimedStreams]) -> Outcome:
    """What the account says of two streams of thirty chunks."""
    book = PieceBook(target_s=1e9)
    for stream in range(2):
        for number in range(30):
            book.sent(stream, number, float(number))
    opening = cast("AbstractAsyncContextManager[LiveStream]", answering)
    async with carrier(opening, lambda *_: AudioBuffer(np.zeros(1, np.float32), 16_000), book) as carried:  # type: ignore[arg-type] # a stand-in
        for stream in range(2):
            await carried.open(stream)
        await anyio.wait_all_tasks_blocked()
    return book.outcome(from_s=0.0, until_s=30.0)


async def test_without_a_fault_all_is_answered_in_order() -> None:
    """So what the others find is the fault."""
    found = await outcome(TimedStreams)
    assert (found.sent, found.lost, found.disordered, found.doubled) == (60, 0, 0, 0)


async def test_one_result_is_lost() -> None:
    """One chunk of one stream."""
    found = await outcome(LosesOne)
    assert (found.sent, found.lost, found.disordered, found.doubled) == (60, 1, 0, 0)


async def test_two_results_are_swapped() -> None:
    """Both arrive."""
    found = await outcome(SwapsTwo)
    assert (found.sent, found.lost, found.disordered, found.doubled) == (60, 0, 1, 0)


async def test_the_chunk_is_one_that_a_short_trial_sends_after_its_warm_up() -> None:
    """At a piece each 200 ms it comes a second after the start."""
    assert 0.5 < CHUNK * PIECE_S < 2.0


async def test_what_happens_again_and_again_ends_with_the_trial() -> None:
    """Nothing is left on the event loop."""
    times: list[int] = []
    with ExitStack() as left:
        again(left, 1e-4, lambda: times.append(1))
        while len(times) < 3:
            await anyio.lowlevel.checkpoint()
    done, loop = len(times), asyncio.get_running_loop()
    until_s = loop.time() + 1e-3  # ten times more
    while loop.time() < until_s:
        await anyio.lowlevel.checkpoint()
    assert len(times) == done


async def test_without_a_generator_there_is_none_to_hold_up() -> None:
    """And that is said."""
    assert generators() == []
    with ExitStack() as left, pytest.raises(NoMaterial, match="the generator's process"):
        holding_up(left)


async def test_a_device_answers_each_payload() -> None:
    """After its time."""
    sound = AudioBuffer(np.zeros(1, np.float32), 16_000)
    assert Device(0.0).process([sound] * 3) == [0.0] * 3
