"""A promise is kept or broken only when that is shown; else it says what is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.compliance import Promise, Standing, promises
from modules.monitoring.engine_state import EngineState, PlanState
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.snapshot import ChunkCounts
from modules.monitoring.targets import PerformanceTarget, samples_needed
from modules.monitoring.windows import Slice, Window
from tests.measured import answered, times, window

TARGET = PerformanceTarget()
MB = 2**20


def slice_of(counts: ChunkCounts) -> Slice:
    """A slice with these counts, all latencies alike."""
    return Slice(0.0, 1.0, counts, times(*[0.1] * counts.answered))


def promise(name: str, *windows: Window, counts: ChunkCounts | None = None) -> Promise:
    """One promise after these windows."""
    judged = [slice_of(counts)] if counts else []
    (found,) = (one for one in promises(TARGET, judged, windows) if one.name == name)
    return found


def test_every_promise_of_the_target_is_judged() -> None:
    """In the target's own order, and with nothing measured none can be told."""
    found = promises(TARGET, [], [])
    assert [one.name for one in found] == list(PerformanceTarget.__dataclass_fields__)
    assert [one.target for one in found] == [300, 500, 512, 80, 2]
    assert {one.standing for one in found} == {Standing.UNKNOWN}
    assert all(one.measured is None and one.why for one in found)


@pytest.mark.parametrize(
    ("counts", "standing", "why"),
    [
        (answered(459), Standing.KEPT, "0 of 459 chunks missed 300 ms"),
        (answered(458), Standing.UNKNOWN, "0 of 458 chunks missed 300 ms; to be sure takes 459 chunks"),
        (answered(600, late=1), Standing.UNKNOWN, "1 of 600 chunks missed 300 ms; to be sure takes 662 chunks"),
        (answered(661, failed=1), Standing.KEPT, "1 of 662 chunks missed 300 ms"),
        (answered(5, dropped=2), Standing.BROKEN, "2 of 7 chunks missed 300 ms"),
        (answered(4, late=1), Standing.UNKNOWN, "1 of 4 chunks missed 300 ms; that may be chance"),
        (answered(1000, late=30), Standing.BROKEN, "30 of 1,000 chunks missed 300 ms"),
        (answered(0), Standing.UNKNOWN, "there was no live chunk"),
    ],
)
def test_chunk_latency_is_judged_by_misses_at_99_percent(counts: ChunkCounts, standing: Standing, why: str) -> None:
    """Late, failed and dropped alike."""
    found = promise("p99_chunk_latency_ms", counts=counts)
    assert (found.standing, found.why) == (standing, why)


@given(st.integers(0, 200), st.integers(0, 20_000))
def test_no_count_is_both_kept_and_broken(misses: int, others: int) -> None:
    """And with the chunks that are said to be needed it would be kept."""
    counts = answered(misses + others, late=misses)
    found = promise("p99_chunk_latency_ms", counts=counts)
    enough = promise("p99_chunk_latency_ms", counts=answered(samples_needed(misses), late=misses))
    assert enough.standing is Standing.KEPT
    if counts.chunks >= samples_needed(misses):
        assert found.standing is Standing.KEPT
    if found.standing is Standing.BROKEN:
        assert misses > 0.01 * counts.chunks


def test_the_pipeline_promise_has_the_chunk_inside() -> None:
    """From the chunk's first sample to its result; without the chunk's length it cannot be told."""
    told = window(state=EngineState(plan=PlanState(chunk_s=0.2)))
    found = promise("pipeline_latency_ms", told, counts=answered(459))
    assert found.standing is Standing.KEPT
    assert found.measured == pytest.approx(300, rel=0.01)
    assert promise("pipeline_latency_ms", window(), counts=answered(459)).standing is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("own_mb", "models_mb", "standing", "measured"),
    [
        (500, None, Standing.KEPT, 500),
        (600, 100, Standing.KEPT, 500),
        (600, None, Standing.UNKNOWN, 600),
        (700, 100, Standing.BROKEN, 600),
        (None, 100, Standing.UNKNOWN, None),
    ],
)
def test_memory_is_judged_beside_the_models(
    own_mb: int | None, models_mb: int | None, standing: Standing, measured: float | None
) -> None:
    """Where these are not known, only what is surely kept is kept."""
    state = EngineState(
        resources=ResourceSample(unique_set_bytes=None if own_mb is None else own_mb * MB),
        model_bytes=None if models_mb is None else models_mb * MB,
    )
    found = promise("memory_mb", window(state=state))
    assert (found.standing, found.measured) == (standing, measured)


def test_cpu_is_a_mean_over_the_last_windows_that_know_it() -> None:
    """A share of the effective CPUs."""

    def used(own_cpus: float | None) -> Window:
        return window(state=EngineState(resources=ResourceSample(cpus=2.0, own_cpus=own_cpus)))

    assert promise("cpu_percent", used(2.0), used(1.0), used(None)).measured == pytest.approx(75)
    assert promise("cpu_percent", used(2.0), used(1.0)).standing is Standing.KEPT
    assert promise("cpu_percent", used(2.0), used(1.5)).standing is Standing.BROKEN
    assert promise("cpu_percent", *[used(2.0)] * 5, *[used(0.0)] * 10).measured == 0


@pytest.mark.parametrize(
    ("counts", "waiting", "standing"),
    [
        (answered(2), 9, Standing.KEPT),
        (answered(1), 0, Standing.UNKNOWN),
        (answered(1), None, Standing.UNKNOWN),
        (answered(1), 3, Standing.BROKEN),
        (answered(1, dropped=1), 0, Standing.BROKEN),
        (answered(0, failed=1), 0, Standing.BROKEN),
    ],
)
def test_throughput_is_broken_only_where_more_was_asked_for(
    counts: ChunkCounts, waiting: int | None, standing: Standing
) -> None:
    """Two chunks a second are promised; who has one to answer answers one."""
    found = promise("throughput_chunks_per_s", window(counts=counts, state=EngineState(chunks_waiting=waiting)))
    assert (found.standing, found.measured) == (standing, counts.answered)
