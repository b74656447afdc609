import dataclasses
import math
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types
import pytest

from modules.errors import ConfigError
from modules.monitoring.cgroup import SystemRoots, find_groups
from modules.monitoring.resources import (
    CpuAllowance,
    LimitReading,
    LimitSource,
    MemoryAllowance,
    effective_cpus,
    effective_memory,
    peak_rss_bytes,
    unique_set_bytes,
    worker_count,
)
from tests.modules.monitoring.machine import MIB, nothing, v1_tree, v2_tree

V1_UNLIMITED = "9223372036854771712\n"


def reading(allowance: MemoryAllowance, source: LimitSource) -> float | None:
    """What one source said."""
    return {known.source: known.limit for known in allowance.readings}[source]


def of_cpus(cpus: float) -> CpuAllowance:
    """An allowance of so many CPUs."""
    return CpuAllowance.of([LimitReading(LimitSource.CGROUP_V2, cpus)])


def test_a_quota_below_the_hosts_cpus_binds(tmp_path: Path) -> None:
    """The source that set the limit is named and every source's reading is kept."""
    allowance = effective_cpus(groups=find_groups(v2_tree(tmp_path, {"cpu.max": "60000 100000\n"})))
    assert allowance.cpus == pytest.approx(0.6)
    assert allowance.source is LimitSource.CGROUP_V2
    assert [known.source for known in allowance.readings] == list(LimitSource)


def test_without_control_groups_the_host_and_the_affinity_are_left(tmp_path: Path) -> None:
    """Missing sources are unknown, not 0."""
    allowance = effective_cpus(groups=find_groups(nothing(tmp_path)))
    assert allowance.cpus >= 1
    assert allowance.source in (LimitSource.HOST, LimitSource.AFFINITY)
    assert [allowance.reading(source) for source in LimitSource if "cgroup" in source] == [None, None]
    assert allowance.reading(LimitSource.USER) is None


def test_an_unlimited_quota_is_read_as_unlimited(tmp_path: Path) -> None:
    """Known and infinite is told from unknown."""
    allowance = effective_cpus(groups=find_groups(v2_tree(tmp_path, {"cpu.max": "max 100000\n"})))
    assert allowance.reading(LimitSource.CGROUP_V2) == math.inf
    assert allowance.reading(LimitSource.CGROUP_V1) is None


def test_a_tighter_ancestor_binds_the_cpus_in_v2(tmp_path: Path) -> None:
    """A group may ask for more than the one above it has; two levels up counts as well."""
    files = {
        "pod/cpu.max": "40000 100000\n",
        "pod/app/cpu.max": "90000 100000\n",
        "pod/app/job/cpu.max": "max 100000\n",
    }
    allowance = effective_cpus(groups=find_groups(v2_tree(tmp_path, files, group="/pod/app/job")))
    assert (allowance.cpus, allowance.source) == (0.4, LimitSource.CGROUP_V2)


def test_a_tighter_ancestor_binds_the_cpus_in_v1(tmp_path: Path) -> None:
    """The same with a file for the quota and one for its period, which need not be alike."""
    files = {
        "cpu/pod/cpu.cfs_quota_us": "25000\n",
        "cpu/pod/cpu.cfs_period_us": "50000\n",
        "cpu/pod/app/cpu.cfs_quota_us": "80000\n",
        "cpu/pod/app/cpu.cfs_period_us": "100000\n",
        "cpu/pod/app/job/cpu.cfs_quota_us": "-1\n",
        "cpu/pod/app/job/cpu.cfs_period_us": "100000\n",
    }
    allowance = effective_cpus(groups=find_groups(v1_tree(tmp_path, files, group="/pod/app/job")))
    assert (allowance.cpus, allowance.source) == (0.5, LimitSource.CGROUP_V1)


