r"""The records of a run as JSON: the lines of `results.jsonl` and the `.json` beside a transcript.

Times and megabytes have 3 decimals, shares (confidence, on_time) have 4; NaN and infinities are refused.
Bytes of a file name that are no UTF-8 are written as `\xe9`, so that every JSON reader takes the lines and
different names stay different.
"""

import json
import re
from dataclasses import asdict
from typing import Any, TypeAlias

from modules.audio.detection import Detection
from modules.audio.transcript import TranscriptSegment, Word
from modules.events import StreamEvent
from modules.models.run_records import ModelIdentity
from modules.results import Failure, FileResult, LatencyQuantiles, Status, Summary, Timing

SCHEMA = 1

_Object: TypeAlias = dict[str, Any]  # Any: what JSON holds is untyped, and this file is its door

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def header_json(*, version: str, fingerprint: str) -> str:
    """The first line of a run; `fingerprint` names everything that affects results."""
    return _line({"type": "header", "schema": SCHEMA, "version": version, "fingerprint": fingerprint})


def file_json(result: FileResult) -> str:
    """The line of one input, words always included. Raises `ValueError` for a number that is not finite."""
    return _line(_file(result))


def file_document(result: FileResult) -> str:
    """The same object as `file_json`, indented, as a file of its own."""
    return _line(_file(result), indent=2) + "\n"


def event_json(event: StreamEvent) -> str:
    """One event of a live stream; what does not belong to its type is left out."""
    fields: _Object = {
        "type": event.type.value,
        "start_s": _rounded(event.start_s),
        "end_s": _rounded(event.end_s),
    }
    if event.text:
        fields["text"] = event.text
    if event.words:
        fields["words"] = [_word(word) for word in event.words]
    if event.samples:
        fields["samples"] = event.samples
    if event.latency_ms:
        fields["latency_ms"] = _rounded(event.latency_ms)
    if isinstance(event.value, Detection):
        fields |= {"label": event.value.label, "score": _rounded(event.value.score, 4)}
    if event.error:
        fields["error"] = {"kind": event.error.kind, "message": event.error.message}
    return _line(fields)


def summary_json(summary: Summary) -> str:
    """The last line of a run; `interrupted` is there only when it is true."""
    fields: _Object = {
        "type": "summary",
        "files": summary.files,
        "ok": summary.ok,
        "failed": summary.failed,
        "skipped": summary.skipped,
        "audio_s": _rounded(summary.audio_s),
        "wall_s": _rounded(summary.wall_s),
        "realtime_factor": _rounded(summary.realtime_factor),
        "peak_memory_mb": _rounded(summary.peak_memory_mb),
    }
    return _line(fields | {"interrupted": True} if summary.interrupted else fields)


def summary_from_json(line: str) -> Summary:
    """The summary that `summary_json` wrote. Raises `ValueError` when the text is no such object."""
    try:
        fields: _Object = json.loads(line)
        if fields.pop("type") != "summary":
            raise ValueError(f"not a summary: {line[:80]!r}")
        return Summary(**fields)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a summary: {error!r} in {line[:80]!r}") from error


def file_from_json(line: str) -> FileResult:
    """The result that `file_json` or `file_document` wrote, as precise as it was written.

    Raises `ValueError` when the text is not such an object.
    """
    try:
        fields: _Object = json.loads(line)
        if fields["type"] != "file":
            raise ValueError(f"not the result of a file but of type {fields['type']!r}")
        return FileResult(
            path=fields["path"],
            status=Status(fields["status"]),
            duration_s=fields["duration_s"],
            sample_rate=fields["sample_rate"],
            channels=fields["channels"],
            decoder=fields["decoder"],
            backend=fields["backend"],
            why=fields["why"],
            text=fields["text"],
            segments=tuple(_read_segment(segment) for segment in fields["segments"]),
            detections=_read_detections(fields.get("detections")),
            timing=_read_timing(fields["timing"]),
            cache_hit=fields["cache_hit"],
            error=Failure(**fields["error"]) if fields["error"] else None,
            models=tuple(ModelIdentity(**model) for model in fields.get("models", ())),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the result of a file: {error!r} in {line[:80]!r}") from error


def _file(result: FileResult) -> _Object:
    return {
        "type": "file",
        "path": result.path,
        "status": result.status.value,
        "duration_s": _rounded(result.duration_s),
        "sample_rate": result.sample_rate,
        "channels": result.channels,
        "decoder": result.decoder,
        "backend": result.backend,
        "why": result.why,
        "text": result.text,
        "segments": [_segment(segment) for segment in result.segments],
        **({} if result.detections is None else {"detections": [_detection(sound) for sound in result.detections]}),
        **({"models": [asdict(model) for model in result.models]} if result.models else {}),
        "timing": _timing(result.timing),
        "cache_hit": result.cache_hit,
        "error": {"kind": result.error.kind, "message": result.error.message} if result.error else None,
    }


def _segment(segment: TranscriptSegment) -> _Object:
    return {
        "start_s": _rounded(segment.start_s),
        "end_s": _rounded(segment.end_s),
        "text": segment.text,
        "words": [_word(word) for word in segment.words],
    }


def _detection(sound: Detection) -> _Object:
    return {
        "label": sound.label,
        "start_s": _rounded(sound.start_s),
        "end_s": _rounded(sound.end_s),
        "score": _rounded(sound.score, 4),
    }


def _word(word: Word) -> _Object:
    return {
        "word": word.word,
        "start_s": _rounded(word.start_s),
        "end_s": _rounded(word.end_s),
        "confidence": _rounded(word.confidence, 4),
    }


def _timing(timing: Timing) -> _Object:
    latency = timing.chunk_latency_ms
    return {
        "wall_s": _rounded(timing.wall_s),
        "decode_s": _rounded(timing.decode_s),
        "model_s": _rounded(timing.model_s),
        "chunks": timing.chunks,
        "chunk_latency_ms": {
            "p50": _rounded(latency.p50),
            "p95": _rounded(latency.p95),
            "p99": _rounded(latency.p99),
            "max": _rounded(latency.max),
        },
        "on_time": _rounded(timing.on_time, 4),
        "queue_s": _rounded(timing.queue_s),
    }


def _read_segment(fields: _Object) -> TranscriptSegment:
    words = tuple(Word(**word) for word in fields["words"])
    return TranscriptSegment(fields["start_s"], fields["end_s"], fields["text"], words)


def _read_detections(found: list[_Object] | None) -> tuple[Detection, ...] | None:
    return None if found is None else tuple(Detection(**sound) for sound in found)


def _read_timing(fields: _Object) -> Timing:
    return Timing(**(fields | {"chunk_latency_ms": LatencyQuantiles(**fields["chunk_latency_ms"])}))


def _rounded(value: float, digits: int = 3) -> float:
    return round(float(value), digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def _line(fields: _Object, *, indent: int | None = None) -> str:
    separators = (",", ":") if indent is None else None
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    return _LONE_SURROGATE.sub(_spelled, text)


def _spelled(surrogate: re.Match[str]) -> str:
    """A lone surrogate as an escaped backslash and what it stands for: the byte, if it came from a file name."""
    code = ord(surrogate[0])
    return f"\\\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\\\u{code:04x}"  # noqa: PLR2004 - PEP 383
