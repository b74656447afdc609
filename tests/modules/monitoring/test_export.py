"""What is exported can be read back, and says what the dashboard says."""

import csv
import dataclasses
import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.dashboard import Dashboard
from modules.monitoring.engine_state import BatchState, EngineState, PlanState
from modules.monitoring.export import CSV_COLUMNS
from modules.monitoring.histogram import HistogramSnapshot
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.pressure import ResourceSample

words = st.text(max_size=20)
states = st.builds(
    EngineState,
    streams_open=st.none() | st.integers(0, 100),
    chunks_waiting=st.none() | st.integers(0, 100),
    batches=st.lists(st.builds(BatchState, words, st.none() | st.floats(0, 64)), max_size=2).map(tuple),
    resources=st.builds(ResourceSample, cpus=st.none() | st.floats(0.5, 64), throttled=st.none() | st.floats(0, 1)),
    plan=st.builds(
        PlanState, chunk_s=st.none() | st.floats(0.1, 1), partials=st.none() | st.booleans(), rungs=st.tuples(words)
    ),
    decisions=st.lists(words, max_size=2).map(tuple),
)
seconds = st.lists(st.tuples(st.lists(st.floats(0, 10), max_size=5), states), max_size=5)


def monitor_of(row: list[tuple[list[float], EngineState]]) -> RealTimePerformanceMonitor:
    """A monitor that was told of these seconds."""
    monitor = RealTimePerformanceMonitor()
    monitor.tick(0.0, EngineState())
    for number, (latencies_s, state) in enumerate(row, start=1):
        for latency_s in latencies_s:
            monitor.hop("asr", queue_s=latency_s, service_s=0.01)
            monitor.recorded("recognition", queue_s=0.0, service_s=0.01, audio_s=1.0)
            monitor.answered(latency_s, target_s=0.3)
        monitor.tick(float(number), state)
    return monitor


@given(seconds)
def test_the_csv_has_a_line_a_window(row: list[tuple[list[float], EngineState]]) -> None:
    """Every column by its name; what is unknown is empty; text with commas and line ends stays one field."""
    monitor = monitor_of(row)
    lines = list(csv.DictReader(io.StringIO(monitor.export_csv(), newline="")))
    windows = monitor.get_performance_dashboard().windows
    assert len(lines) == len(windows) == len(row)
    for line, window in zip(lines, windows, strict=True):
        assert set(line) == set(CSV_COLUMNS)
        assert None not in line.values()
        assert (float(line["start_s"]), float(line["end_s"])) == (window.start_s, window.end_s)
        assert int(line["answered"]) == window.counts.answered
        assert line["latency_p99_s"] == ("" if window.latency is None else str(window.latency.p99_s))
        assert line["cpus"] == ("" if window.state.resources.cpus is None else str(window.state.resources.cpus))
        assert line["partials"] == ("" if window.state.plan.partials is None else str(window.state.plan.partials))
        assert line["rungs"] == "; ".join(window.state.plan.rungs)
        assert float(line["recorded_audio_s"]) == window.recorded_audio_s


@given(seconds)
def test_the_json_has_every_field_of_the_dashboard(row: list[tuple[list[float], EngineState]]) -> None:
    """By its name, through text and back."""
    monitor = monitor_of(row)
    read: dict[str, Any] = json.loads(monitor.export_json())
    dashboard = monitor.get_performance_dashboard()
    assert set(read) == {"schema", *(field.name for field in dataclasses.fields(Dashboard))}
    assert read["schema"] == 1
    assert HistogramSnapshot.from_dict(read["totals"]["latency"]) == dashboard.totals.latency
    assert set(read["totals"]["folder"]) == set(dashboard.totals.folder)
    assert len(read["windows"]) == len(row)
    assert [promise["standing"] for promise in read["promises"]] == [one.standing for one in dashboard.promises]
    assert read["state"]["decisions"] == list(dashboard.state.decisions)
    assert read["state"]["batches"] == [dataclasses.asdict(batch) for batch in dashboard.state.batches]


def test_an_export_before_anything_happened_is_whole() -> None:
    """A line of names, and an object with nulls."""
    monitor = RealTimePerformanceMonitor()
    assert monitor.export_csv() == ",".join(CSV_COLUMNS) + "\r\n"
    read = json.loads(monitor.export_json())
    assert (read["recent"], read["windows"], read["totals"]["latency"]["min_s"]) == (None, [], None)
