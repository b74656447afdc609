"""The monitor counts every chunk once, cuts what it counted into windows, and what it gave out stays as it was."""

import itertools
import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.dashboard import RECENT_WINDOWS
from modules.monitoring.engine_state import EngineState, PlanState
from modules.monitoring.monitor import (
    HISTORY_WINDOWS,
    MAX_STAGES,
    OTHER_STAGES,
    RealTimePerformanceMonitor,
)
from modules.monitoring.snapshot import ChunkCounts
from modules.monitoring.tallies import MAX_UNFOLDED
from modules.monitoring.targets import PerformanceTarget

seconds = st.floats(0, 100)


def test_nothing_measured_is_all_on_time() -> None:
    """A stream that has not begun has missed nothing."""
    snapshot = RealTimePerformanceMonitor().snapshot()
    assert (snapshot.answered, snapshot.on_time, snapshot.failed, snapshot.dropped) == (0, 0, 0, 0)
    assert snapshot.on_time_fraction == 1.0
    assert dict(snapshot.stages) == {}


@given(st.lists(st.one_of(seconds, st.sampled_from(["failed", "dropped"]))), seconds)
def test_every_chunk_counts_once(chunks: list[float | str], target_s: float) -> None:
    """An answer within the target is on time; later, failed or dropped is a miss."""
    monitor = RealTimePerformanceMonitor()
    for chunk in chunks:
        if isinstance(chunk, float):
            monitor.answered(chunk, target_s=target_s)
        elif chunk == "failed":
            monitor.failed()
        else:
            monitor.dropped()
    snapshot = monitor.snapshot()
    latencies = [chunk for chunk in chunks if isinstance(chunk, float)]
    on_time = sum(latency <= target_s for latency in latencies)
    assert (snapshot.answered, snapshot.on_time) == (len(latencies), on_time)
    assert (snapshot.failed, snapshot.dropped) == (chunks.count("failed"), chunks.count("dropped"))
    assert snapshot.on_time_fraction == (on_time / len(chunks) if chunks else 1.0)
    assert snapshot.latency.count == len(latencies)
    assert snapshot.latency.max == (max(latencies) if latencies else None)


@given(st.lists(st.tuples(st.sampled_from(["asr", "vad"]), seconds, seconds)))
def test_each_stage_has_its_own_waits_services_and_their_sums(hops: list[tuple[str, float, float]]) -> None:
    """Per hop: queue, service and total."""
    monitor = RealTimePerformanceMonitor()
    for stage, queue_s, service_s in hops:
        monitor.hop(stage, queue_s=queue_s, service_s=service_s)
    stages = monitor.snapshot().stages
    assert set(stages) == {stage for stage, _, _ in hops}
    for name, times in stages.items():
        own = [(queue_s, service_s) for stage, queue_s, service_s in hops if stage == name]
        assert times.queue.count == times.service.count == times.total.count == len(own)
        assert times.queue.max == max(queue_s for queue_s, _ in own)
        assert times.service.max == max(service_s for _, service_s in own)
        assert times.total.max == max(queue_s + service_s for queue_s, service_s in own)


def test_a_snapshot_stays_as_it_was() -> None:
    """What is measured later is in the next one; nobody can write into it."""
    monitor = RealTimePerformanceMonitor()
    monitor.hop("asr", queue_s=0.1, service_s=0.2)
    before = monitor.snapshot()
    monitor.hop("asr", queue_s=0.3, service_s=0.4)
    monitor.hop("vad", queue_s=0.3, service_s=0.4)
    monitor.answered(0.1, target_s=0.3)
    assert (before.stages["asr"].total.count, before.answered, set(before.stages)) == (1, 0, {"asr"})
    with pytest.raises(TypeError):
        before.stages["vad"] = before.stages["asr"]  # type: ignore[index]  # that is the point
    with pytest.raises(FrozenInstanceError):
        before.counts = ChunkCounts()  # type: ignore[misc]  # as above


steps = st.lists(st.one_of(seconds, st.sampled_from(["failed", "dropped", "tick"])))


