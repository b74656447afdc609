"""`SimulatedStream`: what an open stream holds back until a chunk is whole, one chunk in flight at a time."""

from collections import deque

from modules.batching.live_chunks import ChunkPlace, first_length_s, is_behind
from modules.simulation.arrivals import PIECE_S, SentStream
from modules.simulation.outcome import StreamOutcome

MAX_BUFFERED_S = 10.0
"""Seconds of audio a stream that keeps all may have waiting; it then loses the oldest."""

_MAX_PIECES = round(MAX_BUFFERED_S / PIECE_S)


class SimulatedStream:
    """Pieces waiting, and the chunk in flight if there is one."""

    __slots__ = (
        "_chunk_s",
        "chunk",
        "in_flight",
        "is_open",
        "is_served",
        "number",
        "outcome",
        "sent",
        "sent_next",
        "waiting",
        "was_late",
    )

    def __init__(self, number: int, sent: SentStream) -> None:
        """Not yet open."""
        self.number = number
        self.sent = sent
        self.sent_next = 0
        self.is_open = False
        self.is_served = True
        self.was_late = False
        self.in_flight = False
        self.waiting: deque[float] = deque()
        self.chunk: list[float] = []
        self._chunk_s = 0.0
        self.outcome = StreamOutcome()

    def rank(self, chunk_s: float) -> tuple[int, bool, float, int]:
        """Who is served first: the more important, then who is not behind, then the older."""
        has_fallen_behind = is_behind(PIECE_S * len(self.waiting), chunk_s=chunk_s)
        return (-self.sent.priority, has_fallen_behind, self.sent.opens_s, self.number)

    def push(self, now_s: float) -> None:
        """A piece is there."""
        self.waiting.append(now_s)
        if len(self.waiting) > _MAX_PIECES:
            self.outcome.lost_s.append(self.waiting.popleft())

    def cut(self, chunk_s: float) -> bool:
        """Whether a chunk of that length is there and was cut; the first of a new length may be shorter."""
        if self.in_flight or not self.is_served or not self.waiting:
            return False
        length_s = chunk_s
        if chunk_s != self._chunk_s:
            place = ChunkPlace(self.number, self.waiting[0] - PIECE_S)
            length_s = first_length_s(chunk_s, self._chunk_s, place, step_s=PIECE_S)
        pieces = round(length_s / PIECE_S)
        if len(self.waiting) < pieces:
            return False
        self._chunk_s = chunk_s
        self.chunk = [self.waiting.popleft() for _ in range(pieces)]
        self.in_flight = True
        return True

    def answered(self, now_s: float) -> None:
        """The chunk in flight has its result."""
        available_s = self.chunk[-1]
        self.outcome.answers.append((available_s, now_s - available_s, len(self.chunk)))
        self.in_flight = False

    def dropped(self) -> None:
        """The chunk in flight was given up."""
        self.outcome.lost_s += self.chunk
        self.in_flight = False

    def give_up(self) -> None:
        """What waits is lost: the stream is suspended."""
        self.outcome.lost_s += self.waiting
        self.waiting.clear()

    def finish(self, until_s: float) -> None:
        """The run has ended: whole chunks that were there before `until_s` and are not answered are lost."""
        pieces = max(1, round(self._chunk_s / PIECE_S))
        waiting = list(self.waiting)
        chunks = [self.chunk] if self.in_flight else []
        if self.is_served:
            chunks += [waiting[start : start + pieces] for start in range(0, len(waiting) - pieces + 1, pieces)]
        else:
            chunks += [[at_s] for at_s in waiting]
        for chunk in chunks:
            if chunk and chunk[-1] < until_s:
                self.outcome.lost_s += chunk
        self.outcome.lost_s.sort()
