"""Advice names what was seen and what would help, and there is none when all is well."""

import pytest

from modules.monitoring.engine_state import BatchState, EngineState, PlanState
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.recommendations import recommendations
from modules.monitoring.snapshot import ChunkCounts
from modules.monitoring.targets import PerformanceTarget
from modules.monitoring.windows import StageWindow
from tests.measured import answered, stage, window

WAITING = stage("LiveVosk", queue_s=0.38, service_s=0.04)
WORKING = stage("LiveVosk", queue_s=0.02, service_s=0.4)


def advice(
    *stages: StageWindow,
    p99_s: float | None = 0.42,
    counts: ChunkCounts | None = None,
    state: EngineState | None = None,
) -> tuple[str, ...]:
    """What is said of a window like this."""
    return recommendations(PerformanceTarget(), window(counts=counts, p99_s=p99_s, stages=stages, state=state))


def seen(**resources: float) -> EngineState:
    """An engine on a machine that looks like this."""
    return EngineState(resources=ResourceSample(**resources), plan=PlanState(workers=1))  # type: ignore[arg-type]  # fields by name


def test_there_is_none_when_all_is_well() -> None:
    """Within the target, or with nothing to do."""
    assert advice(WORKING, p99_s=0.29) == ()
    assert advice(p99_s=None) == ()


def test_it_says_that_chunks_wait_and_how_long() -> None:
    """With the stage that keeps them waiting."""
    (words,) = advice(stage("Detector", queue_s=0.01, service_s=0.01), WAITING)
    assert words.startswith("p99 is 420 ms because chunks wait for a worker: ")
    assert "99 of 100 calls of LiveVosk wait at most 380 ms and take at most 40 ms." in words


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        (EngineState(), "Admit fewer streams, take a smaller model, or add a machine."),
        (seen(throttled=0.3), "Raise the quota, or admit fewer streams."),
        (seen(cpus=2.0, own_cpus=0.8, host_cpus=2.0, host_busy_cpus=2.0, run_queue_wait=0.4), "CPUs of its own"),
        (seen(cpus=2.0, own_cpus=2.0, host_busy_cpus=2.0, run_queue_wait=0.4), "take a smaller model"),
        (seen(cpus=2.0, own_cpus=0.5, host_busy_cpus=0.5, run_queue_wait=0.0), "Only 1 of 2 CPUs have a worker"),
        (seen(cpus=1.0, own_cpus=0.5, host_busy_cpus=0.5, run_queue_wait=0.0), "holds the interpreter lock"),
    ],
)
def test_the_remedy_for_waiting_depends_on_who_has_the_cpus(state: EngineState, remedy: str) -> None:
    """Quota, neighbours, its own work, idle CPUs, or unknown."""
    (words,) = advice(WAITING, state=state)
    assert remedy in words


def test_long_calls_are_told_from_waiting() -> None:
    """A smaller model, or a batch that is too large."""
    (words,) = advice(WORKING)
    assert words.startswith("p99 is 420 ms because calls take long: ")
    assert words.endswith("Take a smaller or a quantised model, or shorter chunks.")
    (words,) = advice(WORKING, state=EngineState(batches=(BatchState("LiveVosk", 32.0, cap=64, knee=4),)))
    assert words.endswith("32 chunks share a call, 4 would do: lower `max_batch`.")


def test_time_that_no_stage_took_is_looked_for_outside() -> None:
    """The event loop, or whoever reads the events."""
    (words,) = advice(stage("LiveVosk", queue_s=0.001, service_s=0.01))
    assert "the rest is spent outside the workers" in words
    (words,) = advice()
    assert "where the time goes is not known" in words


def test_each_loss_has_its_sentence() -> None:
    """The most pressing first."""
    state = EngineState(
        streams_open=10,
        streams_suspended=1,
        resources=ResourceSample(memory_used_bytes=95, memory_limit_bytes=100),
        batches=(BatchState("LiveVosk", cap=4, knee=8), BatchState("Detector", cap=8, knee=8), BatchState("new")),
    )
    failed, dropped, suspended, memory, batch = advice(
        WORKING, p99_s=0.1, counts=answered(9, failed=1, dropped=3), state=state
    )
    assert failed.startswith("1 chunk failed: the `error` events")
    assert dropped.startswith("Samples were dropped 3 times")
    assert suspended.startswith("1 stream suspended so that the other 9 stay on time")
    assert memory.startswith("95 % of the memory")
    assert batch == "Calls of LiveVosk may share 4 chunks, 8 would be best: raise `max_batch`."