def test_of_a_hybrid_system_the_tighter_version_binds(tmp_path: Path) -> None:
    """Both are read; the one that allows less is the one that counts."""
    files = {"cpu/app/cpu.cfs_quota_us": "70000\n", "cpu/app/cpu.cfs_period_us": "100000\n"}
    roots = v1_tree(tmp_path, {**files, "unified/app/cpu.max": "30000 100000\n"}, group="/app")
    with (roots.proc / "self" / "cgroup").open("a") as membership:
        membership.write("0::/app\n")
    allowance = effective_cpus(groups=find_groups(roots))
    assert (allowance.cpus, allowance.source) == (0.3, LimitSource.CGROUP_V2)
    assert allowance.reading(LimitSource.CGROUP_V1) == pytest.approx(0.7)


def test_a_limit_that_is_lifted_is_lifted_when_read_again(tmp_path: Path) -> None:
    """Nothing is remembered from the time before."""
    roots = v2_tree(tmp_path, {"cpu.max": "60000 100000\n", "memory.max": f"{MIB}\n"})
    assert effective_cpus(groups=find_groups(roots)).cpus == pytest.approx(0.6)
    assert effective_memory(groups=find_groups(roots)).limit_bytes == MIB
    v2_tree(tmp_path, {"cpu.max": "max 100000\n", "memory.max": "max\n"})
    assert effective_cpus(groups=find_groups(roots)).source is not LimitSource.CGROUP_V2
    assert effective_memory(groups=find_groups(roots)).source is LimitSource.HOST


def test_a_user_cap_binds_when_it_is_the_least(tmp_path: Path) -> None:
    """And only then."""
    roots = v2_tree(tmp_path, {"cpu.max": "60000 100000\n"})
    assert effective_cpus(0.5, groups=find_groups(roots)).source is LimitSource.USER
    assert effective_cpus(0.5, groups=find_groups(roots)).cpus == pytest.approx(0.5)
    assert effective_cpus(64, groups=find_groups(roots)).source is LimitSource.CGROUP_V2


@pytest.mark.parametrize("cap", [0, -1, math.nan, math.inf])
def test_a_user_cap_that_is_no_number_of_cpus_is_refused(cap: float) -> None:
    """A ConfigError names the field and the value."""
    with pytest.raises(ConfigError, match=f"user_cap must be more than 0 CPUs and finite, or None, got {cap}"):
        effective_cpus(cap)


def test_the_least_reading_is_the_allowance() -> None:
    """Of equal ones the first is credited; unknown and unlimited ones limit nothing."""
    allowance = CpuAllowance.of(
        (
            LimitReading(LimitSource.HOST, 8),
            LimitReading(LimitSource.AFFINITY, 4),
            LimitReading(LimitSource.CGROUP_V2, 4.0),
            LimitReading(LimitSource.CGROUP_V1, None),
            LimitReading(LimitSource.USER, math.inf),
        )
    )
    assert (allowance.cpus, allowance.source) == (4.0, LimitSource.AFFINITY)


def test_when_no_source_knows_one_cpu_is_certain() -> None:
    """Something runs this code; no source is credited for it."""
    allowance = CpuAllowance.of([LimitReading(LimitSource.HOST, None), LimitReading(LimitSource.CGROUP_V2, math.inf)])
    assert (allowance.cpus, allowance.source) == (1.0, None)


@pytest.mark.parametrize(("cpus", "workers"), [(2, 2), (2.0, 2), (1.5, 1), (1.0, 1), (0.6, 1), (0.01, 1), (3.999, 3)])
def test_workers_are_whole_cpus_and_at_least_one(cpus: float, workers: int) -> None:
    """Rounded down, so that no worker is throttled in the middle of a chunk."""
    assert worker_count(of_cpus(cpus)) == workers


@pytest.mark.parametrize("limit", [0, -1, math.nan])
def test_a_reading_of_nothing_is_refused(limit: float) -> None:
    """Unknown is None, never 0."""
    with pytest.raises(ValueError, match="must be more than 0, or None when unknown"):
        LimitReading(LimitSource.HOST, limit)


@pytest.mark.parametrize("cpus", [0, -2, math.inf, math.nan])
def test_an_allowance_of_no_number_of_cpus_is_refused(cpus: float) -> None:
    """CPUs are more than 0 and finite."""
    with pytest.raises(ValueError, match="cpus must be more than 0 and finite"):
        CpuAllowance(cpus, None, ())


