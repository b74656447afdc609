"""Sounds in a transcript: detections as `[Label]`, beside and between what was said. For subtitles and text files.

Words come first: a sound that begins while somebody speaks is shown among the words; where nobody speaks, all sounds
that go on are shown together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from modules.audio.detection import Detection
from modules.audio.transcript import TranscriptSegment, Word

MIN_SHOWN_S = 0.1
"""A stretch shorter than this between two words or sounds is not shown by itself."""


def captions(segments: Sequence[TranscriptSegment], detections: Sequence[Detection]) -> tuple[TranscriptSegment, ...]:
    """The segments with the sounds in them, and between them segments of sounds only, in order of time."""
    said = [segment for segment in segments if segment.text or segment.words]
    with_sounds = [_beside(segment, detections) for segment in said]
    return tuple(sorted([*with_sounds, *_between(said, detections)], key=lambda segment: segment.start_s))


def _beside(segment: TranscriptSegment, detections: Sequence[Detection]) -> TranscriptSegment:
    """The segment, with the sounds that begin in it among its words, or before its text when it has none."""
    begun = [sound for sound in detections if segment.start_s <= sound.start_s < segment.end_s]
    if not begun:
        return segment
    marks = [Word(_shown([sound.label]), sound.start_s, sound.start_s, sound.score) for sound in begun]
    words = _in_order(marks, segment.words) if segment.words else ()
    return replace(segment, text=" ".join([*(mark.word for mark in marks), segment.text]).strip(), words=words)


def _in_order(marks: Sequence[Word], words: Sequence[Word]) -> tuple[Word, ...]:
    """All of them by their beginning; a mark lasts as long as the word that is spoken at its time."""
    made: list[Word] = []
    for word in sorted([*marks, *words], key=lambda word: word.start_s):
        until_s = max(word.end_s, made[-1].end_s) if made and word in marks else word.end_s
        made.append(replace(word, end_s=until_s))
    return tuple(made)


def _between(said: Sequence[TranscriptSegment], detections: Sequence[Detection]) -> Iterator[TranscriptSegment]:
    """Where nobody speaks: a segment for each stretch in which the same sounds go on."""
    shown: TranscriptSegment | None = None
    for start_s, end_s, labels in _stretches(said, detections):
        text = _shown(labels)
        if shown and shown.text == text and shown.end_s == start_s:
            shown = replace(shown, end_s=end_s)
            continue
        if shown and shown.end_s - shown.start_s >= MIN_SHOWN_S:
            yield shown
        shown = TranscriptSegment(start_s, end_s, text)
    if shown and shown.end_s - shown.start_s >= MIN_SHOWN_S:
        yield shown


def _stretches(
    said: Sequence[TranscriptSegment], detections: Sequence[Detection]
) -> Iterator[tuple[float, float, list[str]]]:
    """From one change to the next: the sounds that go on, in the order in which they began, where nobody speaks."""
    changes: list[tuple[float, int, str | None]] = []
    for segment in said:
        changes += [(segment.start_s, 1, None), (segment.end_s, -1, None)]
    for sound in detections:
        changes += [(sound.start_s, 1, sound.label), (sound.end_s, -1, sound.label)]
    active: dict[str | None, int] = {}
    was_s = 0.0
    for at_s, change, label in sorted(changes, key=lambda change: change[0]):
        if at_s > was_s and active and None not in active:
            yield was_s, at_s, [sound for sound in active if sound is not None]
        active[label] = active.get(label, 0) + change
        if not active[label]:
            del active[label]
        was_s = at_s


def _shown(labels: Sequence[str]) -> str:
    return f"[{', '.join(dict.fromkeys(labels))}]"
