"""Windows add up: what slices have together is what one long slice would have had."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.engine_state import EngineState
from modules.monitoring.histogram import MAX_RELATIVE_ERROR
from modules.monitoring.snapshot import ChunkCounts
from modules.monitoring.windows import Quantiles, Slice, Window, counts_of, joined, latency_of
from tests.measured import cut, stage, times, window

latencies = st.lists(st.floats(0, 10), max_size=20)
hops = st.dictionaries(st.sampled_from(["asr", "vad"]), st.tuples(st.floats(0, 1), st.floats(0, 1)))


@given(st.lists(st.tuples(latencies, hops), min_size=1, max_size=8))
def test_joined_slices_are_one_slice_of_all(parts: list[tuple[list[float], dict[str, tuple[float, float]]]]) -> None:
    """From the first one's start to the last one's end, every chunk and every hop once."""
    slices = [cut(number, *latencies_s, **stages) for number, (latencies_s, stages) in enumerate(parts)]  # type: ignore[arg-type]  # stages by name
    whole = joined(slices)
    everything = [latency_s for latencies_s, _ in parts for latency_s in latencies_s]
    assert (whole.start_s, whole.end_s) == (0.0, len(parts))
    assert whole.latency.buckets == times(*everything).buckets
    assert whole.counts == counts_of(slices)
    assert whole.counts.answered == len(everything)
    for name, found in whole.stages:
        own = [stages[name] for _, stages in parts if name in stages]
        assert found.queue.buckets == times(*(queue_s for queue_s, _ in own)).buckets
        assert found.service.buckets == times(*(service_s for _, service_s in own)).buckets
    assert {name for name, _ in whole.stages} == {name for _, stages in parts for name in stages}


@given(st.lists(latencies, min_size=1), st.data())
def test_joining_in_two_steps_is_joining_at_once(parts: list[list[float]], data: st.DataObject) -> None:
    """However the row is divided."""
    slices = [cut(number, *latencies_s) for number, latencies_s in enumerate(parts)]
    middle = data.draw(st.integers(1, len(slices)))
    sides = [joined(side) for side in (slices[:middle], slices[middle:]) if side]
    at_once, in_steps = joined(slices), joined(sides)
    assert in_steps.latency.buckets == at_once.latency.buckets
    assert (in_steps.start_s, in_steps.end_s, in_steps.counts) == (at_once.start_s, at_once.end_s, at_once.counts)


@given(st.lists(st.floats(0, 10), min_size=1))
def test_quantiles_are_those_of_the_times(values_s: list[float]) -> None:
    """The ends exactly, the rest within the histogram's error, in ascending order."""
    found = Quantiles.of(times(*values_s))
    assert found is not None
    assert (found.count, found.min_s, found.max_s) == (len(values_s), min(values_s), max(values_s))
    assert found.min_s <= found.p50_s <= found.p95_s <= found.p99_s <= found.max_s
    exact = sorted(values_s)[-(-99 * len(values_s) // 100) - 1]
    assert found.p99_s == pytest.approx(exact, rel=MAX_RELATIVE_ERROR, abs=1e-6)


def test_nothing_has_no_quantiles() -> None:
    """It is not zero: a window without chunks has no latency, and no fraction on time."""
    assert Quantiles.of(times()) is None
    empty = Window.of(cut(0), EngineState())
    assert empty.latency is None
    assert empty.counts.on_time_fraction is None
    assert empty.standing_wait_s is None
    assert latency_of([]).count == 0


def test_a_window_keeps_what_the_engine_said_at_its_end() -> None:
    """Beside the quantiles of each stage, and rates by its length."""
    measured = dataclasses.replace(cut(0, 0.1, 0.2, asr=(0.01, 0.02)), end_s=2.0, recorded_audio_s=6.0)
    found = Window.of(measured, EngineState(streams_open=3))
    assert (found.duration_s, found.answered_per_s, found.recorded_factor) == (2.0, 1.0, 3.0)
    assert found.state.streams_open == 3
    (asr,) = found.stages
    assert (asr.stage, asr.queue.max_s, asr.service.max_s) == ("asr", 0.01, 0.02)


def test_the_standing_wait_is_that_of_the_stage_whose_queue_never_empties() -> None:
    """Not of the one that happens to be free."""
    stages = (stage("vad", queue_s=0.0, service_s=0.1), stage("asr", queue_s=0.2, service_s=0.1))
    assert window(stages=stages).standing_wait_s == pytest.approx(0.2)


@pytest.mark.parametrize(("start_s", "end_s"), [(1.0, 1.0), (2.0, 1.0)])
def test_a_window_that_ends_before_it_begins_is_refused(start_s: float, end_s: float) -> None:
    """The message says when."""
    with pytest.raises(ValueError, match=f"got {start_s} s to {end_s} s"):
        Slice(start_s, end_s)


def test_latencies_and_counts_must_agree() -> None:
    """Every answered chunk has its latency."""
    with pytest.raises(ValueError, match="all 2 answered chunks, got 1"):
        Slice(0.0, 1.0, counts=ChunkCounts(answered=2), latency=times(0.1))
