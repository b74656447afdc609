"""The sampler turns counters into rates, and never an unknown into a number."""

import dataclasses
import math
import mmap
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.errors import ConfigError
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.resource_sampler import MIN_PERIOD_S, ResourceSampler
from modules.monitoring.resources import LimitSource
from modules.monitoring.surroundings import UserCaps
from tests.modules.monitoring.machine import (
    MIB,
    host,
    nothing,
    planted,
    pressure,
    process,
    thread,
    throttling,
    v1_tree,
    v2_tree,
)

RATES = {
    "own_cpus",
    "host_busy_cpus",
    "stolen_cpus",
    "throttled",
    "throttled_s",
    "cpu_pressure",
    "memory_pressure",
    "host_cpu_pressure",
    "host_memory_pressure",
    "run_queue_wait",
    "neighbour_cpus",
}


def rates(sample: ResourceSample) -> dict[str, float]:
    """All rates that are known."""
    known = {name: getattr(sample, name) for name in RATES}
    return {name: value for name, value in known.items() if value is not None}


def everything(at_s: float) -> dict[str, str]:
    """A v2 machine so many seconds later, each of its counters growing at a rate of its own."""
    at_s += 10
    return {
        **host(busy_s=1.8 * at_s, stolen_s=0.1 * at_s),
        **process(cpu_s=0.9 * at_s),
        **process("30", cpu_s=0.3 * at_s),
        **thread(1, ran_s=0.5 * at_s, waited_s=0.1 * at_s),
        **thread(2, ran_s=0.4 * at_s, waited_s=0.2 * at_s),
        **thread(30, ran_s=0.3 * at_s, waited_s=0.5 * at_s, pid="30"),
        "proc/self/task/2/children": "30 ",
        **pressure("proc/pressure/cpu", stalled_s=0.6 * at_s),
        **pressure("proc/pressure/memory", stalled_s=0.05 * at_s),
        **pressure("cgroup/app/cpu.pressure", stalled_s=0.4 * at_s),
        **pressure("cgroup/app/memory.pressure", stalled_s=0.02 * at_s),
        **throttling("cgroup/app/cpu.stat", (round(10 * at_s), round(3 * at_s)), lost_s=0.2 * at_s),
    }


def v2_machine(tmp_path: Path, *, limits_period_s: float = 5.0) -> ResourceSampler:
    """A sampler in the group `app` with a quota of 1.5 CPUs, on a machine where all files are there."""
    roots = v2_tree(tmp_path, {"app/cpu.max": "150000 100000\n", "app/memory.max": f"{64 * MIB}\n"}, group="/app")
    planted(tmp_path, everything(0))
    return ResourceSampler(roots=roots, limits_period_s=limits_period_s)


def test_the_first_sample_has_limits_and_no_rates(tmp_path: Path) -> None:
    """There is nothing yet to count from."""
    first = v2_machine(tmp_path).sample(100.0)
    assert rates(first) == {}
    assert first.period_s is None
    assert (first.cpu_source, first.memory_limit_bytes) == (LimitSource.CGROUP_V2, 64 * MIB)
    assert first.memory_used_bytes is None
    assert first.unique_set_bytes is not None


def test_rates_are_what_was_gained_in_the_period(tmp_path: Path) -> None:
    """Per second of the time that was given, children included, whatever the length of the period."""
    sampler = v2_machine(tmp_path)
    sampler.sample(100.0)
    for at_s in (1.0, 3.0, 4.0):
        planted(tmp_path, everything(at_s))
        sample = sampler.sample(100.0 + at_s)
        period_s = sample.period_s
        assert period_s == (2.0 if at_s == 3.0 else 1.0)
        assert rates(sample) == pytest.approx(
            {
                "own_cpus": 1.2,
                "host_busy_cpus": 1.8,
                "neighbour_cpus": 0.6,
                "stolen_cpus": 0.1,
                "throttled": 0.3,
                "throttled_s": 0.2 * period_s,
                "cpu_pressure": 0.4,
                "memory_pressure": 0.02,
                "host_cpu_pressure": 0.6,
                "host_memory_pressure": 0.05,
                "run_queue_wait": 0.8 / 2.0,
            }
        )


