"""Cutting a transcript into subtitle cues. How cues are written to files stands in `formats.py`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modules.audio.transcript import TranscriptSegment, Word

# What a viewer can read in one go: two lines of 42 characters for at most 7 s, the usual limits of broadcasters
# (Netflix Timed Text Style Guide, General Requirements, 2. Duration and English (USA), I.3 Character limitation).
MAX_CUE_S = 7.0
MAX_LINE_CHARACTERS = 42
MAX_LINES = 2
PAUSE_S = 0.7  # a silence between two words that long always ends the cue


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a transcript: `text` holds words parted by single spaces, never none; times in seconds."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: lasts at least 1 ms, and its lines are never empty."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms < self.end_ms:
            raise ValueError(f"a cue must start at 0 ms or later and end after it starts: {self}")
        if not self.lines or not all(self.lines):
            raise ValueError(f"a cue must have text: {self}")


def cues(segments: Sequence[TranscriptSegment], *, word_times: bool = False) -> list[Cue]:
    """Subtitles in order that never overlap; every word is in one of them.

    A cue ends at a pause, or before it would take more than 7 s or two lines; a single longer word stands alone.
    A segment without words is one cue. With `word_times` each word is a cue of its own.
    """
    if word_times:
        return _apart(list(spans(segments, word_times=True)))
    return _apart([span for segment in segments for span in _cue_spans(segment)])


def spans(segments: Sequence[TranscriptSegment], *, word_times: bool = False) -> Iterator[Span]:
    """Every segment that says something, or with `word_times` every word; a segment without words stays whole."""
    for segment in segments:
        words = _spoken(segment.words)
        if words and word_times:
            yield from words
        elif text := _one_line(segment.text) or " ".join(word.text for word in words):
            yield Span(segment.start_s, segment.end_s, text)


def _cue_spans(segment: TranscriptSegment) -> Iterator[Span]:
    words = _spoken(segment.words)
    if not words:
        yield from spans([segment])
    for group in _groups(words):
        yield Span(group[0].start_s, group[-1].end_s, " ".join(word.text for word in group))


def _spoken(words: Sequence[Word]) -> list[Span]:
    return [Span(word.start_s, word.end_s, text) for word in words if (text := _one_line(word.word))]


def _groups(words: Sequence[Span]) -> Iterator[list[Span]]:
    """Runs of words that fit one cue, cut at pauses, else at the longest gap in the later half."""
    group: list[Span] = []
    for word in words:
        if group and word.start_s - group[-1].end_s >= PAUSE_S:
            yield group
            group = []
        group.append(word)
        while not _fits(group):
            at = _best_cut(group)
            yield group[:at]
            group = group[at:]
    if group:
        yield group


def _fits(group: Sequence[Span]) -> bool:
    if len(group) == 1:
        return True
    lasts_s = group[-1].end_s - group[0].start_s
    return lasts_s <= MAX_CUE_S and len(_wrapped(" ".join(word.text for word in group))) <= MAX_LINES


def _best_cut(group: Sequence[Span]) -> int:
    return max(
        range(max(1, len(group) // 2), len(group)),
        key=lambda at: (round(group[at].start_s - group[at - 1].end_s, 3), at),
    )


def _wrapped(text: str) -> tuple[str, ...]:
    """The text in lines of at most 42 characters; a longer word is left whole on a line of its own."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= MAX_LINE_CHARACTERS:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return tuple(lines)


def _apart(found: Sequence[Span]) -> list[Cue]:
    """Whole milliseconds, each cue ending by the time the next starts, even where the spans overlap."""
    made: list[Cue] = []
    free_ms = 0
    for number, span in enumerate(found):
        start_ms = max(free_ms, round(span.start_s * 1000))
        end_ms = round(span.end_s * 1000)
        if number + 1 < len(found):
            end_ms = min(end_ms, round(found[number + 1].start_s * 1000))
        free_ms = max(end_ms, start_ms + 1)
        made.append(Cue(start_ms, free_ms, _wrapped(span.text)))
    return made


def _one_line(text: str) -> str:
    return " ".join(text.split())
