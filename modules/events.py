"""What a live stream tells its owner: typed events, in order, with times in seconds of the stream."""

from dataclasses import dataclass, replace
from enum import StrEnum

from modules.audio.buffer import AudioBuffer
from modules.audio.detection import Detection
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

    A sound that was heard is a final: `value` is the `Detection`, `text` its label in brackets.

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


def heard(detection: Detection) -> StreamEvent:
    """A sound as an event."""
    return StreamEvent(EventType.FINAL, detection.start_s, detection.end_s, f"[{detection.label}]", value=detection)


def failed(error: Exception, audio: AudioBuffer) -> StreamEvent:
    """What a stage raised on `audio` as an event; there is no audio at the end of the input."""
    failure = Failure(type(error).__name__, str(error))
    return StreamEvent(EventType.ERROR, audio.start_s, audio.end_s, samples=audio.frames, error=failure)


def dropped(start_s: float, frames: int, sample_rate: int) -> StreamEvent:
    """So many frames from `start_s` on that were given up, as an event."""
    return StreamEvent(EventType.DROPPED, start_s, start_s + frames / sample_rate, samples=frames)


def event_of(output: object, audio: AudioBuffer, latency_s: float) -> StreamEvent:
    """What a stage gave to `audio`, `latency_s` after it was there.

    Its own event, that of a transcript or a sound, or a final value; audio that it gave has its own times.
    """
    if isinstance(output, StreamEvent):
        return replace(output, latency_ms=latency_s * 1e3)
    if isinstance(output, TranscriptSegment):
        return replace(final(output), latency_ms=latency_s * 1e3)
    if isinstance(output, Detection):
        return replace(heard(output), latency_ms=latency_s * 1e3)
    if isinstance(output, AudioBuffer):
        audio = output
    return StreamEvent(EventType.FINAL, audio.start_s, audio.end_s, value=output, latency_ms=latency_s * 1e3)
