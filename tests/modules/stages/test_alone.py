"""Stages of all three shapes in a row, for one stream by itself."""

from collections.abc import Sequence

import pytest

from modules.errors import Cancelled
from modules.stages.alone import alone
from modules.stages.fused import MAX_TRIES


class Doubling:
    """A batch stage."""

    def process(self, batch: Sequence[int]) -> list[int]:
        return [2 * number for number in batch]


class Summing:
    """A recurrent stage: what came so far."""

    def initial_state(self) -> int:
        return 0

    def process(self, states: Sequence[int], batch: Sequence[int]) -> tuple[list[int], list[int]]:
        sums = [state + number for state, number in zip(states, batch, strict=True)]
        return sums, sums


class Pairing:
    """A session stage: two by two, and what is left."""

    def __init__(self) -> None:
        self.kept: list[int] = []

    def open(self) -> "Pairing":
        return Pairing()

    def feed(self, payload: int) -> list[tuple[int, ...]]:
        self.kept.append(payload)
        if len(self.kept) < 2:
            return []
        pair, self.kept = tuple(self.kept), []
        return [pair]

    def finish(self) -> list[tuple[int, ...]]:
        return [tuple(self.kept)] if self.kept else []

    def cancel(self) -> None:
        pass


def test_a_row_of_any_stages_is_one_session() -> None:
    """Each payload passes all of them; what is owed at the end comes out."""
    session = alone([Doubling(), Summing(), Pairing()])
    assert [session.feed(number) for number in (1, 2, 3)] == [[], [(2, 6)], []]
    assert session.finish() == [(12,)]
    session.cancel()


def test_streams_do_not_share_memory() -> None:
    """Two sessions of the same stages begin anew."""
    stages = [Summing()]
    first, second = alone(stages), alone(stages)
    assert (first.feed(5), second.feed(1), first.feed(1)) == ([5], [1], [6])


class BrokenOff:
    """A stage of both shapes whose first calls are broken off because somebody else's stream was left."""

    def __init__(self, times: int) -> None:
        self.times = times

    def answer(self, number: int) -> int:
        self.times -= 1
        if self.times >= 0:
            raise Cancelled("another stream was left")
        return number


class BrokenOffBatch(BrokenOff):
    """Without memory."""

    def process(self, batch: Sequence[int]) -> list[int]:
        return [self.answer(number) for number in batch]


class BrokenOffSum(BrokenOff):
    """With a memory, which a call that was broken off has not moved on."""

    def initial_state(self) -> int:
        return 0

    def process(self, states: Sequence[int], batch: Sequence[int]) -> tuple[list[int], list[int]]:
        sums = [state + self.answer(number) for state, number in zip(states, batch, strict=True)]
        return sums, sums


def test_a_call_that_was_broken_off_for_another_stream_is_made_again() -> None:
    """A stage can only break off all its calls; nobody else loses by it, and no call is made for ever."""
    assert alone([BrokenOffBatch(3)]).feed(5) == [5]
    session = alone([BrokenOffSum(3)])
    assert [session.feed(number) for number in (5, 1)] == [[5], [6]]
    with pytest.raises(Cancelled, match="another stream was left"):
        alone([BrokenOffBatch(MAX_TRIES)]).feed(5)
