"""The monitor counts every chunk once, and its snapshot stays as it was."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.monitor import RealTimePerformanceMonitor

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
        before.answered = 7  # type: ignore[misc]  # as above