@given(steps)
def test_windows_have_every_chunk_between_the_first_tick_and_the_last(row: list[float | str]) -> None:
    """Each once, in the window in which it was told; the totals have all of them."""
    monitor, now_s = RealTimePerformanceMonitor(), 0.0
    windows: list[list[float | str]] = []
    for step in row:
        if step == "tick":
            now_s += 1.0
            monitor.tick(now_s, EngineState())
            windows.append([])
        else:
            tell(monitor, step)
            if windows:
                windows[-1].append(step)
    found = monitor.get_performance_dashboard().windows
    assert [counts_of(window) for window in windows[:-1]] == [
        (window.counts.answered, window.counts.failed, window.counts.dropped) for window in found
    ]
    assert monitor.snapshot().counts.chunks == sum(step != "tick" for step in row)
    assert all(later.start_s == sooner.end_s for sooner, later in itertools.pairwise(found))


def tell(monitor: RealTimePerformanceMonitor, step: float | str) -> None:
    """A chunk answered, failed or dropped."""
    if isinstance(step, float):
        monitor.answered(step, target_s=0.3)
    elif step == "failed":
        monitor.failed()
    else:
        monitor.dropped()


def counts_of(window: list[float | str]) -> tuple[int, int, int]:
    """Counted by hand."""
    return (sum(isinstance(step, float) for step in window), window.count("failed"), window.count("dropped"))


def test_a_tick_gives_its_window() -> None:
    """The first one only begins; the governor learns from the others what happened since."""
    monitor = RealTimePerformanceMonitor()
    assert monitor.ticked_s is None
    monitor.answered(0.2, target_s=0.3)
    assert monitor.tick(10.0, EngineState()) is None
    monitor.answered(0.4, target_s=0.3)
    monitor.hop("asr", queue_s=0.1, service_s=0.2)
    window = monitor.tick(11.0, EngineState(streams_open=2))
    assert window is not None
    assert (window.start_s, window.end_s) == (10.0, 11.0)
    assert monitor.ticked_s == pytest.approx(11.0)
    assert (window.counts.answered, window.counts.on_time, window.counts.late) == (1, 0, 1)
    assert window.latency is not None
    assert (window.latency.max_s, window.standing_wait_s, window.state.streams_open) == (0.4, 0.1, 2)
    assert monitor.snapshot().answered == 2


@pytest.mark.parametrize("now_s", [10.0, 9.0])
def test_time_does_not_stand_still_or_go_back(now_s: float) -> None:
    """Two who tick with different clocks are noticed."""
    monitor = RealTimePerformanceMonitor()
    monitor.tick(10.0, EngineState())
    with pytest.raises(ValueError, match=r"must be after the last tick at 10\.0 s"):
        monitor.tick(now_s, EngineState())


def test_history_is_bounded_and_a_claim_about_few_chunks_looks_back_on_all_of_it() -> None:
    """Five chunks a second need five minutes to say anything of a p99."""
    monitor = RealTimePerformanceMonitor()
    for second in range(HISTORY_WINDOWS + 10):
        for _ in range(5):
            monitor.answered(0.1, target_s=0.3)
        monitor.tick(float(second), EngineState())
    dashboard = monitor.get_performance_dashboard()
    assert len(dashboard.windows) == HISTORY_WINDOWS
    assert dashboard.promises[0].why == f"0 of {5 * HISTORY_WINDOWS:,} chunks missed 300 ms"


def test_a_claim_about_many_chunks_looks_back_a_few_seconds() -> None:
    """What was bad ten seconds ago is history then."""
    monitor = RealTimePerformanceMonitor()
    monitor.tick(0.0, EngineState())
    for second in range(1, 31):
        for _ in range(300):
            monitor.answered(1.0 if second <= 20 else 0.1, target_s=0.3)
        monitor.tick(float(second), EngineState())
    dashboard = monitor.get_performance_dashboard()
    assert dashboard.promises[0].why == "0 of 3,000 chunks missed 300 ms"
    assert dashboard.recent is not None
    assert (dashboard.recent.start_s, dashboard.recent.counts.answered) == (20.0, 3000)


def test_the_pipeline_promise_follows_the_chunk_length_in_force() -> None:
    """Longer chunks leave less time."""
    monitor = RealTimePerformanceMonitor(PerformanceTarget(pipeline_latency_ms=500))
    monitor.tick(0.0, EngineState(plan=PlanState(chunk_s=0.2)))
    monitor.answered(0.25, target_s=0.3)
    short = monitor.tick(1.0, EngineState(plan=PlanState(chunk_s=0.4)))
    monitor.answered(0.25, target_s=0.3)
    long = monitor.tick(2.0, EngineState())
    assert short is not None
    assert long is not None
    assert (short.counts.pipeline_late, long.counts.pipeline_late) == (0, 1)


