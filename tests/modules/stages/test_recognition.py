"""One segment in a recogniser: opened late, advanced by one worker at a time, cancelled from anywhere."""

import pytest

from modules.errors import Cancelled
from modules.stages.recognition import Recognition
from tests.fakes import RATE_HZ, CountingRecogniser, ramp


def test_the_session_is_opened_with_the_first_audio() -> None:
    """A segment that waits costs nothing."""
    recogniser = CountingRecogniser()
    recognition = Recognition(recogniser)
    assert recogniser.open_now == 0
    recognition.advance([], is_over=False)
    recognition.advance([], is_over=False)
    assert recogniser.open_now == 1


def test_pieces_are_heard_in_order_and_the_rest_at_the_end() -> None:
    """Opened, fed and finished in one hop or in many, the words are the same."""
    audio = ramp(1.0)
    at_once = Recognition(CountingRecogniser()).advance([audio], is_over=True)
    recogniser = CountingRecogniser()
    recognition = Recognition(recogniser)
    assert recognition.advance([audio.cut(0, 100), audio.cut(100, 5_000)], is_over=False) == []
    assert recognition.advance([audio.cut(5_000)], is_over=True) == at_once
    assert recogniser.open_now == 0
    assert sum(recogniser.chunks) == RATE_HZ


def test_a_recognition_cancelled_before_it_began_opens_and_raises() -> None:
    """The recogniser is told, and hears nothing."""
    recogniser = CountingRecogniser()
    recognition = Recognition(recogniser)
    recognition.cancel()
    with pytest.raises(Cancelled, match="given up before"):
        recognition.advance([ramp(0.1)], is_over=True)
    assert (recogniser.cancelled, recogniser.chunks) == (1, [])


def test_a_recognition_cancelled_while_it_is_fed_stops_at_the_next_piece() -> None:
    """From any thread; here from inside the feed."""
    recogniser = CountingRecogniser(lambda _: recognition.cancel())
    recognition = Recognition(recogniser)
    with pytest.raises(Cancelled, match="told to stop"):
        recognition.advance([ramp(0.1), ramp(0.2)], is_over=True)
    assert len(recogniser.chunks) == 1