def test_a_v1_group_is_followed_where_its_quota_is(tmp_path: Path) -> None:
    """The quota is the parent's; pressure is the host's, since v1 has none."""
    files = {"cpu/pod/cpu.cfs_quota_us": "60000\n", "cpu/pod/cpu.cfs_period_us": "100000\n"}
    sampler = ResourceSampler(roots=v1_tree(tmp_path, files, group="/pod/app"))
    for at_s in (0, 1):
        planted(tmp_path, throttling("cgroup/cpu/pod/cpu.stat", (10 * at_s, 9 * at_s), lost_s=0.5 * at_s))
        planted(tmp_path, throttling("cgroup/cpu/pod/app/cpu.stat", (0, 0)))
        planted(tmp_path, pressure("proc/pressure/cpu", stalled_s=0.25 * at_s))
        sample = sampler.sample(at_s)
    assert (sample.cpus, sample.cpu_source) == (0.6, LimitSource.CGROUP_V1)
    assert (sample.throttled, sample.throttled_s) == (0.9, 0.5)
    assert sample.cpu_pressure == sample.host_cpu_pressure == 0.25
    assert sample.memory_pressure is None


def test_of_nested_quotas_the_one_that_throttles_counts(tmp_path: Path) -> None:
    """Ours is the tighter one, but others have used up the one above."""
    roots = v2_tree(tmp_path, {"pod/cpu.max": "200000 100000\n", "pod/app/cpu.max": "60000 100000\n"}, group="/pod/app")
    sampler = ResourceSampler(roots=roots)
    for at_s in (0, 1):
        planted(tmp_path, throttling("cgroup/pod/cpu.stat", (10 * at_s, 8 * at_s), lost_s=0.3 * at_s))
        planted(tmp_path, throttling("cgroup/pod/app/cpu.stat", (10 * at_s, 1 * at_s), lost_s=0.1 * at_s))
        sample = sampler.sample(at_s)
    assert sample.cpus == 0.6
    assert (sample.throttled, sample.throttled_s) == (0.8, 0.3)


def test_without_a_quota_nothing_is_throttled(tmp_path: Path) -> None:
    """Known, from the second sample on; it takes no `cpu.stat` to know."""
    sampler = ResourceSampler(roots=v2_tree(tmp_path, {"cpu.max": "max 100000\n"}))
    assert sampler.sample(0.0).throttled is None
    sample = sampler.sample(1.0)
    assert (sample.throttled, sample.throttled_s) == (0.0, 0.0)


def test_a_group_that_did_not_run_was_not_throttled(tmp_path: Path) -> None:
    """No period of the quota began, so none was cut short."""
    sampler = ResourceSampler(roots=v2_tree(tmp_path, {"cpu.max": "60000 100000\n"}))
    planted(tmp_path, throttling("cgroup/cpu.stat", (50, 20)))
    sampler.sample(0.0)
    assert sampler.sample(1.0).throttled == 0.0


def test_a_source_that_is_missing_is_unknown(tmp_path: Path) -> None:
    """All of them: no rate is known, and none is 0."""
    sampler = ResourceSampler(roots=nothing(tmp_path))
    for at_s in range(3):
        sample = sampler.sample(at_s)
        assert rates(sample) == {}
    assert sample.cpus is not None


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("proc/stat", {"host_busy_cpus", "stolen_cpus", "neighbour_cpus"}),
        ("proc/self/stat", {"own_cpus", "neighbour_cpus"}),
        ("proc/pressure/cpu", {"host_cpu_pressure"}),
        ("cgroup/app/memory.pressure", {"memory_pressure"}),
        ("cgroup/app/cpu.stat", {"throttled", "throttled_s"}),
    ],
)
def test_a_file_that_makes_no_sense_takes_only_its_own_rates(tmp_path: Path, name: str, lost: set[str]) -> None:
    """For that period and the next; then they are back."""
    sampler = v2_machine(tmp_path)
    known = []
    for at_s in range(5):
        planted(tmp_path, everything(at_s) | ({name: "?"} if at_s == 2 else {}))
        known.append(set(rates(sampler.sample(at_s))))
    assert known == [set(), RATES, RATES - lost, RATES - lost, RATES]


