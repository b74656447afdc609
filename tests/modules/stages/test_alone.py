"""Stages of all three shapes in a row, for one stream by itself."""

from collections.abc import Sequence

from modules.stages.alone import alone


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
