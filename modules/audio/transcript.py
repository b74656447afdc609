"""What was said and when: `Word` and `TranscriptSegment`. How it is written to files stands in `formats.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word; times in seconds from the start of the stream, confidence from 0 to 1."""

    word: str
    start_s: float
    end_s: float
    confidence: float

    def __post_init__(self) -> None:
        if not self.start_s <= self.end_s:
            raise ValueError(f"a word ends before it starts: {self}")


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """What one stretch of speech said; `start_s` and `end_s` bound the stretch, in seconds of the stream."""

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        if not self.start_s <= self.end_s:
            raise ValueError(f"a segment ends before it starts: {self}")