def test_an_allowance_credited_to_a_source_that_did_not_say_so_is_refused() -> None:
    """The source must be among the readings, with that limit."""
    with pytest.raises(ValueError, match="source must be the reading that allows"):
        dataclasses.replace(of_cpus(2), source=LimitSource.HOST)


def test_a_group_below_the_hosts_memory_binds(tmp_path: Path) -> None:
    """Its use counts, and what it leaves."""
    files = {"memory.max": f"{32 * MIB}\n", "memory.current": f"{20 * MIB}\n"}
    allowance = effective_memory(groups=find_groups(v2_tree(tmp_path, files)))
    assert (allowance.limit_bytes, allowance.source) == (32 * MIB, LimitSource.CGROUP_V2)
    assert (allowance.used_bytes, allowance.available_bytes) == (20 * MIB, 12 * MIB)
    assert [known.source for known in allowance.readings] == [s for s in LimitSource if s is not LimitSource.AFFINITY]


def test_a_tighter_ancestor_binds_the_memory_in_v2(tmp_path: Path) -> None:
    """Its limit and its use; what is left is what the fuller of both has left."""
    files = {
        "pod/memory.max": f"{32 * MIB}\n",
        "pod/memory.current": f"{20 * MIB}\n",
        "pod/app/memory.max": f"{64 * MIB}\n",
        "pod/app/memory.current": f"{10 * MIB}\n",
        "pod/app/job/memory.max": "max\n",
    }
    allowance = effective_memory(groups=find_groups(v2_tree(tmp_path, files, group="/pod/app/job")))
    assert (allowance.limit_bytes, allowance.source) == (32 * MIB, LimitSource.CGROUP_V2)
    assert (allowance.used_bytes, allowance.available_bytes) == (20 * MIB, 12 * MIB)


def test_a_tighter_ancestor_binds_the_memory_in_v1(tmp_path: Path) -> None:
    """The same; the own group says "none" as the largest number there is."""
    files = {
        "memory/pod/memory.limit_in_bytes": f"{32 * MIB}\n",
        "memory/pod/memory.usage_in_bytes": f"{31 * MIB}\n",
        "memory/pod/memory.stat": f"inactive_file 1\ntotal_inactive_file {5 * MIB}\n",
        "memory/pod/app/memory.limit_in_bytes": f"{64 * MIB}\n",
        "memory/pod/app/memory.usage_in_bytes": f"{10 * MIB}\n",
        "memory/pod/app/job/memory.limit_in_bytes": V1_UNLIMITED,
    }
    allowance = effective_memory(groups=find_groups(v1_tree(tmp_path, files, group="/pod/app/job")))
    assert (allowance.limit_bytes, allowance.source) == (32 * MIB, LimitSource.CGROUP_V1)
    assert (allowance.used_bytes, allowance.available_bytes) == (26 * MIB, 6 * MIB)


def test_without_control_groups_the_hosts_memory_is_left(tmp_path: Path) -> None:
    """All of it is the limit, what the host has available is left."""
    allowance = effective_memory(groups=find_groups(nothing(tmp_path)))
    assert allowance.source is LimitSource.HOST
    assert allowance.used_bytes is not None
    assert 0 < allowance.available_bytes <= allowance.limit_bytes
    assert reading(allowance, LimitSource.CGROUP_V2) is None


def test_a_group_whose_use_is_unknown_still_limits(tmp_path: Path) -> None:
    """Used is then None, and no more is available than the limit."""
    allowance = effective_memory(groups=find_groups(v2_tree(tmp_path, {"memory.max": f"{MIB}\n"})))
    assert (allowance.limit_bytes, allowance.used_bytes) == (MIB, None)
    assert allowance.available_bytes <= MIB


def test_a_memory_cap_counts_this_process_alone(tmp_path: Path) -> None:
    """A cap below what is resident leaves nothing."""
    allowance = effective_memory(MIB, groups=find_groups(nothing(tmp_path)))
    assert (allowance.limit_bytes, allowance.source, allowance.available_bytes) == (MIB, LimitSource.USER, 0)
    assert allowance.used_bytes is not None
    assert allowance.used_bytes > MIB


