"""What is written about an input is in the format asked for."""

import json
from dataclasses import replace

import pytest

from modules.audio.detection import Detection
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


@pytest.mark.parametrize(
    ("fmt", "lines"),
    [
        ("txt", ["[Dog] yes no", "[Bell]"]),
        ("tsv", ["start_s\tend_s\ttext", "0.000\t2.000\t[Dog] yes no", "3.000\t4.000\t[Bell]"]),
        (
            "srt",
            ["1", "00:00:00,500 --> 00:00:01,500", "yes [Dog] no", "", "2", "00:00:03,000 --> 00:00:04,000", "[Bell]"],
        ),
    ],
)
def test_sounds_stand_in_brackets_beside_and_between_the_words(fmt: str, lines: list[str]) -> None:
    """In every format; JSON has them apart from what was said."""
    heard = replace(RESULT, detections=(Detection("Dog", 1.0, 1.5, 0.9), Detection("Bell", 3.0, 4.0, 0.9)))
    assert render(heard, TranscriptFormat(fmt)).splitlines() == lines
    document = json.loads(render(heard, TranscriptFormat.JSON))
    assert document["segments"] == json.loads(file_json(RESULT))["segments"]
    assert [sound["label"] for sound in document["detections"]] == ["Dog", "Bell"]


def test_json_is_the_line_of_the_results_indented() -> None:
    """It holds the words whether or not word times are asked for."""
    assert json.loads(render(RESULT, TranscriptFormat.JSON)) == json.loads(file_json(RESULT))
    assert render(RESULT, TranscriptFormat.JSON) == render(RESULT, TranscriptFormat.JSON, word_times=True)
