"""Rows that hear the same audio: all that they say comes out, and one that fails takes nothing from the others."""

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.errors import StageFailed
from modules.events import EventType, StreamEvent
from modules.stages.beside import Beside, each_stage


class Saying:
    """A session stage that says its name and when the audio began; at 2 s and at the end it may fail."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        self.name = name
        self.fails = fails
        self.is_cancelled = False

    def open(self) -> "Saying":
        return self

    def feed(self, payload: AudioBuffer) -> list[str]:
        if self.fails and payload.start_s == 2:
            raise StageFailed(f"{self.name} is broken")
        return [f"{self.name} {payload.start_s:g}"]

    def finish(self) -> list[str]:
        if self.fails:
            raise StageFailed(f"{self.name} has no end")
        return [f"{self.name} ends"]

    def cancel(self) -> None:
        self.is_cancelled = True


def second(start_s: float) -> AudioBuffer:
    """A second of silence."""
    return AudioBuffer(np.zeros(10, np.float32), 10, start_s)


def test_every_row_hears_the_audio() -> None:
    """What they say comes in their order, at the end too."""
    session = Beside([[Saying("words")], [Saying("sounds")]]).open()
    assert session.feed(second(0)) == ["words 0", "sounds 0"]
    assert session.finish() == ["words ends", "sounds ends"]


@pytest.mark.parametrize("order", [("words", "sounds"), ("sounds", "words")])
def test_a_row_that_fails_takes_nothing_from_the_others(order: tuple[str, str]) -> None:
    """What they said at the failure comes with the next audio; a failure at the end is an event among the rest."""
    session = Beside([[Saying(name, fails=name == "sounds")] for name in order]).open()
    with pytest.raises(StageFailed, match="sounds is broken"):
        session.feed(second(2))
    assert session.feed(second(3)) == ["words 2", *(f"{name} 3" for name in order)]
    ended = session.finish()
    assert "words ends" in ended
    (event,) = [said for said in ended if isinstance(said, StreamEvent)]
    assert (event.type, event.start_s, event.samples) == (EventType.ERROR, 4.0, 0)
    assert event.error is not None
    assert event.error.message == "sounds has no end"


def test_what_was_owed_comes_at_the_end_at_the_latest() -> None:
    """A failure in the last audio loses no words either."""
    session = Beside([[Saying("words")], [Saying("sounds", fails=True)]]).open()
    with pytest.raises(StageFailed):
        session.feed(second(2))
    assert session.finish()[:2] == ["words 2", "words ends"]


def test_cancelling_reaches_every_row() -> None:
    """So that a long call in any of them ends."""
    rows = [[Saying("words")], [Saying("sounds")]]
    Beside(rows).open().cancel()
    assert all(stage.is_cancelled for (stage,) in rows)


def test_the_stages_inside_are_found() -> None:
    """As deep as they stand."""
    first, second, third = (Saying(name) for name in "abc")
    assert list(each_stage([first, Beside([[second], [Beside([[third]])]])])) == [first, second, third]
