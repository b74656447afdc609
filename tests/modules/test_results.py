"""The records of a run are valid on birth, and their JSON says exactly what they hold."""

import json
import math
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.detection import Detection
from modules.audio.transcript import TranscriptSegment, Word
from modules.models.run_records import ModelIdentity
from modules.results import Failure, FileResult, LatencyQuantiles, Status, Summary, Timing
from modules.results_json import file_document, file_from_json, file_json, header_json, summary_json

DONE = FileResult(
    path="calls/grüße.wav",
    status=Status.OK,
    duration_s=1.23456,
    sample_rate=8000,
    channels=2,
    decoder="soundfile",
    backend="vosk",
    why="a model folder was given",
    text="hello",
    segments=(TranscriptSegment(0.1, 1.0, "hello", (Word("hello", 0.12, 0.98765, 0.987654),)),),
    timing=Timing(0.5, 0.1, 0.3, 4, LatencyQuantiles(1.0, 2.0, 3.0, 4.0), 0.98765, 0.25),
    models=(ModelIdentity("silero_vad", "ab12", "onnx", "CPUExecutionProvider"),),
)
FAILED = FileResult("broken.wav", Status.FAILED, error=Failure("DecodeError", "soundfile: no; PyAV: no"))
SUMMARY = Summary(3, 1, 1, 1, 60.0, 2.0, 30.0, 123.4567)

shares = st.floats(0, 1).map(lambda value: round(value, 4))
seconds = st.floats(0, 1e6).map(lambda value: round(value, 3))
times = st.tuples(seconds, seconds).map(sorted)
names = st.text(st.characters(exclude_categories=["Cs"]))
words = st.builds(lambda text, t, share: Word(text, t[0], t[1], share), names, times, shares)
segments = st.builds(
    lambda text, t, words: TranscriptSegment(t[0], t[1], text, tuple(words)), names, times, st.lists(words)
)
detections = st.builds(lambda label, t, score: Detection(label, t[0], t[1], score), names, times, shares)
quantiles = st.builds(LatencyQuantiles, seconds, seconds, seconds, seconds)
timings = st.builds(Timing, seconds, seconds, seconds, st.integers(0, 9999), quantiles, shares, seconds)
models = st.builds(ModelIdentity, names, names, names, names)
results = st.builds(
    lambda failure, **fields: FileResult(**fields, status=Status.FAILED if failure else Status.OK, error=failure),
    st.none() | st.builds(Failure, names, names),
    path=names,
    duration_s=seconds,
    sample_rate=st.integers(0, 768_000),
    channels=st.integers(0, 64),
    text=names,
    segments=st.lists(segments, max_size=3).map(tuple),
    detections=st.none() | st.lists(detections, max_size=3).map(tuple),
    timing=timings,
    models=st.lists(models, max_size=3).map(tuple),
    cache_hit=st.booleans(),
)


