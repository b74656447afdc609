"""Onbeat as what is tried: its live streams carry pieces of sound, and their answers are timed by who reads them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from engine.bench.stream_tasks import StreamTasks
from engine.processor import AsyncAudioProcessor
from modules.audio.buffer import AudioBuffer
from modules.events import EventType, StreamEvent
from modules.measuring.pieces import PieceBook
from modules.simulation.arrivals import PIECE_S
from modules.stages.hop import AnyStage

Sounds = Callable[[int, int], AudioBuffer]
"""The sound of a stream's piece, by stream and number."""

_SLACK = 1e-6  # of a piece


@dataclass(frozen=True, slots=True)
class StreamWish:
    """What streams are opened with: stages of one's own that give one output a chunk, and the stream's options."""

    sample_rate: int
    stages: Sequence[AnyStage]
    deadline_s: float = 0.3
    overload: str = "drop_oldest"
    max_buffered_s: float = 10.0
    piece_s: float = PIECE_S


class OnbeatStreams:
    """A `Carrier`: each stream is a live stream with a reader of its own, as an application has them.

    Its stages give one output a chunk, whose event says how far the stream is answered.
    """

    def __init__(self, processor: AsyncAudioProcessor, wish: StreamWish, sounds: Sounds, book: PieceBook) -> None:
        """Open streams of `processor` as `wish` says, and tell `book` of their answers."""
        options: dict[str, Any] = {
            "stages": wish.stages,
            "deadline_s": wish.deadline_s,
            "overload": wish.overload,
            "max_buffered_s": wish.max_buffered_s,
        }
        self._streams = StreamTasks(lambda: processor.open_stream(wish.sample_rate, **options), self._said)
        self._piece_s = wish.piece_s
        self._sounds = sounds
        self._book = book

    async def __aenter__(self) -> Self:
        """Nothing is open yet."""
        await self._streams.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave all streams."""
        await self._streams.__aexit__()

    async def open(self, stream: int) -> None:
        """Open a live stream. Raises `Overloaded`."""
        await self._streams.open(stream)

    def push(self, stream: int, number: int, due_s: float) -> None:
        """Push the piece's sound."""
        self._streams[stream].push_nowait(self._sounds(stream, number), available_s=due_s)

    async def close(self, stream: int) -> None:
        """Leave the stream."""
        await self._streams.close(stream)

    def _said(self, stream: int, event: StreamEvent) -> None:
        if event.type is EventType.FINAL:  # it answers the pieces whose last sample lies in it
            first, last = (int(at_s / self._piece_s + _SLACK) for at_s in (event.start_s, event.end_s))
            self._book.answered_chunk(stream, range(first, last), time.perf_counter())
