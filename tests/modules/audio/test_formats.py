"""Transcripts are written so that every word and every time can be read back."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.cues import MAX_CUE_S, MAX_LINE_CHARACTERS, MAX_LINES, Cue, cues
from modules.audio.formats import srt, timestamp, tsv, txt, vtt
from modules.audio.transcript import TranscriptSegment, Word

HELLO = TranscriptSegment(
    0.1,
    1.25,
    "hello big world",
    (Word("hello", 0.12, 0.48, 1.0), Word("big", 0.5, 0.7, 0.9), Word("world", 0.7, 1.2, 1.0)),
)
SILENT = TranscriptSegment(2.0, 3.0, "")
WORDLESS = TranscriptSegment(3661.0, 3662.9996, "no <words> & all\tthat")


@st.composite
def transcripts(draw: st.DrawFn) -> list[TranscriptSegment]:
    """Segments in order; words of at least 2 ms that do not overlap, as a recogniser gives them."""
    segments, now_ms = [], draw(st.integers(0, 7_200_000))
    for _ in range(draw(st.integers(0, 3))):
        words, start_ms = [], now_ms
        for text in draw(
            st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=60), max_size=40)
        ):
            begin_ms = now_ms + draw(st.sampled_from([0, 10, 300, 900]))
            now_ms = begin_ms + draw(st.integers(2, 1500))
            words.append(Word(text, begin_ms / 1000, now_ms / 1000, 0.5))
        now_ms += 5
        text = " ".join(word.word for word in words) or draw(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
        )
        segments.append(TranscriptSegment(start_ms / 1000, now_ms / 1000, text, tuple(words)))
    return segments


@st.composite
def unruly(draw: st.DrawFn) -> list[TranscriptSegment]:
    """Segments and words with any times: overlapping, of no length, out of order."""
    times = st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)).map(sorted)
    words = st.builds(lambda t, text: Word(text, t[0], t[1], 0.5), times, st.text(max_size=10))
    segment = st.builds(
        lambda t, words: TranscriptSegment(t[0], t[1], "text", tuple(words)), times, st.lists(words, max_size=8)
    )
    return draw(st.lists(segment, max_size=4))


def spoken(segments: list[TranscriptSegment]) -> list[str]:
    """Every word of a transcript; the text of a segment without words."""
    return [
        part
        for segment in segments
        for part in (" ".join(word.word for word in segment.words).split() or segment.text.split())
    ]


def unescaped(text: str) -> str:
    """The text that a player of WebVTT shows."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def parsed_s(text: str) -> float:
    """A timestamp in seconds."""
    hours, minutes, seconds = text.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def test_a_text_has_a_line_a_segment() -> None:
    """Segments that say nothing have no line, and white space in a text is a space."""
    assert txt([HELLO, SILENT, WORDLESS]) == "hello big world\nno <words> & all that\n"
    assert txt([]) == ""


def test_a_text_with_word_times_has_a_line_a_word() -> None:
    """A segment whose words are unknown keeps its own times."""
    assert txt([HELLO, WORDLESS], word_times=True) == (
        "[0.120-0.480] hello\n[0.500-0.700] big\n[0.700-1.200] world\n[3661.000-3663.000] no <words> & all that\n"
    )


def test_tabs_and_line_ends_cannot_break_a_table() -> None:
    """Every row has three columns, whatever the text is."""
    odd = TranscriptSegment(0, 1, "a\tb\nc\r\nd\u2028e\x0bf")
    assert tsv([odd, HELLO]) == "start_s\tend_s\ttext\n0.000\t1.000\ta b c d e f\n0.100\t1.250\thello big world\n"
    assert tsv([HELLO], word_times=True).splitlines()[1:] == [
        "0.120\t0.480\thello",
        "0.500\t0.700\tbig",
        "0.700\t1.200\tworld",
    ]


def test_subtitles_are_numbered_and_timed_by_their_words() -> None:
    """SubRip has a comma before the milliseconds, and 59.9996 s is a whole minute."""
    assert srt([HELLO, SILENT, WORDLESS]) == (
        "1\n00:00:00,120 --> 00:00:01,200\nhello big world\n\n2\n01:01:01,000 --> 01:01:03,000\nno <words> & all that\n"
    )
    assert srt([]) == ""


def test_webvtt_escapes_what_has_a_meaning_in_it() -> None:
    """Text cannot be taken for a tag, an entity or a time line."""
    assert vtt([WORDLESS]) == "WEBVTT\n\n01:01:01.000 --> 01:01:03.000\nno &lt;words&gt; &amp; all that\n"
    assert "-->" not in vtt([TranscriptSegment(0, 1, "a --> b")]).split("\n", 3)[3]
    assert vtt([]) == "WEBVTT\n"


def test_subtitles_with_word_times_are_one_a_word() -> None:
    """Each word is shown while it is spoken."""
    assert [cue.lines for cue in cues([HELLO, WORDLESS], word_times=True)] == [
        ("hello",), ("big",), ("world",), ("no <words> & all that",),
    ]  # fmt: skip


