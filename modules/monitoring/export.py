"""A dashboard as JSON and its history as CSV. Text only: whoever wants a file writes it."""

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from modules.monitoring.dashboard import Dashboard
from modules.monitoring.histogram import HistogramSnapshot
from modules.monitoring.windows import Window

SCHEMA = 1
"""Goes up when a field changes its meaning or goes away; fields may be added at any time."""

_COUNTS = ("answered", "on_time", "late", "pipeline_late", "failed", "dropped")
_LATENCIES = ("p50_s", "p95_s", "p99_s", "max_s")
_STATE = ("streams_open", "streams_suspended", "chunks_waiting")
_PLAN = ("chunk_s", "workers", "admitted_streams", "folder_share", "partials", "accepts_streams")
_RESOURCES = (
    "cpus",
    "own_cpus",
    "neighbour_cpus",
    "throttled",
    "cpu_pressure",
    "run_queue_wait",
    "memory_used_bytes",
    "memory_limit_bytes",
    "unique_set_bytes",
)

CSV_COLUMNS = (
    "start_s",
    "end_s",
    *_COUNTS,
    *(f"latency_{name}" for name in _LATENCIES),
    "standing_wait_s",
    "recorded_audio_s",
    *_STATE,
    *_PLAN,
    "rungs",
    *_RESOURCES,
)
"""The columns of the CSV. What is unknown is an empty field; instants are those of the clock that ticked."""


def dashboard_json(dashboard: Dashboard) -> str:
    """One JSON object: the fields of the dashboard by their names, and `schema`. What is unknown is null."""
    plain = _plain(dashboard)
    assert isinstance(plain, dict), plain
    return json.dumps({"schema": SCHEMA, **plain}, ensure_ascii=False, allow_nan=False)


def dashboard_csv(dashboard: Dashboard) -> str:
    """A line of `CSV_COLUMNS` and a line a window, oldest first, as RFC 4180 has it."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(CSV_COLUMNS)
    rows.writerows(_row(window) for window in dashboard.windows)
    return text.getvalue()


def _row(window: Window) -> list[object]:
    state = window.state
    return [
        window.start_s,
        window.end_s,
        *(getattr(window.counts, name) for name in _COUNTS),
        *(getattr(window.latency, name, None) for name in _LATENCIES),
        window.standing_wait_s,
        window.recorded_audio_s,
        *(getattr(state, name) for name in _STATE),
        *(getattr(state.plan, name) for name in _PLAN),
        "; ".join(state.plan.rungs),
        *(getattr(state.resources, name) for name in _RESOURCES),
    ]


def _plain(value: object) -> object:
    """JSON values in the place of records."""
    if isinstance(value, HistogramSnapshot):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
