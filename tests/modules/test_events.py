"""Events are valid on birth, and their line of JSON says what belongs to them and nothing else."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.buffer import AudioBuffer
from modules.audio.detection import Detection
from modules.audio.transcript import TranscriptSegment, Word
from modules.events import EventType, StreamEvent, event_of, final
from modules.results import Failure
from modules.results_json import event_json

FAILURE = Failure("ZeroDivisionError", "a bad payload")


def test_an_error_event_says_what_went_wrong() -> None:
    """It has a failure, or it is no error."""
    assert StreamEvent(EventType.ERROR, error=FAILURE).error == FAILURE
    with pytest.raises(ValueError, match="type error does not go with error None"):
        StreamEvent(EventType.ERROR)


@pytest.mark.parametrize("kind", [kind for kind in EventType if kind is not EventType.ERROR])
def test_no_other_event_has_a_failure(kind: EventType) -> None:
    """What went well has none."""
    assert StreamEvent(kind).error is None
    with pytest.raises(ValueError, match=f"type {kind} does not go with"):
        StreamEvent(kind, error=FAILURE)


def test_a_segment_becomes_a_final_with_its_words_and_times() -> None:
    """Nothing is lost on the way."""
    words = (Word("one", 1.0, 1.5, 0.9), Word("two", 1.5, 2.0, 1.0))
    event = final(TranscriptSegment(0.9, 2.1, "one two", words))
    assert event == StreamEvent(EventType.FINAL, 0.9, 2.1, "one two", words)


def test_a_sound_is_a_final_with_its_label_and_score() -> None:
    """As text it stands in brackets, so that nobody takes it for a word."""
    event = event_of(Detection("Dog", 1.0, 2.5, 0.87654), AudioBuffer.silence(10, 10), 0.02)
    assert (event.type, event.start_s, event.end_s, event.text) == (EventType.FINAL, 1.0, 2.5, "[Dog]")
    fields = json.loads(event_json(event))
    assert (fields["text"], fields["label"], fields["score"], fields["latency_ms"]) == ("[Dog]", "Dog", 0.8765, 20.0)


def test_audio_that_a_stage_gave_has_its_own_times() -> None:
    """Not those of the chunk that brought it."""
    clean = AudioBuffer.silence(10, 10, start_s=4.0)
    event = event_of(clean, AudioBuffer.silence(20, 10, start_s=4.5), 0.0)
    assert (event.start_s, event.end_s, event.value) == (4.0, 5.0, clean)


def test_the_line_of_a_final_has_its_words() -> None:
    """Times with three decimals, confidence with four, as in results.jsonl."""
    words = (Word("grüße", 0.12, 0.98765, 0.987654),)
    event = StreamEvent(EventType.FINAL, 0.1, 1.23456, "grüße", words, latency_ms=12.3456)
    assert event_json(event) == (
        '{"type":"final","start_s":0.1,"end_s":1.235,"text":"grüße",'
        '"words":[{"word":"grüße","start_s":0.12,"end_s":0.988,"confidence":0.9877}],"latency_ms":12.346}'
    )


def test_what_does_not_belong_to_an_event_is_left_out() -> None:
    """An endpoint has its time, a drop its samples, an error what went wrong."""
    assert event_json(StreamEvent(EventType.ENDPOINT, 2.0, 2.0)) == '{"type":"endpoint","start_s":2.0,"end_s":2.0}'
    assert json.loads(event_json(StreamEvent(EventType.DROPPED, 0.0, 0.1, samples=1_600))) == {
        "type": "dropped", "start_s": 0.0, "end_s": 0.1, "samples": 1_600,
    }  # fmt: skip
    assert json.loads(event_json(StreamEvent(EventType.ERROR, error=FAILURE)))["error"] == {
        "kind": "ZeroDivisionError",
        "message": "a bad payload",
    }


@given(st.sampled_from(EventType), st.text(), st.floats(0, 1e6), st.integers(0, 10**9))
def test_every_event_is_one_line_of_json_with_its_type(
    kind: EventType, text: str, start_s: float, samples: int
) -> None:
    """Lone surrogates and line breaks in its text included."""
    error = FAILURE if kind is EventType.ERROR else None
    line = event_json(StreamEvent(kind, start_s, start_s, text, samples=samples, error=error))
    assert "\n" not in line
    assert json.loads(line.encode())["type"] == kind.value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_time_that_is_no_number_is_refused(value: float) -> None:
    """A line never holds NaN or Infinity, which are no JSON."""
    with pytest.raises(ValueError, match="JSON compliant"):
        event_json(StreamEvent(EventType.PARTIAL, value, 0.0, "a"))
