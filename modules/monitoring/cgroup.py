"""What the kernel's control groups allow this process: CPU quota and memory limit, cgroup v1 and v2; file reading only.

Every group from this process's own up to the top that is visible counts, because the tightest of them binds. Unknown
is `None` and unlimited is `math.inf`; neither is ever 0. File formats: Linux `Documentation/admin-guide/cgroup-v2.rst`,
`cgroup-v1/memory.rst`, `Documentation/scheduler/sched-bwc.rst`, and `man 7 cgroups`, `man 5 proc_pid_mountinfo`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path, PurePosixPath
from typing import Literal

from modules.monitoring.kernel_files import is_count, read_text

Controller = Literal["cpu", "memory"]
"""The controllers whose limits are read."""

_UNLIMITED_FROM = 1 << 62  # v1 says "none" as the largest page-aligned number, 9223372036854771712 with 4 KiB pages
_QUOTA_FIELDS = 2
_MOUNT_FIELDS = 5  # of a line of mountinfo, the fourth is the root of the mount and the fifth where it is mounted
_V1_MOUNTS: dict[Controller, tuple[str, ...]] = {
    "cpu": ("cpu", "cpu,cpuacct", "cpuacct,cpu"),
    "memory": ("memory",),
}


@dataclass(frozen=True, slots=True)
class SystemRoots:
    """Where the kernel's files are found: a parameter, so that any tree can be read in place of this machine's."""

    cgroup: Path = Path("/sys/fs/cgroup")
    proc: Path = Path("/proc")


class CgroupVersion(IntEnum):
    """The two interfaces; a hybrid system has both, each controller in one of them."""

    V1 = 1
    V2 = 2


@dataclass(frozen=True, slots=True)
class Groups:
    """The directories of this process's group and of all its visible ancestors, its own first, as `find_groups` gives.

    By controller and version; empty when the process is in no such group. The files need not be there.
    """

    directories: Mapping[tuple[Controller, CgroupVersion], tuple[Path, ...]]


@dataclass(frozen=True, slots=True)
class CgroupMemory:
    """The tightest memory limit of all groups, and what it leaves, in bytes.

    `limit_bytes` is `math.inf` when none is set. `used_bytes` belongs to the group that sets the limit, without page
    cache that the kernel gives back first (`inactive_file`); `available_bytes` is the least that any limited group
    has left. Both are `None` when unknown.
    """

    limit_bytes: float
    used_bytes: int | None = None
    available_bytes: float | None = None

    def __post_init__(self) -> None:
        if not self.limit_bytes > 0:
            raise ValueError(f"limit_bytes must be more than 0, got {self.limit_bytes}")
        for name, value in (("used_bytes", self.used_bytes), ("available_bytes", self.available_bytes)):
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be 0 or more, or None, got {value}")


@dataclass(frozen=True, slots=True)
class _MemoryFiles:
    limits: tuple[str, ...]
    usage: str
    reclaimable: str


_MEMORY_FILES = {
    CgroupVersion.V1: _MemoryFiles(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
    # above memory.high the kernel slows the group down and reclaims from it: no room to be on time in
    CgroupVersion.V2: _MemoryFiles(("memory.max", "memory.high"), "memory.current", "inactive_file"),
}


def cpu_quota(version: CgroupVersion, groups: Groups) -> float | None:
    """The CPUs that the tightest quota allows, `math.inf` when there is none, `None` when that is unknown."""
    return _tightest([quota for _, quota in _quotas(version, groups)])


def quota_groups(version: CgroupVersion, groups: Groups) -> list[Path]:
    """The groups that set a CPU quota, the own one first: each can hold this process up, not the tightest alone."""
    return [directory for directory, quota in _quotas(version, groups) if quota is not None and quota < math.inf]


def memory_limit(version: CgroupVersion, groups: Groups) -> CgroupMemory | None:
    """The tightest memory limit and its use, `None` when no limit file can be read and understood."""
    files = _MEMORY_FILES[version]
    limits: list[float | None] = []
    limited: list[tuple[float, int | None]] = []
    for directory in groups.directories["memory", version]:
        texts = [read_text(f"{directory}/{name}") for name in files.limits]
        own = [_parse_bytes(text) for text in texts if text is not None]
        limits += own
        known = min((limit for limit in own if limit is not None), default=math.inf)
        if known < math.inf:
            limited.append((known, _used_bytes(directory, files)))
    tightest = _tightest(limits)
    if tightest is None:
        return None
    if not limited:
        return CgroupMemory(tightest)
    limit_bytes, used_bytes = min(limited, key=lambda group: group[0])
    left = [max(0, limit - used) for limit, used in limited if used is not None]
    return CgroupMemory(limit_bytes, used_bytes, min(left, default=None))


def find_groups(roots: SystemRoots) -> Groups:
    """Where the groups of this process stand now; a process may be moved, so what is found does not hold for ever.

    Inside a container the hierarchy is often mounted from the container's group down, while `/proc/self/cgroup` still
    names the path from the host's top; `mountinfo` tells which part is mounted. A group outside that part, as seen
    from a cgroup namespace, leaves only the top that is mounted.
    """
    membership = (read_text(f"{roots.proc}/self/cgroup") or "").splitlines()
    mounts = _mounts(read_text(f"{roots.proc}/self/mountinfo") or "")
    return Groups(
        {
            (controller, version): _directories(_group(controller, version, membership), top, mounts)
            for version in CgroupVersion
            for controller, top in ((name, _top(name, version, roots)) for name in _V1_MOUNTS)
        }
    )


def _directories(group: PurePosixPath | None, top: Path, mounts: Mapping[str, str]) -> tuple[Path, ...]:
    """The directories of a group and its ancestors, as far as they are mounted at `top`."""
    if group is None:
        return ()
    if not group.name:  # the top, of all groups or of a namespace: of whatever is mounted
        return (top,)
    mounted = PurePosixPath(mounts.get(str(top)) or mounts.get(str(top.resolve()), "/"))
    inside = group.is_relative_to(mounted) and ".." not in group.parts
    relative = group.relative_to(mounted) if inside else PurePosixPath()
    return tuple(top / part for part in (relative, *relative.parents))


def _group(controller: Controller, version: CgroupVersion, membership: Sequence[str]) -> PurePosixPath | None:
    """The path of this process's group in the hierarchy that would hold the controller, from `/proc/self/cgroup`."""
    for line in membership:
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        wanted = hierarchy == "0" if version is CgroupVersion.V2 else controller in controllers.split(",")
        if wanted and path.startswith("/"):
            return PurePosixPath(path)
    return None