def test_counters_that_go_back_are_unknown_for_that_period(tmp_path: Path) -> None:
    """As when a group is made anew: nothing is negative, and the next period counts from there."""
    sampler = v2_machine(tmp_path)
    known: list[dict[str, float]] = []
    for at_s in (50, 51, 1, 2):
        planted(tmp_path, everything(at_s))
        known.append(rates(sampler.sample(100 + len(known))))
    assert set(known[1]) == RATES
    assert known[2] == {}
    assert known[3] == pytest.approx(known[1])


def test_a_process_that_is_moved_is_unknown_for_that_period(tmp_path: Path) -> None:
    """Its new group has counted since long before; its quota is found at once."""
    sampler = v2_machine(tmp_path, limits_period_s=1.0)
    sampler.sample(0)
    planted(tmp_path, everything(1) | {"proc/self/cgroup": "0::/new\n", "cgroup/new/cpu.max": "40000 100000\n"})
    for at_s in (1, 2):
        planted(tmp_path, throttling("cgroup/new/cpu.stat", (900 + 10 * at_s, 700 + 5 * at_s)))
        planted(tmp_path, pressure("cgroup/new/cpu.pressure", stalled_s=70 + 0.5 * at_s))
        planted(tmp_path, pressure("cgroup/new/memory.pressure", stalled_s=70))
        sample = sampler.sample(at_s)
        assert sample.cpus == 0.4
        seen = (sample.throttled, sample.cpu_pressure, sample.memory_pressure)
        assert seen == ((None, None, None) if at_s == 1 else (0.5, 0.5, 0.0))


def test_limits_are_found_again_every_period_of_their_own(tmp_path: Path) -> None:
    """A quota that is set or lifted while the process runs; a memory limit is seen in the next sample."""
    sampler = v2_machine(tmp_path, limits_period_s=5.0)
    seen = []
    for at_s in range(12):
        if at_s == 1:
            planted(tmp_path, {"cgroup/app/cpu.max": "30000 100000\n", "cgroup/app/memory.max": f"{32 * MIB}\n"})
        if at_s == 6:
            planted(tmp_path, {"cgroup/app/cpu.max": "max 100000\n"})
        sample = sampler.sample(at_s)
        seen.append((sample.cpu_source, sample.memory_limit_bytes))
        assert (sample.cpus == 0.3) is (5 <= at_s < 10)
    assert [source is LimitSource.CGROUP_V2 for source, _ in seen] == [True] * 10 + [False] * 2
    assert [limit for _, limit in seen] == [64 * MIB] + [32 * MIB] * 11


def test_a_child_counts_from_when_it_is_seen_to_its_end(tmp_path: Path) -> None:
    """What it had used before is not of this period, and its end makes nothing unknown."""
    sampler = ResourceSampler(roots=planted(tmp_path, process(cpu_s=1) | thread(1)), limits_period_s=0.5)
    assert sampler.sample(0).own_cpus is None
    planted(tmp_path, process(cpu_s=1.5) | process("30", cpu_s=900) | {"proc/self/task/1/children": "30"})
    assert sampler.sample(1).own_cpus == pytest.approx(0.5)
    planted(tmp_path, process(cpu_s=2) | process("30", cpu_s=901))
    assert sampler.sample(2).own_cpus == pytest.approx(1.5)
    (tmp_path / "proc" / "30" / "stat").unlink()
    planted(tmp_path, process(cpu_s=2.5))
    assert sampler.sample(3).own_cpus == pytest.approx(0.5)


