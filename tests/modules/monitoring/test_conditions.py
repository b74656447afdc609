"""What is bad and what is well, with nothing in between that is both."""

from dataclasses import replace

import pytest

from modules.monitoring.alerts import Condition
from modules.monitoring.conditions import LATE_WINDOWS, conditions
from modules.monitoring.engine_state import EngineState
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.snapshot import ChunkCounts
from modules.monitoring.targets import PerformanceTarget
from modules.monitoring.windows import Window
from tests.measured import answered, stage, window

MB = 2**20


def condition(name: str, *windows: Window) -> Condition:
    """One condition in the last of these windows."""
    (found,) = (one for one in conditions(PerformanceTarget(), windows) if one.name == name)
    return found


def resources(**seen: float) -> Window:
    """A window in which the machine looked like that."""
    return window(state=EngineState(resources=ResourceSample(**seen)))  # type: ignore[arg-type]  # fields by name


def test_an_idle_engine_has_nothing_that_is_bad() -> None:
    """Nor one that says nothing of itself."""
    assert not [one.name for one in conditions(PerformanceTarget(), [window()]) if one.is_bad]


@pytest.mark.parametrize(
    ("counts", "is_bad"),
    [
        (answered(50), False),
        (answered(50, late=1), None),
        (answered(50, late=4), True),
        (answered(1000, late=10), False),
        (answered(1000, late=15), None),
        (answered(1000, late=30), True),
        (answered(0, dropped=2), True),
    ],
)
def test_late_is_bad_beyond_chance_and_well_within_the_promise(counts: ChunkCounts, is_bad: bool | None) -> None:  # noqa: FBT001 - a case
    """One late chunk of fifty is neither."""
    assert condition("late", window(counts=counts)).is_bad is is_bad


def test_late_looks_back_on_the_last_windows_only() -> None:
    """Old misses are forgotten."""
    old, new = window(counts=answered(100, late=50)), window(1, counts=answered(100))
    assert condition("late", old, *[new] * (LATE_WINDOWS - 1)).is_bad is True
    assert condition("late", old, *[new] * LATE_WINDOWS).is_bad is False
    assert condition("late", old).words == "50 of the 100 chunks of the last 1 s missed 300 ms"


def test_a_lost_chunk_is_bad_at_once() -> None:
    """Failed or dropped."""
    lost = window(counts=answered(5, failed=1, dropped=2))
    assert (condition("failing", lost).is_bad, condition("failing", lost).raise_after_s) == (True, 0.0)
    assert condition("failing", lost).words == "1 chunk failed in 1.0 s"
    assert condition("dropping", lost).words == "2 chunks dropped in 1.0 s"
    assert condition("failing", window()).is_bad is False


@pytest.mark.parametrize(("chunks", "waiting", "is_bad"), [(0, 3, True), (1, 3, False), (0, 0, False), (0, None, None)])
def test_stalled_is_waiting_without_an_answer(chunks: int, waiting: int | None, is_bad: bool | None) -> None:  # noqa: FBT001 - a case
    """Whether anything waits must be known."""
    state = EngineState(chunks_waiting=waiting)
    assert condition("stalled", window(counts=answered(chunks), state=state)).is_bad is is_bad


@pytest.mark.parametrize(("queue_s", "is_bad"), [(0.061, True), (0.03, None), (0.014, False)])
def test_a_queue_that_never_empties_stands(queue_s: float, is_bad: bool | None) -> None:  # noqa: FBT001 - a case
    """Above a fifth of the target, and well again below a twentieth."""
    stood = window(stages=(stage("asr", queue_s=queue_s, service_s=0.1),))
    assert condition("standing queue", stood).is_bad is is_bad


@pytest.mark.parametrize(("used", "is_bad"), [(91, True), (85, None), (79, False)])
def test_memory_is_bad_near_its_limit(used: int, is_bad: bool | None) -> None:  # noqa: FBT001 - a case
    """With a band between."""
    assert condition("memory", resources(memory_used_bytes=used, memory_limit_bytes=100)).is_bad is is_bad
    assert condition("memory", resources(memory_used_bytes=used)).is_bad is None


def test_memory_is_bad_near_the_targets_own_limit_too() -> None:
    """Beside the models, of 512 MB; where nobody says how much the models are it is not known."""
    seen = ResourceSample(unique_set_bytes=580 * MB, memory_used_bytes=10, memory_limit_bytes=100)
    short = condition("memory", window(state=EngineState(resources=seen, model_bytes=100 * MB)))
    assert (short.is_bad, short.words) == (True, "94 % of the 512 MB that are allowed beside models are in use")
    assert condition("memory", window(state=EngineState(resources=seen, model_bytes=200 * MB))).is_bad is False
    unknown = condition("memory", window(state=EngineState(resources=replace(seen, memory_used_bytes=None))))
    assert (unknown.is_bad, unknown.words) == (None, "how much memory is in use is not known")


@pytest.mark.parametrize(("throttled", "is_bad"), [(0.06, True), (0.03, None), (0.0, False)])
def test_a_quota_that_is_used_up_is_bad(throttled: float, is_bad: bool | None) -> None:  # noqa: FBT001 - a case
    """In more than one period of twenty."""
    assert condition("throttled", resources(throttled=throttled)).is_bad is is_bad


def test_neighbours_are_bad_when_they_are_in_the_way() -> None:
    """Not when they only are there, nor when nothing is known."""
    there = {"cpus": 2.0, "own_cpus": 0.5, "host_cpus": 2.0, "host_busy_cpus": 2.0}
    assert condition("neighbour", resources(**there, run_queue_wait=0.5)).is_bad is True
    assert condition("neighbour", resources(**there, run_queue_wait=0.0)).is_bad is False
    assert condition("neighbour", window()).is_bad is None


@pytest.mark.parametrize(("suspended", "is_bad"), [(2, True), (0, False), (None, None)])
def test_a_suspended_stream_is_bad(suspended: int | None, is_bad: bool | None) -> None:  # noqa: FBT001 - a case
    """Somebody is not served."""
    assert condition("suspended", window(state=EngineState(streams_suspended=suspended))).is_bad is is_bad