def loads_strictly(line: str) -> Any:  # noqa: ANN401 - JSON is untyped
    """Parse a line as a reader would that takes neither NaN nor anything but UTF-8."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(line.encode("utf-8"), parse_constant=refuse)


@pytest.mark.parametrize(
    ("status", "error"), [(Status.OK, Failure("E", "m")), (Status.FAILED, None), (Status.SKIPPED, None)]
)
def test_a_result_has_an_error_exactly_when_it_is_not_ok(status: Status, error: Failure | None) -> None:
    """A failure without a reason, or a success with one, cannot be made."""
    with pytest.raises(ValueError, match="does not go with"):
        FileResult("a.wav", status, error=error)


@pytest.mark.parametrize("duration_s", [-1.0, math.nan, math.inf])
def test_a_duration_is_a_length(duration_s: float) -> None:
    """Negative, unknown or endless recordings have no duration."""
    with pytest.raises(ValueError, match="duration_s"):
        FileResult("a.wav", Status.OK, duration_s)


def test_a_share_is_at_most_everything() -> None:
    """On time is a fraction."""
    with pytest.raises(ValueError, match="on_time"):
        Timing(on_time=1.1)


def test_a_summary_counts_no_more_than_there_is() -> None:
    """The three outcomes are of the files counted."""
    with pytest.raises(ValueError, match="together"):
        Summary(1, 1, 1, 0, 0.0, 0.0, 0.0, 0.0)


def test_the_header_names_schema_version_and_fingerprint() -> None:
    """A reader knows from the first line what the others are."""
    assert header_json(version="0.1.0", fingerprint="abc") == (
        '{"type":"header","schema":1,"version":"0.1.0","fingerprint":"abc"}'
    )


def test_a_file_has_its_fields_in_order() -> None:
    """The line of a file is the one that is documented, to the byte."""
    assert file_json(DONE) == (
        '{"type":"file","path":"calls/grüße.wav","status":"ok","duration_s":1.235,"sample_rate":8000,"channels":2,'
        '"decoder":"soundfile","backend":"vosk","why":"a model folder was given","text":"hello",'
        '"segments":[{"start_s":0.1,"end_s":1.0,"text":"hello",'
        '"words":[{"word":"hello","start_s":0.12,"end_s":0.988,"confidence":0.9877}]}],'
        '"models":[{"name":"silero_vad","digest":"ab12","format":"onnx","provider":"CPUExecutionProvider"}],'
        '"timing":{"wall_s":0.5,"decode_s":0.1,"model_s":0.3,"chunks":4,'
        '"chunk_latency_ms":{"p50":1.0,"p95":2.0,"p99":3.0,"max":4.0},"on_time":0.9877,"queue_s":0.25},'
        '"cache_hit":false,"error":null}'
    )


def test_a_failed_file_says_why() -> None:
    """The error is an object with a kind for programs and a message for people."""
    assert loads_strictly(file_json(FAILED))["error"] == {"kind": "DecodeError", "message": "soundfile: no; PyAV: no"}


def test_a_summary_says_that_it_was_interrupted_only_when_it_was() -> None:
    """The documented fields in order; `interrupted` after them."""
    line = (
        '{"type":"summary","files":3,"ok":1,"failed":1,"skipped":1,"audio_s":60.0,"wall_s":2.0,'
        '"realtime_factor":30.0,"peak_memory_mb":123.457'
    )
    assert summary_json(SUMMARY) == line + "}"
    stopped = Summary(3, 1, 1, 1, 60.0, 2.0, 30.0, 123.4567, interrupted=True)
    assert summary_json(stopped) == line + ',"interrupted":true}'


def test_a_name_that_is_no_utf8_gives_a_line_that_is() -> None:
    """Bytes that are no UTF-8 are spelled out, so every JSON reader takes the line and names stay different."""
    lines = [
        file_json(FileResult(os.fsdecode(name), Status.OK)) for name in (b"caf\xe9.wav", b"caf\xe8.wav", b"q\x22\xff")
    ]
    assert [loads_strictly(line)["path"] for line in lines] == ["caf\\xe9.wav", "caf\\xe8.wav", 'q"\\xff']
    assert loads_strictly(file_json(FileResult("\ud800", Status.OK)))["path"] == "\\ud800"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    """A line never holds NaN or Infinity, which are no JSON."""
    with pytest.raises(ValueError, match="JSON compliant"):
        file_json(FileResult("a", Status.OK, timing=Timing(wall_s=value)))


@given(results)
def test_a_result_reads_back_as_it_was_written(result: FileResult) -> None:
    """Both the line and the document give the record again, and a line is one line."""
    assert "\n" not in file_json(result)
    assert file_from_json(file_json(result)) == result
    assert file_from_json(file_document(result)) == result


@given(st.text())
def test_any_path_gives_a_line_in_utf8(path: str) -> None:
    """Lone surrogates and control characters included."""
    loads_strictly(file_json(FileResult(path, Status.OK)))


@pytest.mark.parametrize(
    "line", [header_json(version="1", fingerprint="a"), '{"type":"file"}', "[]", "{", '{"type":"file","path":1}']
)
def test_what_is_no_result_is_refused(line: str) -> None:
    """Reading a result from something else says so."""
    with pytest.raises(ValueError, match=r"not the result|Expecting"):
        file_from_json(line)
