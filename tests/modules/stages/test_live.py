"""Recognisers for live streams: what they say, and that it does not depend on how the audio arrived."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.errors import Cancelled
from modules.events import EventType, StreamEvent
from modules.stages.asr_vosk import VoskRecogniser
from modules.stages.live import LiveSegments, LiveSegmentsSession, LiveVosk
from modules.stages.segmenter import SpeechPiece

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def live(shared: Path) -> LiveVosk:
    """The digits model; that the recogniser is loaded without endpoints does not matter to a live stream."""
    return LiveVosk(VoskRecogniser(shared / "models" / "vosk-digits-en", endpoints=False))


@pytest.fixture(scope="module")
def speech(shared: Path) -> AudioBuffer:
    """Nineteen seconds of digits, a second of silence in their middle and none at the end."""
    samples, _ = soundfile.read(shared / "strings" / "digits_01_jackson.flac", dtype="float32")
    middle = len(samples) // 2
    pause = np.zeros(RATE_HZ, np.float32)
    return AudioBuffer(np.concatenate([samples[:middle], pause, samples[middle:]]), RATE_HZ)


def said(live: LiveVosk, parts: Sequence[AudioBuffer]) -> list[StreamEvent]:
    """All events of a stream that arrives in these parts."""
    session = live.open()
    return [event for part in parts for event in session.feed(part)] + session.finish()


def lasting(events: Sequence[StreamEvent]) -> list[StreamEvent]:
    """All but the partials."""
    return [event for event in events if event.type is not EventType.PARTIAL]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 20 * RATE_HZ), max_size=60))
def test_finals_words_and_endpoints_do_not_depend_on_how_the_audio_arrived(
    live: LiveVosk, speech: AudioBuffer, cuts: list[int]
) -> None:
    """Whatever the pushes, from none to all samples at once."""
    parts = [speech.cut(start, end) for start, end in pairwise([0, *sorted(cuts), speech.frames])]
    assert lasting(said(live, parts)) == lasting(said(live, [speech]))


def test_partials_appear_and_grow_until_their_final(live: LiveVosk, speech: AudioBuffer) -> None:
    """Words are shown while they are said: more and more of them, from where the last final ended."""
    events = said(live, list(speech.blocks(0.2)))
    until_first = events[: [event.type for event in events].index(EventType.FINAL)]
    counts = [len(event.text.split()) for event in until_first]
    assert {event.type for event in until_first} == {EventType.PARTIAL}
    assert len(counts) > 2
    assert counts[0] < counts[-1]
    assert all(before.text != after.text for before, after in pairwise(until_first))
    assert all(event.start_s == 0 for event in until_first)


def test_an_endpoint_follows_its_final(live: LiveVosk, speech: AudioBuffer) -> None:
    """At the same time of the stream, and only the last words at the end come without one."""
    events = lasting(said(live, list(speech.blocks(0.2))))
    kinds = [event.type for event in events]
    assert kinds == [EventType.FINAL, EventType.ENDPOINT] * (len(kinds) // 2) + [EventType.FINAL] * (len(kinds) % 2)
    assert EventType.ENDPOINT in kinds
    for final, endpoint in zip(events[::2], events[1::2], strict=False):
        assert endpoint.start_s == endpoint.end_s == final.end_s


def test_the_last_words_are_said_at_the_end(live: LiveVosk, speech: AudioBuffer) -> None:
    """Speech that just stops is not lost; its final has the words with their times."""
    session = live.open()
    cut = speech.cut(0, 2 * RATE_HZ)
    assert lasting(session.feed(cut)) == []
    (last,) = session.finish()
    assert last.type is EventType.FINAL
    assert last.text.split() == [word.word for word in last.words]
    assert 0 <= last.start_s < last.end_s <= cut.end_s


def test_a_cancelled_live_session_hears_nothing_more(live: LiveVosk, speech: AudioBuffer) -> None:
    """Feeds are short, so it stops between two of them."""
    session = live.open()
    session.cancel()
    with pytest.raises(Cancelled):
        session.feed(speech)


class Echo:
    """A recogniser that says how many frames it was fed, and what it may not be fed raises."""

    def __init__(self, *, bad_start_s: float | None = None) -> None:
        self.bad_start_s = bad_start_s
        self.sessions: list[EchoSession] = []

    def open(self) -> "EchoSession":
        self.sessions.append(EchoSession(self.bad_start_s))
        return self.sessions[-1]


class EchoSession:
    """One segment."""

    def __init__(self, bad_start_s: float | None) -> None:
        self.bad_start_s = bad_start_s
        self.frames = 0
        self.end_s = 0.0
        self.is_cancelled = False

    def feed(self, payload: AudioBuffer) -> list[TranscriptSegment]:
        if self.is_cancelled:
            raise Cancelled("told to stop")
        if payload.start_s == self.bad_start_s:
            raise ZeroDivisionError("a bad piece")
        self.frames += payload.frames
        self.end_s = payload.end_s
        return []

    def finish(self) -> list[TranscriptSegment]:
        return [TranscriptSegment(0.0, self.end_s, str(self.frames))]

    def cancel(self) -> None:
        self.is_cancelled = True


def piece(segment: int, start_s: float, seconds: float, *, is_last: bool = False) -> SpeechPiece:
    """A piece of speech."""
    return SpeechPiece(segment, AudioBuffer.silence(round(seconds * 100), 100, start_s=start_s), is_last)


def texts(events: Sequence[StreamEvent]) -> list[tuple[str, str]]:
    """What kind of events, and what they say."""
    return [(event.type.value, event.text) for event in events]


def heard(session: LiveSegmentsSession, pieces: Sequence[SpeechPiece]) -> list[tuple[str, str]]:
    """The events of these pieces."""
    return texts([event for one in pieces for event in session.feed(one)])


def test_each_segment_has_a_recogniser_session_of_its_own() -> None:
    """A final and an endpoint when it has ended, nothing before."""
    echo = Echo()
    session = LiveSegments(echo).open()
    assert heard(session, [piece(0, 0, 1), piece(0, 1, 1)]) == []
    assert heard(session, [piece(0, 2, 1, is_last=True)]) == [("final", "300"), ("endpoint", "")]
    assert heard(session, [piece(1, 9, 2, is_last=True)]) == [("final", "200"), ("endpoint", "")]
    assert len(echo.sessions) == 2
    assert session.finish() == []


def test_an_empty_last_piece_ends_its_segment() -> None:
    """The recogniser is not fed it; the endpoint stands where the piece does."""
    session = LiveSegments(Echo()).open()
    session.feed(piece(0, 0, 1))
    _, endpoint = session.feed(piece(0, 1.5, 0, is_last=True))
    assert endpoint.start_s == endpoint.end_s == 1.5


def test_a_segment_left_open_is_said_at_the_end() -> None:
    """Without an endpoint: nobody heard a pause."""
    session = LiveSegments(Echo()).open()
    session.feed(piece(0, 0, 1))
    assert texts(session.finish()) == [("final", "100")]


def test_a_segment_that_failed_at_its_end_does_not_reach_into_the_next() -> None:
    """The stream goes on: the next segment has a session of its own."""
    echo = Echo(bad_start_s=1.0)
    session = LiveSegments(echo).open()
    session.feed(piece(0, 0, 1))
    with pytest.raises(ZeroDivisionError):
        session.feed(piece(0, 1, 1, is_last=True))
    assert heard(session, [piece(1, 5, 2, is_last=True)]) == [("final", "200"), ("endpoint", "")]
    assert len(echo.sessions) == 2


def test_a_cancelled_stream_cancels_the_segment_it_is_in_and_those_it_still_opens() -> None:
    """Whichever came first, the feed or the order to stop."""
    echo = Echo()
    session = LiveSegments(echo).open()
    session.feed(piece(0, 0, 1))
    session.cancel()
    assert echo.sessions[0].is_cancelled
    fresh = LiveSegments(echo).open()
    fresh.cancel()
    with pytest.raises(Cancelled):
        fresh.feed(piece(0, 0, 1))


def test_a_recogniser_that_waits_for_another_process_says_so() -> None:
    """Workers that only wait are others."""

    class Elsewhere(Echo):
        is_remote = True

    assert LiveSegments(Elsewhere()).is_remote
    assert not LiveSegments(Echo()).is_remote
