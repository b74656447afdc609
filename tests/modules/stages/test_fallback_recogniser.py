"""The recogniser as a role: what was loaded is closed, and its rate is that of who answers."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from modules.errors import ModelError
from modules.models.fallback import BackendChoice, Fallback
from modules.stages.fallback_recogniser import FallbackRecogniser
from modules.stages.recognisers import Recogniser
from modules.stages.segmenter import SpeechTimes

Result = TypeVar("Result")


class NoWatch:
    """A watch that trusts."""

    def now_s(self) -> float:
        return 0.0

    def within(self, limit_s: float, call: Callable[[], Result], *, stop: Callable[[], None] | None) -> Result:
        del limit_s, stop
        return call()


class Closing(SpeechTimes):
    """A recogniser of its own rate that says when it is closed."""

    def __init__(self, sample_rate: int = 16_000) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def broken() -> Recogniser:
    """A recogniser that cannot be loaded."""
    raise ModelError("no model")


def role(*loads: Callable[[], Recogniser]) -> Fallback[Recogniser]:
    """A role of these, named a, b, ..."""
    return Fallback("recogniser", [BackendChoice(n, load) for n, load in zip("abc", loads, strict=False)], NoWatch())


def test_the_best_that_can_be_loaded_is_loaded_at_once_and_closed_in_the_end() -> None:
    """The others are never loaded, so there is nothing of them to close."""
    second, third = Closing(8_000), Closing()
    recogniser = FallbackRecogniser(role(broken, lambda: second, lambda: third))
    assert recogniser.sample_rate == 8_000
    assert repr(recogniser) == "<FallbackRecogniser <Fallback recogniser: b of a, b, c>>"
    session = recogniser.open()
    assert session.finish() == []
    recogniser.close()
    assert (second.closed, third.closed) == (1, 0)


def test_without_any_that_can_be_loaded_there_is_none() -> None:
    """An error when the pipeline is made, not at the first word."""
    with pytest.raises(ModelError, match="a: a cannot be loaded: no model"):
        FallbackRecogniser(role(broken))