@pytest.mark.parametrize("cap", [0, -1])
def test_a_memory_cap_of_nothing_is_refused(cap: int) -> None:
    """A ConfigError names the field and the value."""
    with pytest.raises(ConfigError, match=f"user_cap_bytes must be at least 1, or None, got {cap}"):
        effective_memory(cap)


@pytest.mark.parametrize(("limit", "used", "available"), [(0, 0, 0), (10, -1, 5), (10, 5, -1), (10, 0, 11)])
def test_a_memory_allowance_that_contradicts_itself_is_refused(limit: int, used: int, available: int) -> None:
    """No limit of 0, nothing negative, no more available than allowed."""
    with pytest.raises(ValueError, match="must be"):
        MemoryAllowance(limit, LimitSource.HOST, used, available, ())


def test_peak_resident_bytes_are_those_of_this_process(tmp_path: Path) -> None:
    """VmHWM in kB, from the status file."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "status").write_text("Name:\tpython\nVmHWM:\t    8736 kB\nVmRSS:\t 100 kB\n", encoding="utf-8")
    assert peak_rss_bytes(roots=SystemRoots(proc=tmp_path)) == 8736 * 1024


def test_peak_resident_bytes_are_known_without_a_status_file(tmp_path: Path) -> None:
    """Then getrusage answers; a Python process is larger than a MiB and smaller than a TiB in either unit."""
    assert MIB < peak_rss_bytes(roots=nothing(tmp_path)) < MIB * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux's")
def test_the_peak_holds_what_was_touched_and_is_gone() -> None:
    """64 MiB written once stay in the peak, up to the kernel's rounding of a few hundred kB."""
    before = unique_set_bytes()
    block = bytearray(b"x") * (64 * MIB)
    assert len(block) == 64 * MIB
    del block
    assert peak_rss_bytes() > before + 60 * MIB


def test_unique_bytes_are_a_part_of_the_resident_ones() -> None:
    """More than nothing, no more than the peak."""
    assert 0 < unique_set_bytes() <= peak_rss_bytes()


@pytest.fixture
def without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here psutil looks for /proc where there is nothing."""
    if sys.platform != "linux":
        pytest.skip("psutil reads /proc on Linux alone")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "no-proc"))


@pytest.mark.usefixtures("without_proc")
def test_an_unreadable_unique_set_is_an_error_and_no_number() -> None:
    """An OSError, whatever psutil calls it."""
    with pytest.raises(OSError, match="the unique set size of this process cannot be read"):
        unique_set_bytes()


@pytest.mark.usefixtures("without_proc")
def test_an_unreadable_host_leaves_what_the_others_say(tmp_path: Path) -> None:
    """The group's memory and the user's, whose use is then unknown; the host's reading is unknown."""
    groups = find_groups(v2_tree(tmp_path, {"memory.max": f"{32 * MIB}\n", "memory.current": f"{20 * MIB}\n"}))
    allowance = effective_memory(groups=groups)
    assert (allowance.limit_bytes, allowance.available_bytes) == (32 * MIB, 12 * MIB)
    assert reading(allowance, LimitSource.HOST) is None
    capped = effective_memory(MIB, groups=groups)
    assert (capped.limit_bytes, capped.source, capped.used_bytes) == (MIB, LimitSource.USER, None)
    assert effective_cpus(groups=groups).reading(LimitSource.AFFINITY) is None


@pytest.mark.usefixtures("without_proc")
@pytest.mark.parametrize("files", [{}, {"memory.max": "max\n"}])
def test_memory_that_nobody_tells_is_an_error_and_no_number(tmp_path: Path, files: dict[str, str]) -> None:
    """Neither unknown nor unlimited is an amount."""
    with pytest.raises(OSError, match="how much memory there is cannot be read"):
        effective_memory(groups=find_groups(v2_tree(tmp_path, files)))
