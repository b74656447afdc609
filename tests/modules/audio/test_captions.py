"""Sounds in subtitles: beside words where somebody speaks, by themselves where nobody does."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modules.audio.captions import captions
from modules.audio.cues import cues
from modules.audio.detection import Detection
from modules.audio.transcript import TranscriptSegment, Word

SAID = TranscriptSegment(2.0, 6.0, "hello you", (Word("hello", 2.1, 2.4, 1.0), Word("you", 5.0, 5.5, 1.0)))


def shown(segments: list[TranscriptSegment], *sounds: tuple[str, float, float]) -> list[tuple[float, float, str]]:
    """Start, end and text of each caption."""
    detections = [Detection(label, start_s, end_s, 0.9) for label, start_s, end_s in sounds]
    return [(c.start_s, c.end_s, c.text) for c in captions(segments, detections)]


def test_a_sound_alone_is_its_label_in_brackets() -> None:
    """With its own times."""
    assert shown([], ("Dog", 1.0, 2.5)) == [(1.0, 2.5, "[Dog]")]


def test_sounds_at_once_are_shown_together() -> None:
    """A stretch for each change of what is heard."""
    assert shown([], ("Rain", 0.0, 9.0), ("Thunder", 3.0, 5.0)) == [
        (0.0, 3.0, "[Rain]"),
        (3.0, 5.0, "[Rain, Thunder]"),
        (5.0, 9.0, "[Rain]"),
    ]


def test_a_sound_that_begins_while_somebody_speaks_stands_among_the_words() -> None:
    """At its time; and where the speech ends it goes on alone."""
    first, after = captions([SAID], [Detection("Dog", 3.0, 8.0, 0.9)])
    assert [word.word for word in first.words] == ["hello", "[Dog]", "you"]
    assert first.text == "[Dog] hello you"
    assert (after.start_s, after.end_s, after.text) == (6.0, 8.0, "[Dog]")


def test_a_segment_without_words_has_the_sound_before_its_text() -> None:
    """There is no better place."""
    assert shown([TranscriptSegment(0.0, 4.0, "so")], ("Dog", 1.0, 2.0)) == [(0.0, 4.0, "[Dog] so")]


def test_without_sounds_a_transcript_stays_as_it_is() -> None:
    """To the last record."""
    assert captions([SAID], []) == (SAID,)


def test_speech_of_which_only_the_times_are_known_hides_no_sound() -> None:
    """A segment without text is not shown, so sounds take its place."""
    assert shown([TranscriptSegment(0.0, 9.0, "")], ("Dog", 1.0, 2.0)) == [(1.0, 2.0, "[Dog]")]


def test_a_blink_between_two_sounds_is_not_shown() -> None:
    """Nobody could read it."""
    assert shown([], ("Dog", 0.0, 1.0), ("Bell", 0.95, 3.0))[1:] == [(1.0, 3.0, "[Bell]")]


spans = st.tuples(st.floats(0, 60), st.floats(0, 60)).map(sorted)
sounds = st.lists(st.builds(lambda label, t: Detection(label, t[0], t[1], 0.5), st.sampled_from("abc"), spans))
segments = st.lists(st.builds(lambda t: TranscriptSegment(t[0], t[1], "said"), spans), max_size=5)


@given(segments, sounds)
def test_captions_make_subtitles_in_order_and_lose_no_long_sound(
    said: list[TranscriptSegment], heard: list[Detection]
) -> None:
    """Cues never overlap, and each sound of a second or more is in a caption, unless words were there before it."""
    made = captions(said, heard)
    assert [c.start_s for c in made] == sorted(c.start_s for c in made)
    lines = cues(made)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(lines))
    for sound in heard:
        begins_in_speech = any(s.start_s <= sound.start_s < s.end_s for s in said)
        is_free = all(s.end_s <= sound.start_s or s.start_s >= sound.end_s for s in said)
        is_alone = all(o is sound or o.end_s <= sound.start_s or o.start_s >= sound.end_s for o in heard)
        if begins_in_speech or (is_free and is_alone and sound.end_s - sound.start_s >= 1):
            assert any(f"[{sound.label}]" in c.text for c in made)