def test_a_cue_ends_at_a_pause() -> None:
    """What is said after a silence is shown after it."""
    words = (Word("one", 0, 0.5, 1), Word("two", 0.6, 1, 1), Word("three", 2, 2.5, 1))
    assert [
        (cue.start_ms, cue.end_ms, cue.lines) for cue in cues([TranscriptSegment(0, 3, "one two three", words)])
    ] == [
        (0, 1000, ("one two",)),
        (2000, 2500, ("three",)),
    ]


def test_a_cue_that_is_too_long_is_cut_at_its_longest_gap() -> None:
    """The gap is looked for in the later half, so that cues do not become crumbs."""
    words = tuple(Word(f"w{n}", n + (0.05 if n == 6 else 0.0), n + (0.9 if n == 5 else 0.95), 1) for n in range(9))
    assert [len(cue.lines[0].split()) for cue in cues([TranscriptSegment(0, 9, "", words)])] == [6, 3]


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [(0, "00:00:00.000"), (59_999, "00:00:59.999"), (60_000, "00:01:00.000"), (3_599_999, "00:59:59.999"),
     (3_600_000, "01:00:00.000"), (360_000_000, "100:00:00.000")],
)  # fmt: skip
def test_a_timestamp_carries(time_ms: int, text: str) -> None:
    """Sixty is never written where a minute or an hour is full."""
    assert timestamp(time_ms) == text


@pytest.mark.parametrize(("start_ms", "end_ms", "lines"), [(-1, 5, ("a",)), (5, 5, ("a",)), (0, 1, ()), (0, 1, ("",))])
def test_a_cue_is_valid_on_birth(start_ms: int, end_ms: int, lines: tuple[str, ...]) -> None:
    """A cue without length or text cannot be made."""
    with pytest.raises(ValueError, match="cue must"):
        Cue(start_ms, end_ms, lines)


@given(segments=unruly(), word_times=st.booleans())
def test_cues_are_in_order_and_never_overlap_whatever_the_times(
    segments: list[TranscriptSegment], *, word_times: bool
) -> None:
    """A player never has two cues to show at once, and never one for no time."""
    made = cues(segments, word_times=word_times)
    assert all(cue.start_ms < cue.end_ms for cue in made)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(made))


@given(transcripts())
def test_every_word_is_in_a_cue_in_order(segments: list[TranscriptSegment]) -> None:
    """Nothing is lost, doubled or moved by cutting into cues and lines."""
    assert [part for cue in cues(segments) for line in cue.lines for part in line.split()] == spoken(segments)
    assert [part for cue in cues(segments, word_times=True) for line in cue.lines for part in line.split()] == spoken(
        segments
    )


@given(transcripts())
def test_a_cue_can_be_read_in_one_go(segments: list[TranscriptSegment]) -> None:
    """A cue of several words keeps to its two lines and 7 s; a line is longer only for a single long word."""
    for cue in cues([segment for segment in segments if "".join(word.word for word in segment.words).strip()]):
        assert len(cue.lines) <= MAX_LINES
        assert cue.end_ms - cue.start_ms <= MAX_CUE_S * 1000
        assert all(len(line) <= MAX_LINE_CHARACTERS or " " not in line for line in cue.lines)


@given(transcripts())
def test_written_times_read_back_within_a_millisecond(segments: list[TranscriptSegment]) -> None:
    """What a program reads from the subtitles is when the words were said."""
    said = [(word.start_s, word.end_s) for segment in segments for word in segment.words if word.word.strip()]
    with_words = [segment for segment in segments if any(word.word.strip() for word in segment.words)]
    for written in (srt(with_words, word_times=True), vtt(with_words, word_times=True)):
        times = [
            (parsed_s(one), parsed_s(other))
            for one, other in re.findall(r"^([\d:]+[.,]\d{3}) --> ([\d:]+[.,]\d{3})$", written, re.MULTILINE)
        ]
        assert len(times) == len(said)
        assert all(abs(a - c) <= 0.001 and abs(b - d) <= 0.001 for (a, b), (c, d) in zip(times, said, strict=True))


@given(transcripts())
def test_webvtt_text_reads_back(segments: list[TranscriptSegment]) -> None:
    """Unescaping gives the words that were said."""
    blocks = vtt(segments).split("\n\n")[1:]
    read = [part for block in blocks for part in unescaped(block.split("\n", 1)[1]).split()]
    assert read == spoken(segments)


@given(segments=transcripts(), word_times=st.booleans())
def test_a_table_always_has_three_columns(segments: list[TranscriptSegment], *, word_times: bool) -> None:
    """No text can add a column or a row."""
    rows = tsv(segments, word_times=word_times).removesuffix("\n").split("\n")
    assert all(row.count("\t") == 2 for row in rows)