def _top(controller: Controller, version: CgroupVersion, roots: SystemRoots) -> Path:
    """Where the hierarchy is mounted by convention: v2 alone at the root, beside v1 in `unified`."""
    if version is CgroupVersion.V2:
        alone = (roots.cgroup / "cgroup.controllers").exists()
        return roots.cgroup if alone else roots.cgroup / "unified"
    for name in _V1_MOUNTS[controller]:
        if (roots.cgroup / name).is_dir():
            return roots.cgroup / name
    return roots.cgroup / controller


def _mounts(mountinfo: str) -> dict[str, str]:
    """For each place where control groups are mounted, the group whose files stand there."""
    mounts = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith(("cgroup ", "cgroup2 ")):
            fields = before.split(" ")
            if len(fields) >= _MOUNT_FIELDS:
                group, place = (_unescaped(field) for field in fields[_MOUNT_FIELDS - 2 : _MOUNT_FIELDS])
                mounts[place] = group  # a later mount hides an earlier one
    return mounts


def _unescaped(field: str) -> str:
    return field if "\\" not in field else re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


def _quotas(version: CgroupVersion, groups: Groups) -> list[tuple[Path, float | None]]:
    """What each group that has a quota file says in it, `None` when that makes no sense."""
    texts = [(directory, _quota_text(directory, version)) for directory in groups.directories["cpu", version]]
    return [(directory, _parse_quota(text)) for directory, text in texts if text is not None]


def _quota_text(directory: Path, version: CgroupVersion) -> str | None:
    """Quota and period as v2 writes them, "max 100000"; `None` when the group has no such file."""
    if version is CgroupVersion.V2:
        return read_text(f"{directory}/cpu.max")
    quota = read_text(f"{directory}/cpu.cfs_quota_us")
    return None if quota is None else f"{quota} {read_text(f'{directory}/cpu.cfs_period_us') or ''}"


def _parse_quota(text: str) -> float | None:
    fields = text.split()
    if fields and fields[0] in ("max", "-1"):
        return math.inf
    if len(fields) != _QUOTA_FIELDS or not all(is_count(field) for field in fields):
        return None
    quota, period = (int(field) for field in fields)
    return quota / period if quota and period else None


def _parse_bytes(text: str) -> int | float | None:
    text = text.strip()
    if text in ("max", "-1"):
        return math.inf
    if not is_count(text):
        return None
    limit = int(text)
    return math.inf if limit >= _UNLIMITED_FROM else limit or None


def _used_bytes(directory: Path, files: _MemoryFiles) -> int | None:
    text = (read_text(f"{directory}/{files.usage}") or "").strip()
    if not is_count(text):
        return None
    pairs = (line.split() for line in (read_text(f"{directory}/memory.stat") or "").splitlines())
    reclaimable = next((pair[1] for pair in pairs if len(pair) > 1 and pair[0] == files.reclaimable), "0")
    return max(0, int(text) - (int(reclaimable) if is_count(reclaimable) else 0))


def _tightest(limits: Sequence[float | None]) -> float | None:
    """The least known limit; without one, "unlimited" only if everything was understood and something was there."""
    least = min((limit for limit in limits if limit is not None), default=math.inf)
    if least == math.inf and (None in limits or not limits):
        return None
    return least