def test_threads_that_come_and_go_make_nothing_unknown(tmp_path: Path) -> None:
    """Waiting is that of the threads that were there at both ends of the period."""
    sampler = ResourceSampler(
        roots=planted(tmp_path, thread(1, ran_s=1) | thread(2, ran_s=3, waited_s=3)), limits_period_s=0.5
    )
    sampler.sample(0)
    (tmp_path / "proc/self/task/2/schedstat").unlink()
    planted(tmp_path, thread(1, ran_s=1.3, waited_s=0.1) | thread(3, ran_s=50, waited_s=50))
    assert sampler.sample(1).run_queue_wait == pytest.approx(0.25)


def test_threads_that_wanted_nothing_waited_for_nothing(tmp_path: Path) -> None:
    """That is known to be 0."""
    sampler = ResourceSampler(roots=planted(tmp_path, thread(1, ran_s=1)))
    sampler.sample(0)
    assert sampler.sample(1).run_queue_wait == 0.0


def test_a_share_is_at_most_all_of_the_period(tmp_path: Path) -> None:
    """The files are read a little after the time is, so a counter may have gained a little more."""
    sampler = v2_machine(tmp_path)
    sampler.sample(0)
    planted(tmp_path, pressure("cgroup/app/cpu.pressure", stalled_s=5.02))
    planted(tmp_path, throttling("cgroup/app/cpu.stat", (109, 40), lost_s=2))
    sample = sampler.sample(1)
    assert (sample.cpu_pressure, sample.throttled) == (1.0, 1.0)


def test_a_period_too_short_has_no_rates_and_is_not_lost(tmp_path: Path) -> None:
    """The next sample counts from where it began."""
    sampler = v2_machine(tmp_path)
    sampler.sample(0)
    planted(tmp_path, everything(0.5))
    assert rates(sampler.sample(MIN_PERIOD_S / 2)) == {}
    assert rates(sampler.sample(MIN_PERIOD_S / 2)) == {}
    planted(tmp_path, everything(1))
    sample = sampler.sample(1)
    assert sample.period_s == 1
    assert sample.own_cpus == pytest.approx(1.2)


def test_time_that_goes_back_begins_anew(tmp_path: Path) -> None:
    """No rates then, and those of the next period are right."""
    sampler = v2_machine(tmp_path)
    sampler.sample(1000)
    planted(tmp_path, everything(1))
    assert rates(sampler.sample(5)) == {}
    planted(tmp_path, everything(2))
    assert sampler.sample(6).own_cpus == pytest.approx(1.2)


def test_after_time_went_back_limits_are_found_again(tmp_path: Path) -> None:
    """Not only when the old time is reached."""
    sampler = v2_machine(tmp_path)
    assert sampler.sample(1000).cpus == 1.5
    planted(tmp_path, {"cgroup/app/cpu.max": "30000 100000\n"})
    assert sampler.sample(5).cpus == 0.3


def test_a_file_that_is_another_one_is_followed_when_limits_are_found_again(tmp_path: Path) -> None:
    """Until then the one that was open is read, as of a kernel that has none of that name any more."""
    sampler = v2_machine(tmp_path, limits_period_s=2.0)
    sampler.sample(0)
    old = tmp_path / "proc" / "stat"
    old.rename(tmp_path / "old")
    planted(tmp_path, everything(2))
    assert sampler.sample(1).host_busy_cpus == 0.0
    assert sampler.sample(2).host_busy_cpus == pytest.approx(3.6)


