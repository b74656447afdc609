"""Recognisers for live streams: session stages that say partials, finals and endpoints as events."""

import time
from collections.abc import Callable

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.events import EventType, StreamEvent, final
from modules.stages.asking_pace import AskingPace
from modules.stages.asr_vosk import VoskRecogniser
from modules.stages.protocols import Session, SessionStage
from modules.stages.segmenter import SpeechPiece

RENEW_AFTER_S = 20.0
"""Recognisers let go of what they keep at the first endpoint after so many seconds, as Vosk itself does after 600."""


class LiveVosk:
    """A `SessionStage` from mono audio to events, by a recogniser that hears endpoints itself."""

    def __init__(self, recogniser: VoskRecogniser, *, clock: Callable[[], float] = time.thread_time) -> None:
        """Use `recogniser`; `clock` gives the seconds that the calling thread has worked."""
        self.recogniser = recogniser
        self.clock = clock
        self.says_partials = True
        """Whether sessions say what is being said."""

    def open(self) -> "LiveVoskSession":
        """A session for one stream."""
        return LiveVoskSession(self)


class LiveVoskSession:
    """One stream: finals and endpoints depend on its audio alone, partials also on when they are asked for.

    That is after each chunk while asking is cheap beside recognising, and less often where it is not (`AskingPace`).
    """

    def __init__(self, stage: LiveVosk) -> None:
        """Start before the first sample."""
        self._stage = stage
        self._session = stage.recogniser.open(endpoints=True, renew_after_s=RENEW_AFTER_S)
        self._pace = AskingPace()
        self._partial = ""
        self._said_until_s = 0.0

    def feed(self, payload: AudioBuffer) -> list[StreamEvent]:
        """What became final in this chunk, then what is being said at its end if that has changed."""
        began_s = self._stage.clock()
        segments = self._session.feed(payload)
        fed_s = self._stage.clock()
        self._pace.fed(fed_s - began_s, audio_s=payload.duration_s)
        if segments:
            self._pace.ended()
        events = self._finals(segments, is_endpoint=True)
        if not (self._stage.says_partials and self._pace.is_due):
            return events
        partial = self._session.partial()
        self._pace.asked(self._stage.clock() - fed_s)
        if partial and (partial != self._partial or events):
            events.append(StreamEvent(EventType.PARTIAL, self._said_until_s, payload.end_s, partial))
        self._partial = partial
        return events

    def finish(self) -> list[StreamEvent]:
        """The last words."""
        return self._finals(self._session.finish(), is_endpoint=False)

    def cancel(self) -> None:
        """Stop before the next grain."""
        self._session.cancel()

    def _finals(self, segments: list[TranscriptSegment], *, is_endpoint: bool) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for segment in segments:
            events.append(final(segment))
            self._said_until_s = segment.end_s
            if is_endpoint:
                events.append(StreamEvent(EventType.ENDPOINT, segment.end_s, segment.end_s))
        return events


class LiveSegments:
    """A `SessionStage` from pieces of speech to events: each segment has a recogniser session of its own."""

    def __init__(self, recogniser: SessionStage[AudioBuffer, TranscriptSegment]) -> None:
        """Recognise with `recogniser`."""
        self._recogniser = recogniser

    @property
    def is_remote(self) -> bool:
        """Whether a worker that runs it only waits for another process."""
        return bool(getattr(self._recogniser, "is_remote", False))

    def open(self) -> "LiveSegmentsSession":
        """A session for one stream."""
        return LiveSegmentsSession(self._recogniser)


class LiveSegmentsSession:
    """One stream: a final and an endpoint when a segment has ended."""

    def __init__(self, recogniser: SessionStage[AudioBuffer, TranscriptSegment]) -> None:
        """Start before the first segment."""
        self._recogniser = recogniser
        self._session: Session[AudioBuffer, TranscriptSegment] | None = None
        self._is_cancelled = False

    def feed(self, payload: SpeechPiece) -> list[StreamEvent]:
        """The finals of a segment that ends with this piece, and its endpoint."""
        session = self._session = self._session or self._recogniser.open()
        if self._is_cancelled:
            session.cancel()
        try:
            events = [final(segment) for segment in session.feed(payload.audio)] if payload.audio.frames else []
            if not payload.is_last:
                return events
            events += [final(segment) for segment in session.finish()]
        finally:
            if payload.is_last:  # also where the recogniser failed: the next segment gets a session of its own
                self._session = None
        return [*events, StreamEvent(EventType.ENDPOINT, payload.audio.end_s, payload.audio.end_s)]

    def finish(self) -> list[StreamEvent]:
        """The finals of a segment that was left open."""
        return [final(segment) for segment in self._session.finish()] if self._session else []

    def cancel(self) -> None:
        """Stop soon."""
        self._is_cancelled = True
        if session := self._session:
            session.cancel()
