import time

import anyio
import anyio.lowlevel
import pytest

from engine.bench.trial import Trial, try_out
from modules.errors import Overloaded
from modules.measuring.pieces import PieceBook
from modules.measuring.schedules import Surge, drawn, surging
from modules.simulation.arrivals import PIECE_S

SECONDS = 0.8


class Answering:
    """A carrier that answers at once, but for what a test says; stream 0 is refused with `refuses`."""

    def __init__(self, book: PieceBook, *, forgets: set[int] | None = None, refuses: bool = False) -> None:
        self.book = book
        self.forgets = forgets or set()
        self.refuses = refuses
        self.opened: list[int] = []
        self.closed: list[int] = []

    async def open(self, stream: int) -> None:
        """Take it on."""
        await anyio.lowlevel.checkpoint()
        if self.refuses and stream == 0:
            raise Overloaded("no more", retry_after_s=1.0)
        self.opened.append(stream)

    def push(self, stream: int, number: int, due_s: float) -> None:  # noqa: ARG002 - a carrier's signature
        """Answer, unless it is forgotten."""
        if number not in self.forgets:
            self.book.answered(stream, number, time.perf_counter())

    async def close(self, stream: int) -> None:
        """Note it."""
        await anyio.lowlevel.checkpoint()
        self.closed.append(stream)


def tried(carrier: Answering, *, surge: bool = False, cool_down_s: float = 0.0) -> Trial:
    """A trial of it."""
    schedule = surging(2, SECONDS, Surge(1, 0.2, 0.6), seed=0) if surge else drawn("steady", 3, SECONDS, seed=0)

    async def run() -> Trial:
        return await try_out(carrier, schedule, carrier.book, warm_up_s=0.0, cool_down_s=cool_down_s, target_s=0.05)

    return anyio.run(run)


def test_every_piece_is_timed_from_its_schedule() -> None:
    """None is early, none is lost."""
    found = tried(Answering(PieceBook(target_s=0.3))).outcome
    assert found.sent == found.latency.count > 0
    assert found.lost == found.disordered == found.doubled == 0


def test_a_piece_that_is_never_answered_is_lost() -> None:
    """One of each stream."""
    assert tried(Answering(PieceBook(target_s=0.3), forgets={1})).outcome.lost == 3


def test_what_is_due_at_the_end_does_not_count() -> None:
    """A chunk of it may not be whole when all is over: that is nobody's fault."""
    pieces = round(SECONDS / PIECE_S)
    found = tried(Answering(PieceBook(target_s=0.3), forgets={pieces - 1, pieces - 2}), cool_down_s=2 * PIECE_S)
    assert found.outcome.lost == 0
    assert 0 < found.outcome.sent < 3 * pieces


def test_a_trial_is_longer_than_what_does_not_count() -> None:
    """Else nothing would."""
    with pytest.raises(ValueError, match="longer than its warm-up"):
        tried(Answering(PieceBook(target_s=0.3)), cool_down_s=SECONDS)


def test_what_a_refused_stream_sends_is_lost() -> None:
    """It counts as sent."""
    found = tried(Answering(PieceBook(target_s=0.3), refuses=True))
    assert found.refused == 1
    assert found.outcome.streams == 3
    assert found.outcome.lost == pytest.approx(found.outcome.sent / 3, abs=2)


def test_streams_open_and_close_when_the_schedule_says() -> None:
    """The surge's stream comes later and goes before the end."""
    carrier = Answering(PieceBook(target_s=0.3))
    found = tried(carrier, surge=True)
    assert carrier.opened == [0, 1, 2]
    assert carrier.closed == [2]
    assert found.outcome.lost == 0
