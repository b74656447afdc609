"""What streams say of their chunks is told as of the pieces that were sent."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

import anyio
import numpy as np
import pytest

from engine.bench.carriers import TimedStreams
from engine.stream import LiveStream
from modules.audio.buffer import AudioBuffer
from modules.events import EventType, StreamEvent
from modules.measuring.pieces import PieceBook
from modules.simulation.arrivals import PIECE_S

SAID = [
    StreamEvent(EventType.FINAL, 0.0, 2 * PIECE_S),
    StreamEvent(EventType.DROPPED, 2 * PIECE_S, 5 * PIECE_S, samples=3),
    StreamEvent(EventType.FINAL, 6 * PIECE_S, 7 * PIECE_S),
]


class _Events:
    """In a live stream's place: what it says, and no more."""

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        for event in SAID:
            yield event


@asynccontextmanager
async def _opening() -> AsyncIterator[_Events]:
    yield _Events()


@pytest.mark.anyio
async def test_an_answer_and_a_drop_are_of_the_pieces_that_lie_in_them() -> None:
    """One piece was passed over, and the last is not answered yet."""
    book = PieceBook(target_s=1e9)
    for number in range(8):
        book.sent(0, number, 0.0)
    opening = cast("type[AbstractAsyncContextManager[LiveStream]]", _opening)
    async with TimedStreams(opening, lambda *_: AudioBuffer(np.zeros(1, np.float32), 16_000), book) as carried:
        await carried.open(0)
        await anyio.wait_all_tasks_blocked()
    found = book.outcome(from_s=0.0, until_s=1.0)
    assert (found.sent, found.lost, found.dropped, found.unfinished) == (8, 5, 3, 1)
    assert found.latency.count == 3
