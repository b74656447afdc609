import pytest

from modules.measuring.validity import doubts
from modules.monitoring.pressure import ResourceSample

QUIET = ResourceSample(period_s=10.0, cpus=2.0, host_cpus=2.0, own_cpus=1.5, host_busy_cpus=1.55, stolen_cpus=0.0)


def test_a_quiet_machine_and_a_punctual_generator_leave_no_doubt() -> None:
    """Nothing to say."""
    assert doubts(0.0009, QUIET) == []


def test_a_late_generator_is_said() -> None:
    """Above 5 ms at p99."""
    assert doubts(0.0051, QUIET) == ["the generator was late: p99 5.1 ms, at most 5 ms"]


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (ResourceSample(period_s=9.0, cpus=2.0, own_cpus=1.0, host_busy_cpus=1.5), "other processes kept 0.50"),
        (ResourceSample(period_s=9.0, cpus=2.0, stolen_cpus=0.3), "the host took 0.30"),
    ],
)
def test_a_disturbed_machine_is_said(seen: ResourceSample, word: str) -> None:
    """With the numbers."""
    (said,) = doubts(0.0, seen)
    assert said.startswith(word)


def test_processes_of_ours_that_have_ended_are_no_others() -> None:
    """The generator is gone when the machine is looked at."""
    seen = ResourceSample(period_s=10.0, cpus=2.0, own_cpus=1.0, host_busy_cpus=1.25)
    assert doubts(None, seen)
    assert not doubts(None, seen, ours=0.2)


def test_what_is_unknown_is_no_doubt() -> None:
    """A machine without such counters is measured all the same."""
    assert doubts(0.0, ResourceSample()) == []
