"""What is saved of a segment reads back as the very same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.transcript import TranscriptSegment, Word
from modules.checkpoint import FinishedSegment, found_from_json, found_json

times = st.floats(min_value=0, max_value=1e6)


@st.composite
def words(draw: st.DrawFn) -> Word:
    """Any word."""
    start_s, end_s = sorted((draw(times), draw(times)))
    return Word(draw(st.text()), start_s, end_s, draw(st.floats(min_value=0, max_value=1)))


@st.composite
def segments(draw: st.DrawFn) -> TranscriptSegment:
    """Any segment."""
    start_s, end_s = sorted((draw(times), draw(times)))
    return TranscriptSegment(start_s, end_s, draw(st.text()), tuple(draw(st.lists(words(), max_size=4))))


@given(st.lists(segments(), max_size=4).map(tuple))
def test_what_was_found_reads_back_with_every_digit(found: tuple[TranscriptSegment, ...]) -> None:
    """A third of a second is not rounded, or results would tell whether a run was broken off."""
    assert found_from_json(found_json(found)) == found


@pytest.mark.parametrize("text", ["", "[", "3", "[3]", "[[0, 1]]", '[[0, 1, "a", 5]]', '[[0, 1, "a", ["b"]]]'])
def test_what_is_no_such_json_is_refused(text: str) -> None:
    """A journal may be damaged where no checksum looks."""
    with pytest.raises(ValueError, match=r".+"):
        found_from_json(text)


def test_segments_count_from_0() -> None:
    """A number below it is a defect of the caller."""
    with pytest.raises(ValueError, match="at least 0"):
        FinishedSegment(-1, 0.0, ())
