import dataclasses
import math
import sys
from pathlib import Path

import pytest

from modules.errors import ConfigError
from modules.monitoring.cgroup import SystemRoots
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

MIB = 1 << 20


def v2_tree(tmp_path: Path, files: dict[str, str]) -> SystemRoots:
    """A system with cgroup v2 alone, this process in a group of its own, and these files at the top."""
    for name, text in {"cgroup.controllers": "cpu memory\n", **files}.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/\n", encoding="utf-8")
    return SystemRoots(cgroup=tmp_path / "cgroup", proc=tmp_path / "proc")


def nothing(tmp_path: Path) -> SystemRoots:
    """A system without control groups and without /proc."""
    return SystemRoots(cgroup=tmp_path / "none", proc=tmp_path / "none")


def reading(allowance: CpuAllowance | MemoryAllowance, source: LimitSource) -> float | None:
    """What one source said."""
    return {known.source: known.limit for known in allowance.readings}[source]


def of_cpus(cpus: float) -> CpuAllowance:
    """An allowance of so many CPUs."""
    return CpuAllowance.of([LimitReading(LimitSource.CGROUP_V2, cpus)])


def test_a_quota_below_the_hosts_cpus_binds(tmp_path: Path) -> None:
    """The source that set the limit is named and every source's reading is kept."""
    allowance = effective_cpus(roots=v2_tree(tmp_path, {"cpu.max": "60000 100000\n"}))
    assert allowance.cpus == pytest.approx(0.6)
    assert allowance.source is LimitSource.CGROUP_V2
    assert [known.source for known in allowance.readings] == list(LimitSource)


def test_without_control_groups_the_host_and_the_affinity_are_left(tmp_path: Path) -> None:
    """Missing sources are unknown, not 0."""
    allowance = effective_cpus(roots=nothing(tmp_path))
    assert allowance.cpus >= 1
    assert allowance.source in (LimitSource.HOST, LimitSource.AFFINITY)
    assert reading(allowance, LimitSource.CGROUP_V1) is None
    assert reading(allowance, LimitSource.CGROUP_V2) is None
    assert reading(allowance, LimitSource.USER) is None


def test_an_unlimited_quota_is_read_as_unlimited(tmp_path: Path) -> None:
    """Known and infinite is told from unknown."""
    allowance = effective_cpus(roots=v2_tree(tmp_path, {"cpu.max": "max 100000\n"}))
    assert reading(allowance, LimitSource.CGROUP_V2) == math.inf
    assert reading(allowance, LimitSource.CGROUP_V1) is None


def test_a_user_cap_binds_when_it_is_the_least(tmp_path: Path) -> None:
    """And only then."""
    roots = v2_tree(tmp_path, {"cpu.max": "60000 100000\n"})
    assert effective_cpus(0.5, roots=roots).source is LimitSource.USER
    assert effective_cpus(0.5, roots=roots).cpus == pytest.approx(0.5)
    assert effective_cpus(64, roots=roots).source is LimitSource.CGROUP_V2


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
    allowance = effective_memory(roots=v2_tree(tmp_path, files))
    assert (allowance.limit_bytes, allowance.source) == (32 * MIB, LimitSource.CGROUP_V2)
    assert (allowance.used_bytes, allowance.available_bytes) == (20 * MIB, 12 * MIB)
    assert [known.source for known in allowance.readings] == [s for s in LimitSource if s is not LimitSource.AFFINITY]


def test_without_control_groups_the_hosts_memory_is_left(tmp_path: Path) -> None:
    """All of it is the limit, what the host has available is left."""
    allowance = effective_memory(roots=nothing(tmp_path))
    assert allowance.source is LimitSource.HOST
    assert allowance.used_bytes is not None
    assert 0 < allowance.available_bytes <= allowance.limit_bytes
    assert reading(allowance, LimitSource.CGROUP_V2) is None


def test_a_group_whose_use_is_unknown_still_limits(tmp_path: Path) -> None:
    """Used is then None, and no more is available than the limit."""
    allowance = effective_memory(roots=v2_tree(tmp_path, {"memory.max": f"{MIB}\n"}))
    assert (allowance.limit_bytes, allowance.used_bytes) == (MIB, None)
    assert allowance.available_bytes <= MIB


def test_a_memory_cap_counts_this_process_alone(tmp_path: Path) -> None:
    """A cap below what is resident leaves nothing."""
    allowance = effective_memory(MIB, roots=nothing(tmp_path))
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