def test_recordings_are_no_live_chunks() -> None:
    """They have stages of their own and no deadline."""
    monitor = RealTimePerformanceMonitor()
    monitor.tick(0.0, EngineState())
    monitor.recorded("decoding", queue_s=0.1, service_s=0.2)
    monitor.recorded("recognition", queue_s=0.1, service_s=9.0, audio_s=30.0)
    window = monitor.tick(1.0, EngineState())
    assert window is not None
    assert (window.counts.chunks, window.stages, window.recorded_factor) == (0, (), 30.0)
    assert [stage.stage for stage in window.folder] == ["decoding", "recognition"]
    monitor.recorded("recognition", queue_s=0.1, service_s=9.0, audio_s=12.0)
    snapshot = monitor.snapshot()
    assert (snapshot.recorded_audio_s, snapshot.on_time_fraction, dict(snapshot.stages)) == (42.0, 1.0, {})
    assert snapshot.folder["recognition"].service.count == 2


def test_what_recordings_took_is_forgotten_after_a_few_seconds() -> None:
    """A long job without live chunks, of which no claim is made, needs no more memory than a short one."""
    monitor = RealTimePerformanceMonitor()
    for second in range(100):
        monitor.recorded("decoding", queue_s=0.1, service_s=0.2)
        monitor.tick(float(second), EngineState())
    assert len(monitor._recent) == RECENT_WINDOWS
    assert not monitor._claimed
    assert len(monitor.get_performance_dashboard().windows) == 99


def test_numbers_are_counted_by_the_thousand() -> None:
    """None is lost where an array is emptied into its histogram."""
    monitor = RealTimePerformanceMonitor()
    for _ in range(2 * MAX_UNFOLDED + 3):
        monitor.hop("asr", queue_s=0.1, service_s=0.2)
        monitor.recorded("asr", queue_s=0.1, service_s=0.2)
        monitor.answered(0.3, target_s=0.3)
    snapshot = monitor.snapshot()
    counts = (snapshot.stages["asr"].total.count, snapshot.folder["asr"].total.count, snapshot.on_time)
    assert counts == (2 * MAX_UNFOLDED + 3,) * 3


def test_stages_beyond_the_limit_share_one_name() -> None:
    """Names made up without end do not fill the memory."""
    monitor = RealTimePerformanceMonitor()
    for number in range(MAX_STAGES + 10):
        monitor.hop(f"stage {number}", queue_s=0.1, service_s=0.2)
    stages = monitor.snapshot().stages
    assert len(stages) == MAX_STAGES + 1
    assert stages[OTHER_STAGES].total.count == 10


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize(
    "tell_wrong",
    [
        lambda monitor, wrong: monitor.hop("asr", queue_s=wrong, service_s=0.1),
        lambda monitor, wrong: monitor.hop("asr", queue_s=0.1, service_s=wrong),
        lambda monitor, wrong: monitor.answered(wrong, target_s=0.3),
        lambda monitor, wrong: monitor.recorded("asr", queue_s=wrong, service_s=0.1),
        lambda monitor, wrong: monitor.recorded("asr", queue_s=0.1, service_s=0.1, audio_s=wrong),
    ],
)
def test_what_is_no_time_is_refused_and_not_counted(
    tell_wrong: Callable[[RealTimePerformanceMonitor, float], None], wrong: float
) -> None:
    """Whoever tells it learns so at once."""
    monitor = RealTimePerformanceMonitor()
    with pytest.raises(ValueError, match="a time must be 0 s or more and finite"):
        tell_wrong(monitor, wrong)
    snapshot = monitor.snapshot()
    assert snapshot.answered == 0
    assert all(times.total.count == 0 for times in (*snapshot.stages.values(), *snapshot.folder.values()))


def test_a_monitor_describes_itself_in_one_line() -> None:
    """With what is wrong."""
    monitor = RealTimePerformanceMonitor()
    monitor.tick(0.0, EngineState())
    assert repr(monitor) == "<RealTimePerformanceMonitor 0 windows, no alerts>"
    monitor.failed()
    monitor.tick(1.0, EngineState())
    assert repr(monitor) == "<RealTimePerformanceMonitor 1 windows, failing>"
