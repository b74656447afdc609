"""A sample says what it knows, and tells a neighbour from a quota from its own work."""

import dataclasses
import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.pressure import CpuCause, ResourceSample
from modules.monitoring.resources import LimitSource

SHARES = [
    "throttled",
    "cpu_pressure",
    "memory_pressure",
    "host_cpu_pressure",
    "host_memory_pressure",
    "run_queue_wait",
]
AMOUNTS = [
    "memory_used_bytes",
    "memory_available_bytes",
    "unique_set_bytes",
    "own_cpus",
    "host_busy_cpus",
    "stolen_cpus",
    "throttled_s",
]
POSITIVE = ["period_s", "cpus", "host_cpus", "memory_limit_bytes"]

CALM = ResourceSample(
    period_s=1.0,
    cpus=2.0,
    cpu_source=LimitSource.HOST,
    own_cpus=1.0,
    host_cpus=2.0,
    host_busy_cpus=1.0,
    stolen_cpus=0.0,
    throttled=0.0,
    throttled_s=0.0,
    cpu_pressure=0.02,
    memory_pressure=0.0,
    run_queue_wait=0.01,
)


def sample(**seen: float | LimitSource | None) -> ResourceSample:
    """A calm machine of two CPUs, half of it used by this process, but for what is given."""
    return dataclasses.replace(CALM, **seen)  # type: ignore[arg-type]  # a test knows its fields


def test_nothing_seen_is_all_unknown() -> None:
    """Each field, and what is made of them."""
    unknown = ResourceSample()
    assert all(getattr(unknown, field.name) is None for field in dataclasses.fields(unknown))
    assert unknown.neighbour_cpus is None
    assert unknown.cpu_cause is CpuCause.UNKNOWN
    assert unknown.describe() == "Whether anything holds it back is unknown: what it used is unknown."


def test_every_field_has_a_range() -> None:
    """A field that is added says whether it is a share, an amount, or more than nothing."""
    names = {field.name for field in dataclasses.fields(ResourceSample)}
    assert names == {*SHARES, *AMOUNTS, *POSITIVE, "cpu_source"}


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan, math.inf])
def test_a_share_outside_0_to_1_is_refused(name: str, value: float) -> None:
    """With its name and the value."""
    with pytest.raises(ValueError, match=f"{name} must be 0 to 1 and finite, or None when unknown, got {value}"):
        sample(**{name: value})


@pytest.mark.parametrize("name", [*AMOUNTS, *POSITIVE])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_an_amount_below_0_is_refused(name: str, value: float) -> None:
    """With its name and the value."""
    with pytest.raises(ValueError, match=f"{name} must be 0 or more and finite, or None when unknown, got {value}"):
        sample(**{name: value})


@pytest.mark.parametrize("name", POSITIVE)
def test_a_limit_or_a_period_of_nothing_is_refused(name: str) -> None:
    """Unknown is None, never 0."""
    with pytest.raises(ValueError, match=f"{name} must be more than 0, or None when unknown, got 0"):
        sample(**{name: 0})


def test_a_sample_stays_as_it_was() -> None:
    """It is frozen, so it can be logged later and replayed."""
    with pytest.raises(FrozenInstanceError):
        CALM.cpus = 4.0  # type: ignore[misc]  # that is the point


def test_neighbours_are_what_is_busy_beside_us() -> None:
    """Not less than nothing, since the two are counted apart; unknown when one of them is."""
    assert sample(host_busy_cpus=1.75, own_cpus=1.25).neighbour_cpus == 0.5
    assert sample(host_busy_cpus=1.0, own_cpus=1.01).neighbour_cpus == 0
    assert sample(host_busy_cpus=None).neighbour_cpus is None
    assert sample(own_cpus=None).neighbour_cpus is None


def test_a_process_that_hardly_waits_is_not_held_back() -> None:
    """However busy it or its neighbours are."""
    assert CALM.cpu_cause is CpuCause.NOTHING
    assert sample(own_cpus=2.0, host_busy_cpus=2.0).cpu_cause is CpuCause.NOTHING
    assert sample(own_cpus=1.0, host_busy_cpus=2.0).cpu_cause is CpuCause.NOTHING
    expected = (
        "Not held back: it used 1.00 of its 2.00 CPUs, and its threads waited 1% of the time they could have run."
    )
    assert CALM.describe() == expected


def test_half_a_cpu_of_somebody_else_is_a_neighbour() -> None:
    """As measured: two busy threads beside a process that takes half of one CPU."""
    seen = sample(own_cpus=1.67, host_busy_cpus=1.97, cpu_pressure=0.29, run_queue_wait=0.16)
    assert seen.cpu_cause is CpuCause.NEIGHBOUR
    assert seen.describe() == (
        "Held back by neighbours: others kept 0.30 CPUs busy, it used 1.67 of its 2.00 CPUs, "
        "and its threads waited 16% of the time they could have run."
    )


def test_more_threads_than_cpus_are_its_own_work() -> None:
    """As measured: three busy threads on two CPUs."""
    seen = sample(own_cpus=1.92, host_busy_cpus=1.96, cpu_pressure=0.51, run_queue_wait=0.35)
    assert seen.cpu_cause is CpuCause.OWN_WORK
    assert seen.describe().startswith(
        "Busy with its own work: it used 1.92 of its 2.00 CPUs, and its threads waited 35%"
    )


