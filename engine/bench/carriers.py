"""Onbeat as what is tried: its live streams carry pieces of sound, each with a reader of its own."""

import time
from collections.abc import Callable

from engine.bench.stream_tasks import OnEvent, Opening, StreamTasks
from modules.audio.buffer import AudioBuffer
from modules.events import EventType, StreamEvent
from modules.measuring.pieces import PieceBook
from modules.simulation.arrivals import PIECE_S

Sounds = Callable[[int, int], AudioBuffer]
"""The sound of a stream's piece, by stream and number."""

_SLACK = 1e-6  # of a piece


class SoundStreams(StreamTasks):
    """A `Carrier`: pieces of sound into live streams."""

    def __init__(self, opening: Opening, sounds: Sounds, on_event: OnEvent = lambda *_: None) -> None:
        """Push `sounds` into streams that `opening` makes; the rest is as with `StreamTasks`."""
        super().__init__(opening, on_event)
        self._sounds = sounds

    def push(self, stream: int, number: int, due_s: float) -> None:
        """Push the piece's sound."""
        self[stream].push_nowait(self._sounds(stream, number), available_s=due_s)


class TimedStreams(SoundStreams):
    """The same through stages that give one output a chunk, whose event says how far the stream is answered."""

    def __init__(self, opening: Opening, sounds: Sounds, book: PieceBook) -> None:
        """Tell `book` of the answers."""
        super().__init__(opening, sounds, self._said)
        self._book = book

    def _said(self, stream: int, event: StreamEvent) -> None:
        """A final answers the pieces whose last sample lies in it; those that lie in what was dropped are given up."""
        first, last = (int(at_s / PIECE_S + _SLACK) for at_s in (event.start_s, event.end_s))
        if event.type is EventType.FINAL:
            self._book.answered_chunk(stream, range(first, last), time.perf_counter())
        elif event.type is EventType.DROPPED:
            self._book.dropped(stream, range(first, last))
