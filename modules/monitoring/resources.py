"""What this process may use and does use of the machine: effective CPUs, effective memory, resident bytes.

The one file that imports psutil. psutil and `os.cpu_count` report the host, so the limits of `cgroup.py` are read too.
A source that cannot be read says so with `None`; it is never taken for 0 or for "no limit".
"""

import math
import re
import resource
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import psutil  # type: ignore[import-untyped]  # it has no types; this is its one door

from modules.errors import ConfigError
from modules.monitoring.cgroup import (
    CgroupMemory,
    CgroupVersion,
    Groups,
    SystemRoots,
    cpu_quota,
    find_groups,
    memory_limit,
)

_KIB = 1024
_THIS_MACHINE = SystemRoots()


class LimitSource(StrEnum):
    """Who can set a limit, in the order in which equal limits are credited: what takes nothing away is not named."""

    HOST = "host"
    AFFINITY = "affinity"
    CGROUP_V2 = "cgroup v2"
    CGROUP_V1 = "cgroup v1"
    USER = "user cap"


@dataclass(frozen=True, slots=True)
class LimitReading:
    """What one source allows, in CPUs or bytes: `None` when unknown, `math.inf` when it was read and sets no limit.

    The user's reading is `None` when no cap was given.
    """

    source: LimitSource
    limit: float | None

    def __post_init__(self) -> None:
        if self.limit is not None and not self.limit > 0:
            raise ValueError(f"limit of {self.source} must be more than 0, or None when unknown, got {self.limit}")


@dataclass(frozen=True, slots=True)
class CpuAllowance:
    """How many CPUs' worth of time this process gets: the least of all `readings`, and the source that set it.

    `source` is `None` when no source set a limit; `cpus` is then 1.0, because something is running this.
    """

    cpus: float
    source: LimitSource | None
    readings: tuple[LimitReading, ...]

    def __post_init__(self) -> None:
        if not 0 < self.cpus < math.inf:
            raise ValueError(f"cpus must be more than 0 and finite, got {self.cpus}")
        if self.source is not None and LimitReading(self.source, self.cpus) not in self.readings:
            raise ValueError(f"source must be the reading that allows {self.cpus} CPUs, got {self.source}")

    @classmethod
    def of(cls, readings: Iterable[LimitReading]) -> "CpuAllowance":
        """The allowance that these readings leave; of equal limits the first reading is credited."""
        known = tuple(readings)
        limits = [(reading.limit, reading.source) for reading in known if reading.limit is not None]
        cpus, source = min(limits, key=lambda pair: pair[0], default=(math.inf, None))
        return cls(1.0, None, known) if cpus == math.inf else cls(float(cpus), source, known)

    def reading(self, source: LimitSource) -> float | None:
        """What that source says; `None` when unknown or not asked."""
        return next((known.limit for known in self.readings if known.source is source), None)


@dataclass(frozen=True, slots=True)
class MemoryAllowance:
    """How many bytes this process may use: the least of all `readings`, and the source that set it.

    `used_bytes` is what counts against that limit now: the whole host's, the control group's or, under a user cap, this
    process's resident bytes; `None` when unknown. `available_bytes` is what every known source leaves now.
    """

    limit_bytes: int
    source: LimitSource
    used_bytes: int | None
    available_bytes: int
    readings: tuple[LimitReading, ...]

    def __post_init__(self) -> None:
        if self.limit_bytes < 1:
            raise ValueError(f"limit_bytes must be at least 1, got {self.limit_bytes}")
        if (self.used_bytes or 0) < 0 or not 0 <= self.available_bytes <= self.limit_bytes:
            raise ValueError(
                f"used_bytes must be 0 or more, available_bytes 0 to {self.limit_bytes}, "
                f"got {self.used_bytes} and {self.available_bytes}"
            )


def effective_cpus(user_cap: float | None = None, *, groups: Groups | None = None) -> CpuAllowance:
    """The CPUs this process really has: min(host, affinity, cgroup quotas of all ancestors, `user_cap`), a float.

    `groups` are those of this process when `None`. Raises `ConfigError` unless `user_cap` is more than 0 and finite.
    """
    if user_cap is not None and not 0 < user_cap < math.inf:
        raise ConfigError(f"user_cap must be more than 0 CPUs and finite, or None, got {user_cap}")
    groups = find_groups(_THIS_MACHINE) if groups is None else groups
    return CpuAllowance.of(
        (
            LimitReading(LimitSource.HOST, psutil.cpu_count() or None),
            LimitReading(LimitSource.AFFINITY, _affinity_cpus()),
            LimitReading(LimitSource.CGROUP_V2, cpu_quota(CgroupVersion.V2, groups)),
            LimitReading(LimitSource.CGROUP_V1, cpu_quota(CgroupVersion.V1, groups)),
            LimitReading(LimitSource.USER, user_cap),
        )
    )


