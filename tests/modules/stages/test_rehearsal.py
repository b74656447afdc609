"""Every number of streams is tried before there are any, and what fails then is loud."""

from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.errors import ModelError
from modules.models.shapes import DEFAULT_ROWS
from modules.stages.rehearsal import rehearse

SILENCE = AudioBuffer(np.zeros(100, np.float32), 1_000)


class Counting:
    """A batch stage that counts the rows of its calls, and may not bear so many."""

    def __init__(self, most: int = 1_000) -> None:
        self.most = most
        self.calls: list[int] = []

    def process(self, batch: Sequence[object]) -> list[object]:
        if len(batch) > self.most:
            raise ModelError(f"{len(batch)} rows are too many")
        self.calls.append(len(batch))
        return list(batch)


class Holding:
    """A session stage that gives everything at the end."""

    def __init__(self) -> None:
        self.held: list[object] = []
        self.ended = 0

    def open(self) -> "Holding":
        self.ended += 1
        return Holding()

    def feed(self, payload: object) -> list[object]:
        self.held.append(payload)
        return []

    def finish(self) -> list[object]:
        return self.held

    def cancel(self) -> None:
        pass


def test_every_batch_is_run_by_every_model() -> None:
    """The second model gets what the first one gave, in the same numbers of rows; each twice, and it is said."""
    first, second = Counting(), Counting()
    found = rehearse([first, second], SILENCE, (1, 2, 4))
    assert first.calls == second.calls == [1, 1, 2, 2, 4, 4]
    assert found.streams == (1, 2, 4)
    assert str(found).startswith("1, 2, 4 streams a call, 2 times each, in ")


def test_a_slow_model_is_warmed_for_every_batch_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes: else the first full batch would be the one that waits."""
    clock = count(step=3600.0)
    monkeypatch.setattr("modules.stages.rehearsal.time.perf_counter", lambda: float(next(clock)))
    slow = Counting()
    rehearse([slow], SILENCE)
    assert slow.calls == [rows for rows in DEFAULT_ROWS for _ in range(2)]


def test_what_comes_at_the_end_only_is_run_too() -> None:
    """A short silence may be all of a window."""
    model = Counting()
    rehearse([Holding(), model], SILENCE, (1, 3))
    assert model.calls == [1, 1, 3, 3]


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_batch_that_fails_is_an_error(most: int) -> None:
    """Even where its streams could be served one by one, which they would be for ever after."""
    with pytest.raises(ModelError, match=f"{2 ** most.bit_length()} rows are too many"):
        rehearse([Counting(most), Holding()], SILENCE)


def test_states_are_carried() -> None:
    """A recurrent stage is given what it gave before, for as many streams."""

    class Summing:
        """How many payloads there were."""

        def __init__(self) -> None:
            self.seen: list[list[int]] = []

        def initial_state(self) -> int:
            return 0

        def process(self, states: Sequence[int], batch: Sequence[object]) -> tuple[list[int], list[object]]:
            self.seen.append(list(states))
            return [state + 1 for state in states], list(batch)

    class Twice(Holding):
        """Gives what it is fed, and once more."""

        def open(self) -> "Twice":
            return self

        def feed(self, payload: object) -> list[object]:
            return [payload, payload]

    stage = Summing()
    rehearse([Twice(), stage], SILENCE, (1, 2))
    assert stage.seen == [[0], [1], [0], [1], *[[0, 0], [1, 1]] * 2]


def test_streams_that_share_nothing_are_rehearsed_alone() -> None:
    """One is like many."""
    stage = Holding()
    assert rehearse([stage], SILENCE).streams == (1,)
    assert stage.ended == 2
