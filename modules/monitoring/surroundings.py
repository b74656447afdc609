"""What surrounds a process and may change while it runs: its limits, the groups that set them, processes it started.

Looked up from time to time; what is read in every sample is `resource_sampler.py`'s.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path

from modules.monitoring import counters
from modules.monitoring.cgroup import CgroupVersion, Groups, SystemRoots, find_groups, quota_groups
from modules.monitoring.kernel_files import is_count, read_text
from modules.monitoring.resources import (
    CpuAllowance,
    LimitSource,
    MemoryAllowance,
    effective_cpus,
    effective_memory,
)

MAX_CHILDREN = 64
"""Most processes started by this one whose CPU time counts as its own."""
MAX_THREADS = 48
"""Most threads whose waiting is counted, those that ran or waited longest so far: each costs the same."""

_KINDS = ("cpu", "memory")
_CGROUPS = (LimitSource.CGROUP_V1, LimitSource.CGROUP_V2)


@dataclass(frozen=True, slots=True)
class UserCaps:
    """What the user allows, in CPUs and in bytes; `None` is no cap. Checked where they are used."""

    cpus: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds at the moment, and the files that tell what becomes of it.

    - `quota_files`: `cpu.stat` of each group above this process that sets a quota.
    - `pressure_files`: for CPU and for memory, that of this process's group where it has one, else of the host.
    - `host_pressure_files`: those of the host.
    - `process_files`: `stat` of this process, first, and of those it started.
    - `schedule_files`: `schedstat` of their threads, of the busiest when there are more than `MAX_THREADS`.
    """

    cpus: CpuAllowance
    memory: MemoryAllowance | None
    groups: Groups
    quota_files: tuple[str, ...]
    pressure_files: tuple[str, ...]
    host_pressure_files: tuple[str, ...]
    process_files: tuple[str, ...]
    schedule_files: tuple[str, ...]

    @property
    def is_without_quota(self) -> bool:
        """Whether control groups were read and none of them sets a quota."""
        quotas = [self.cpus.reading(source) for source in _CGROUPS]
        return math.inf in quotas and all(quota in (None, math.inf) for quota in quotas)


def look_around(caps: UserCaps, roots: SystemRoots) -> Surroundings:
    """The surroundings now. Raises `ConfigError` for caps as `effective_cpus` and `effective_memory` do."""
    groups = find_groups(roots)
    threads = _threads(roots.proc, "self")
    children = _children(roots.proc, threads)
    schedules = [f"{roots.proc}/self/task/{thread}/schedstat" for thread in threads]
    for pid in children:
        schedules += [f"{roots.proc}/{pid}/task/{thread}/schedstat" for thread in _threads(roots.proc, pid)]
    host_pressure_files = tuple(f"{roots.proc}/pressure/{kind}" for kind in _KINDS)
    return Surroundings(
        cpus=effective_cpus(caps.cpus, groups=groups),
        memory=known_memory(caps.memory_bytes, groups),
        groups=groups,
        quota_files=tuple(f"{group}/cpu.stat" for version in CgroupVersion for group in quota_groups(version, groups)),
        pressure_files=_own_pressure_files(groups) or host_pressure_files,
        host_pressure_files=host_pressure_files,
        process_files=tuple(f"{roots.proc}/{pid}/stat" for pid in ("self", *children)),
        schedule_files=tuple(schedules if len(schedules) <= MAX_THREADS else _busiest(schedules)),
    )


def known_memory(cap_bytes: int | None, groups: Groups) -> MemoryAllowance | None:
    """What these groups allow and use now; `None` when nobody tells. Raises `ConfigError` as `effective_memory`."""
    try:
        return effective_memory(cap_bytes, groups=groups)
    except OSError:
        return None


def _own_pressure_files(groups: Groups) -> tuple[str, ...]:
    """Those of this process's group; empty unless all of them can be read. Version 1 has none."""
    own = groups.directories["cpu", CgroupVersion.V2][:1]
    files = tuple(f"{group}/{kind}.pressure" for group in own for kind in _KINDS)
    return files if all(counters.pressure(read_text(file) or "") is not None for file in files) else ()


def _busiest(schedules: Sequence[str]) -> list[str]:
    """Those threads that ran or wanted to run for the longest time since they were started."""
    return nlargest(MAX_THREADS, schedules, key=lambda file: sum(counters.schedule(read_text(file) or "") or (0,)))


def _children(proc: Path, threads: Sequence[str]) -> list[str]:
    """The processes that this one started and that live, without those they started; none where none are listed."""
    listed = (read_text(f"{proc}/self/task/{thread}/children") for thread in threads)
    numbers = {pid for text in listed if text for pid in text.split() if is_count(pid)}
    return sorted(numbers, key=int)[:MAX_CHILDREN]


def _threads(proc: Path, pid: str) -> list[str]:
    """The threads of a process by number; none when they cannot be listed."""
    try:
        with os.scandir(f"{proc}/{pid}/task") as entries:
            return sorted((entry.name for entry in entries if is_count(entry.name)), key=int)
    except OSError:
        return []