def worker_count(allowance: CpuAllowance) -> int:
    """How many workers the allowance carries: whole CPUs, rounded down, and at least one (2 -> 2, 1.5 -> 1, 0.6 -> 1).

    Rounded down because a worker too many is throttled in the middle of a chunk when the quota is used up, while the
    rest of a CPU is what the event loop and the kernel run on.
    """
    return max(1, math.floor(allowance.cpus))


def effective_memory(user_cap_bytes: int | None = None, *, groups: Groups | None = None) -> MemoryAllowance:
    """The memory this process really has: min(host total, cgroup limits up to the root, `user_cap_bytes`).

    `groups` are those of this process when `None`. Raises `ConfigError` unless `user_cap_bytes` is at least 1, and
    `OSError` when neither the host nor a group nor the user tells a limit.
    """
    if user_cap_bytes is not None and user_cap_bytes < 1:
        raise ConfigError(f"user_cap_bytes must be at least 1, or None, got {user_cap_bytes}")
    groups = find_groups(_THIS_MACHINE) if groups is None else groups
    sources = [_host_memory()]
    for source, version in ((LimitSource.CGROUP_V2, CgroupVersion.V2), (LimitSource.CGROUP_V1, CgroupVersion.V1)):
        sources.append(_grouped(source, memory_limit(version, groups)))
    sources.append(_capped(user_cap_bytes))
    return _tightest_memory(sources)


def peak_rss_bytes(*, roots: SystemRoots = _THIS_MACHINE) -> int:
    """The most bytes this process has had resident at once, mapped files included, to a few hundred kB.

    On Linux from `VmHWM` of `/proc/self/status`: `getrusage`, used elsewhere and where that line is missing, also
    remembers what the parent had resident when it started this process (`ru_maxrss` outlives an exec).
    """
    try:
        status = (roots.proc / "self" / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        status = ""
    high_water = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    if high_water:
        return int(high_water[1]) * _KIB
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * _KIB  # man 2 getrusage: bytes on macOS, else kB


def unique_set_bytes() -> int:
    """The bytes that would be free if this process ended: its private pages, without mapped files it shares.

    Walks all page tables, which takes longer the larger the process is: read it every few seconds, not once a chunk.
    Raises `OSError` where the system does not tell.
    """
    try:
        return int(psutil.Process().memory_full_info().uss)
    except (psutil.Error, AttributeError) as error:  # AttributeError: psutil has no unique set on this system
        raise OSError(f"the unique set size of this process cannot be read: {error!r}") from error


@dataclass(frozen=True, slots=True)
class _MemorySource:
    source: LimitSource
    limit_bytes: float | None = None
    used_bytes: int | None = None
    available_bytes: float | None = None


def _host_memory() -> _MemorySource:
    try:
        host = psutil.virtual_memory()
    except OSError:
        return _MemorySource(LimitSource.HOST)
    return _MemorySource(LimitSource.HOST, int(host.total), int(host.total - host.available), int(host.available))


def _grouped(source: LimitSource, group: CgroupMemory | None) -> _MemorySource:
    if group is None:
        return _MemorySource(source)
    return _MemorySource(source, group.limit_bytes, group.used_bytes, group.available_bytes)


def _capped(cap_bytes: int | None) -> _MemorySource:
    if cap_bytes is None:
        return _MemorySource(LimitSource.USER)
    try:
        own_bytes = int(psutil.Process().memory_info().rss)
    except (psutil.Error, OSError):
        return _MemorySource(LimitSource.USER, cap_bytes)
    return _MemorySource(LimitSource.USER, cap_bytes, own_bytes, max(0, cap_bytes - own_bytes))


def _tightest_memory(sources: Sequence[_MemorySource]) -> MemoryAllowance:
    """The allowance these sources leave; of equal limits the first source is credited."""
    limited = [(known.limit_bytes, known) for known in sources if known.limit_bytes is not None]
    limit_bytes, tightest = min(limited, key=lambda pair: pair[0], default=(math.inf, None))
    if tightest is None or limit_bytes == math.inf:
        raise OSError("how much memory there is cannot be read: neither the host nor a control group tells")
    left = [known.available_bytes for known in sources if known.available_bytes is not None]
    return MemoryAllowance(
        limit_bytes=int(limit_bytes),
        source=tightest.source,
        used_bytes=tightest.used_bytes,
        available_bytes=int(min(limit_bytes, *left)),
        readings=tuple(LimitReading(known.source, known.limit_bytes) for known in sources),
    )


def _affinity_cpus() -> int | None:
    """How many CPUs the scheduler may put this process on; `None` where the system does not tell (macOS)."""
    try:
        process = psutil.Process()
        return len(process.cpu_affinity()) or None if hasattr(process, "cpu_affinity") else None
    except (psutil.Error, OSError):
        return None
