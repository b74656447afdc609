"""What is saved of a recording that is not finished: its finished segments, with every digit of their times."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from modules.audio.transcript import TranscriptSegment, Word


@dataclass(frozen=True, slots=True)
class FinishedSegment:
    """Segment `number` of a recording, which starts at `start_s`, and what the recogniser found in it."""

    number: int
    start_s: float
    found: tuple[TranscriptSegment, ...]

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"number must be at least 0, got {self.number}")


def found_json(found: Sequence[TranscriptSegment]) -> str:
    """What was found in a segment, as JSON that reads back as the very same."""
    return json.dumps(
        [
            [segment.start_s, segment.end_s, segment.text]
            + [[word.word, word.start_s, word.end_s, word.confidence] for word in segment.words]
            for segment in found
        ],
        separators=(",", ":"),
        allow_nan=False,
    )


def found_from_json(text: str) -> tuple[TranscriptSegment, ...]:
    """What `found_json` wrote. Raises `ValueError` for anything else."""
    try:
        return tuple(
            TranscriptSegment(start_s, end_s, said, tuple(Word(*word) for word in words))
            for start_s, end_s, said, *words in json.loads(text)
        )
    except TypeError as error:
        raise ValueError(f"no segments: {text[:80]!r}") from error
