"""Session stages in a row."""

from collections.abc import Sequence

import pytest

from modules.stages.fused import FusedSession, OneStream, through


class Doubler:
    """Gives every payload twice, and one more at the end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_cancelled = False

    def feed(self, payload: str) -> list[str]:
        return [payload + self.name] * 2

    def finish(self) -> list[str]:
        return [f"end-{self.name}"]

    def cancel(self) -> None:
        self.is_cancelled = True


def test_a_payload_walks_through_all_sessions() -> None:
    """Each is fed what the one before gave."""
    assert FusedSession([Doubler("a"), Doubler("b")]).feed("x") == ["xab"] * 4


def test_what_one_session_gives_at_its_end_is_fed_to_those_after_it() -> None:
    """Nothing is lost at the end of a stream, and the order is front to back."""
    assert FusedSession([Doubler("a"), Doubler("b")]).finish() == ["end-ab", "end-ab", "end-b"]


def test_a_row_of_none_passes_everything() -> None:
    """A pipeline may have nothing to do."""
    assert list(through(["x", "y"], FusedSession([]))) == ["x", "y"]


def test_through_ends_with_the_ending() -> None:
    """The ending of the session comes after its last payload."""
    assert list(through(["x"], Doubler("a"))) == ["xa", "xa", "end-a"]


def test_cancelling_the_row_cancels_every_session() -> None:
    """None is forgotten."""
    sessions = [Doubler("a"), Doubler("b")]
    FusedSession(sessions).cancel()
    assert all(session.is_cancelled for session in sessions)


class Sums:
    """A recurrent stage whose state is the sum so far; it refuses to go below zero."""

    def initial_state(self) -> int:
        return 0

    def process(self, states: Sequence[int], batch: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        sums = [state + number for state, number in zip(states, batch, strict=True)]
        if min(sums) < 0:
            raise ValueError("below zero")
        return sums, sums


def test_a_recurrent_stage_can_be_the_session_of_one_stream() -> None:
    """Its state is kept between payloads, each stream has its own, and it owes nothing at the end."""
    stage = Sums()
    stream, other = OneStream(stage), OneStream(stage)
    assert [stream.feed(1), other.feed(10), stream.feed(2), other.feed(20)] == [[1], [10], [3], [30]]
    assert stream.finish() == []


def test_a_payload_that_a_recurrent_stage_refuses_leaves_the_state_as_it_was() -> None:
    """The stream goes on with the next."""
    stream = OneStream(Sums())
    stream.feed(5)
    with pytest.raises(ValueError, match="below zero"):
        stream.feed(-9)
    stream.cancel()  # nothing to stop
    assert stream.feed(1) == [6]