def test_threads_that_wait_beside_idle_cpus_are_its_own_work() -> None:
    """They all want to run at one moment; nobody else is there."""
    assert sample(own_cpus=0.8, host_busy_cpus=0.9, run_queue_wait=0.3).cpu_cause is CpuCause.OWN_WORK


def test_neighbours_on_cpus_we_could_not_use_are_none() -> None:
    """On a host of 64, others may keep 30 busy and leave our two alone; with 63 busy they do not."""
    far = sample(host_cpus=64.0, host_busy_cpus=31.0, own_cpus=1.0, run_queue_wait=0.3)
    assert far.cpu_cause is CpuCause.OWN_WORK
    assert dataclasses.replace(far, host_busy_cpus=64.0).cpu_cause is CpuCause.NEIGHBOUR


def test_a_throttled_group_is_held_back_by_its_quota() -> None:
    """As measured with a quota of 0.6 and two busy threads; its waiting and its neighbours say nothing then."""
    seen = sample(
        cpus=0.6, cpu_source=LimitSource.CGROUP_V1, own_cpus=0.59, throttled=1.0, cpu_pressure=0.4, run_queue_wait=0.55
    )
    assert seen.cpu_cause is CpuCause.QUOTA
    assert dataclasses.replace(seen, host_busy_cpus=2.0).cpu_cause is CpuCause.QUOTA
    assert seen.describe() == (
        "Held back by a CPU quota: throttled in 100% of its periods; it used 0.59 of its 0.60 CPUs."
    )


def test_throttling_now_and_then_is_not_held_back() -> None:
    """Up to one period in twenty."""
    assert sample(throttled=0.04).cpu_cause is CpuCause.NOTHING
    assert sample(throttled=0.05).cpu_cause is CpuCause.QUOTA


def test_under_a_quota_that_cannot_be_followed_waiting_has_no_known_cause() -> None:
    """Being throttled looks like waiting; it is not put on the neighbours."""
    quota = sample(cpus=1.0, cpu_source=LimitSource.CGROUP_V2, own_cpus=0.5, host_busy_cpus=2.0, run_queue_wait=0.4)
    assert quota.cpu_cause is CpuCause.NEIGHBOUR
    assert dataclasses.replace(quota, throttled=None).cpu_cause is CpuCause.UNKNOWN


def test_cpus_that_the_hypervisor_takes_are_a_neighbours() -> None:
    """One outside of what this machine can see."""
    seen = sample(stolen_cpus=0.5, run_queue_wait=0.3)
    assert seen.cpu_cause is CpuCause.NEIGHBOUR
    assert seen.describe() == "Held back by the host of this virtual machine, which took 0.50 CPUs."


def test_a_process_that_hardly_runs_is_not_held_back() -> None:
    """One wait of 7 ms beside 3 ms of work is no reason to act; a starved process wants more than it got."""
    idle = sample(own_cpus=0.003, host_busy_cpus=2.0, run_queue_wait=0.7)
    assert idle.cpu_cause is CpuCause.NOTHING
    assert idle.describe() == "Not held back: it hardly wants to run, and used 0.00 CPUs."
    assert sample(own_cpus=0.02, host_busy_cpus=2.0, run_queue_wait=0.98).cpu_cause is CpuCause.NEIGHBOUR


def test_without_the_run_queue_pressure_tells() -> None:
    """It is coarser: the time in which any thread waited."""
    seen = sample(own_cpus=1.1, host_busy_cpus=2.0, run_queue_wait=None, cpu_pressure=0.4)
    assert seen.cpu_cause is CpuCause.NEIGHBOUR
    assert seen.describe().endswith("and some thread waited 40% of the time.")
    assert dataclasses.replace(seen, cpu_pressure=None).cpu_cause is CpuCause.UNKNOWN


@pytest.mark.parametrize("name", ["own_cpus", "host_busy_cpus", "cpus", "host_cpus"])
def test_a_cause_that_needs_what_is_unknown_is_unknown(name: str) -> None:
    """Nothing is put on anybody without the numbers for it."""
    seen = sample(own_cpus=1.0, host_busy_cpus=2.0, run_queue_wait=0.4)
    assert seen.cpu_cause is CpuCause.NEIGHBOUR
    assert dataclasses.replace(seen, **{name: None}).cpu_cause is CpuCause.UNKNOWN


def test_memory_that_is_short_is_told_as_well() -> None:
    """After the CPUs."""
    assert sample(memory_pressure=0.25).describe().endswith(" Memory is short: tasks waited for it 25% of the time.")
    assert "Memory" not in sample(memory_pressure=None).describe()


@given(st.fixed_dictionaries({}, optional={name: st.none() | st.floats(0, 1) for name in [*SHARES, *AMOUNTS]}))
def test_whatever_is_known_there_is_a_cause_and_a_sentence(seen: dict[str, float | None]) -> None:
    """And no number in it that is none."""
    text = sample(**seen).describe()
    assert text[0].isupper()
    assert text.endswith(".")
    assert "None" not in text
