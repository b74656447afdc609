"""What is written about an input is in the format asked for."""

import json

import pytest

from modules.audio.formats import TranscriptFormat
from modules.audio.transcript import TranscriptSegment, Word
from modules.results import FileResult, Status
from modules.results_json import file_json
from modules.transcripts import render

RESULT = FileResult(
    "a.wav",
    Status.OK,
    2.0,
    segments=(TranscriptSegment(0.0, 2.0, "yes no", (Word("yes", 0.5, 1.0, 1.0), Word("no", 1.0, 1.5, 1.0))),),
)


@pytest.mark.parametrize(
    ("fmt", "beginning"),
    [("txt", "yes no\n"), ("srt", "1\n00:00:00,500"), ("vtt", "WEBVTT\n"), ("tsv", "start_s\t"), ("json", "{\n")],
)
def test_every_format_is_written(fmt: str, beginning: str) -> None:
    """Each of the formats has a writer."""
    assert render(RESULT, TranscriptFormat(fmt)).startswith(beginning)


def test_word_times_reach_the_writers() -> None:
    """With word times a text has a line a word."""
    assert render(RESULT, TranscriptFormat.TXT, word_times=True) == "[0.500-1.000] yes\n[1.000-1.500] no\n"


def test_json_is_the_line_of_the_results_indented() -> None:
    """It holds the words whether or not word times are asked for."""
    assert json.loads(render(RESULT, TranscriptFormat.JSON)) == json.loads(file_json(RESULT))
    assert render(RESULT, TranscriptFormat.JSON) == render(RESULT, TranscriptFormat.JSON, word_times=True)
