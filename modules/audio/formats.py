"""Transcripts as text files: txt, srt, vtt and tsv, one pure function each.

All end lines with LF (players of subtitles take it as well as CRLF) and end with a newline unless they are empty.
White space inside a text, tabs and line ends included, becomes single spaces, so no text can break its file.
JSON holds more than the transcript, so it stands in `modules/results_json.py`; `modules/transcripts.py` chooses.
"""

from collections.abc import Sequence
from enum import StrEnum

from modules.audio.cues import Cue, cues, spans
from modules.audio.transcript import TranscriptSegment


class TranscriptFormat(StrEnum):
    """A format a transcript can be written in; the value is also the suffix of its file."""

    TXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TSV = "tsv"


def txt(segments: Sequence[TranscriptSegment], *, word_times: bool = False) -> str:
    """One line a segment; with `word_times` one line a word, `[start-end] word`, in seconds."""
    if word_times:
        rows = spans(segments, word_times=True)
        return "".join(f"[{_seconds(row.start_s)}-{_seconds(row.end_s)}] {row.text}\n" for row in rows)
    return "".join(f"{row.text}\n" for row in spans(segments))


def tsv(segments: Sequence[TranscriptSegment], *, word_times: bool = False) -> str:
    """A heading and one row a segment, with `word_times` one row a word: `start_s`, `end_s`, `text`."""
    rows = spans(segments, word_times=word_times)
    return "start_s\tend_s\ttext\n" + "".join(
        f"{_seconds(row.start_s)}\t{_seconds(row.end_s)}\t{row.text}\n" for row in rows
    )


def srt(segments: Sequence[TranscriptSegment], *, word_times: bool = False) -> str:
    """SubRip subtitles, numbered from 1; with `word_times` one a word."""
    return "\n".join(
        f"{number}\n{_timing(cue, ',')}\n" + "".join(f"{line}\n" for line in cue.lines)
        for number, cue in enumerate(cues(segments, word_times=word_times), start=1)
    )


def vtt(segments: Sequence[TranscriptSegment], *, word_times: bool = False) -> str:
    """WebVTT subtitles (https://www.w3.org/TR/webvtt1/), `&`, `<` and `>` escaped; with `word_times` one a word."""
    return "WEBVTT\n" + "".join(
        f"\n{_timing(cue, '.')}\n" + "".join(f"{_escaped(line)}\n" for line in cue.lines)
        for cue in cues(segments, word_times=word_times)
    )


def timestamp(time_ms: int, *, decimal: str = ".") -> str:
    """`HH:MM:SS.mmm`; the hours have two digits or as many as they need."""
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal}{milliseconds:03d}"


def _timing(cue: Cue, decimal: str) -> str:
    return f"{timestamp(cue.start_ms, decimal=decimal)} --> {timestamp(cue.end_ms, decimal=decimal)}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _seconds(time_s: float) -> str:
    return f"{time_s:.3f}"