@pytest.mark.skipif(sys.platform != "linux", reason="psutil reads /proc on Linux alone")
def test_what_psutil_cannot_read_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it could before; it is known again when it can."""
    sampler = ResourceSampler(roots=nothing(tmp_path), limits_period_s=1.0, unique_set_period_s=1.0)
    known = []
    for at_s in range(3):
        with monkeypatch.context() as patch:
            if at_s == 1:
                patch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "no-proc"))
            sample = sampler.sample(at_s)
        memory = (sample.memory_limit_bytes, sample.memory_used_bytes, sample.memory_available_bytes)
        known.append([value is not None for value in (*memory, sample.unique_set_bytes)])
    assert known == [[True] * 4, [False] * 4, [True] * 4]


@pytest.mark.parametrize("now_s", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_none_is_refused(tmp_path: Path, now_s: float) -> None:
    """It would stop the sampler for good."""
    with pytest.raises(ValueError, match="now_s must be finite, got"):
        v2_machine(tmp_path).sample(now_s)


@pytest.mark.parametrize("period_s", [0, -1, math.nan])
def test_a_period_of_nothing_is_refused(tmp_path: Path, period_s: float) -> None:
    """A ConfigError names the field and the value."""
    with pytest.raises(ConfigError, match=f"limits_period_s must be more than 0 s, got {period_s}"):
        ResourceSampler(roots=nothing(tmp_path), limits_period_s=period_s)
    with pytest.raises(ConfigError, match=f"unique_set_period_s must be more than 0 s, got {period_s}"):
        ResourceSampler(roots=nothing(tmp_path), unique_set_period_s=period_s)


def test_caps_that_are_none_are_refused_at_birth(tmp_path: Path) -> None:
    """Before the first sample."""
    with pytest.raises(ConfigError, match="user_cap must be more than 0 CPUs"):
        ResourceSampler(UserCaps(cpus=0), roots=nothing(tmp_path))
    assert ResourceSampler(UserCaps(cpus=0.25), roots=nothing(tmp_path)).sample(0).cpus == 0.25


def test_the_unique_set_is_read_rarely() -> None:
    """Memory taken since is seen when its own period has passed."""
    sampler = ResourceSampler(unique_set_period_s=10.0)
    before = sampler.sample(0).unique_set_bytes
    block = mmap.mmap(-1, 32 * MIB)  # fresh pages, whatever the allocator has left over
    block.write(b"x" * (32 * MIB))
    assert sampler.sample(9).unique_set_bytes == before
    after = sampler.sample(10).unique_set_bytes
    assert before is not None
    assert after is not None
    assert after > before + 30 * MIB
    block.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine_tells_what_this_process_did() -> None:
    """Over a period that is given as one second, it used at least what it burnt, and the host no less than nothing."""
    sampler = ResourceSampler()
    assert rates(sampler.sample(0)) == {}
    begun_s = time.process_time()
    while time.process_time() - begun_s < 0.1:
        pass
    sample = sampler.sample(1)
    assert sample.own_cpus is not None
    assert sample.own_cpus >= 0.07  # a tick of 10 ms may be missing of user and of system time
    assert sample.cpus is not None
    assert sample.describe()


garbage = st.one_of(st.just("?"), st.text("0123456789 \n.-%x", max_size=30), st.just("9" * 30))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(sorted(everything(0))), garbage), min_size=2, max_size=4),
    st.floats(0, 1e6),
)
def test_no_file_makes_it_raise_or_tell_what_cannot_be(
    tmp_path_factory: pytest.TempPathFactory, spoilt: list[dict[str, str]], at_s: float
) -> None:
    """A sample checks its own values; those of files that are in order are always the same."""
    folder = tmp_path_factory.getbasetemp() / "spoilt"
    sampler = v2_machine(folder, limits_period_s=1.5)
    history: list[dict[str, str]] = [{}, *spoilt]
    for number, files in enumerate(history):
        planted(folder, everything(number) | files)
        sample = sampler.sample(at_s + number)
        assert dataclasses.replace(sample) == sample
        if number and "proc/stat" not in files and "proc/stat" not in history[number - 1]:
            assert sample.host_busy_cpus == pytest.approx(1.8)
