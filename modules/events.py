"""What a live stream tells its owner: typed events, in order, with times in seconds of the stream."""

from dataclasses import dataclass, replace
from enum import StrEnum

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment, Word
from modules.results import Failure


class EventType(StrEnum):
    """What kind of thing happened."""

    PARTIAL = "partial"
    """What is being said so far; the next partial or final takes its place."""
    FINAL = "final"
    """What was said, or what a stage gave: this stays."""
    ENDPOINT = "endpoint"
    """Speech has paused; the finals before it are all of the utterance."""
    DROPPED = "dropped"
    """Samples that were not processed, by the stream's overload policy."""
    ERROR = "error"
    """A stage raised on a chunk; the stream goes on with the next."""
    END = "end"
    """The input has ended and everything is answered; nothing follows."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event. `text` and `words` belong to partials and finals, `value` is what a stage of the user's own gave.

    `samples` counts the frames a `dropped` or `error` event is about, at the rate they were pushed with;
    `latency_ms` is the chunk latency of the chunk that brought the event, 0 where no chunk did.
    """

    type: EventType
    start_s: float = 0.0
    end_s: float = 0.0
    text: str = ""
    words: tuple[Word, ...] = ()
    value: object = None
    samples: int = 0
    latency_ms: float = 0.0
    error: Failure | None = None

    def __post_init__(self) -> None:
        if (self.type is EventType.ERROR) != (self.error is not None):
            raise ValueError(f"an event of type {self.type} does not go with error {self.error}")


def final(segment: TranscriptSegment) -> StreamEvent:
    """A transcript segment as an event."""
    return StreamEvent(EventType.FINAL, segment.start_s, segment.end_s, segment.text, segment.words)


def event_of(output: object, audio: AudioBuffer, latency_s: float) -> StreamEvent:
    """What a stage gave to `audio`, `latency_s` after it was there: its own event, a transcript's, or a final value."""
    if isinstance(output, StreamEvent):
        return replace(output, latency_ms=latency_s * 1e3)
    if isinstance(output, TranscriptSegment):
        return replace(final(output), latency_ms=latency_s * 1e3)
    return StreamEvent(EventType.FINAL, audio.start_s, audio.end_s, value=output, latency_ms=latency_s * 1e3)
