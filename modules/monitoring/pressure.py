"""`ResourceSample`: what this process had and used of the machine in one period, and what stood in its way. Pure.

It is read by `resource_sampler.py`. What a source cannot give is `None`, unknown; it is never taken for 0.
"""

import dataclasses
import math
from dataclasses import dataclass
from enum import StrEnum

from modules.monitoring.resources import LimitSource

_SHARES = frozenset(
    ("throttled", "cpu_pressure", "memory_pressure", "host_cpu_pressure", "host_memory_pressure", "run_queue_wait")
)
_POSITIVE = frozenset(("period_s", "cpus", "host_cpus", "memory_limit_bytes"))

# Where "held back" begins: above what was measured of busy threads that are alone, one to a CPU (1 % of waiting), and
# below what a neighbour with half of one of two CPUs did to them (16 %, 0.3 CPUs).
_THROTTLED_FROM = 0.05
_WAITING_FROM = 0.1
_OTHERS_FROM = 0.1  # of the CPUs this process may use
_ALL_FROM = 0.9  # of the same
_IDLE_BELOW_CPUS = 0.05


class CpuCause(StrEnum):
    """Why this process does not get the CPU time it wants."""

    NOTHING = "nothing"
    QUOTA = "quota"
    NEIGHBOUR = "neighbour"
    OWN_WORK = "own work"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSample:
    """What was seen at one instant, and rates over the `period_s` seconds before it; `None` is unknown.

    The first sample has no period, so no rates. Shares are 0 to 1. A value that cannot be raises `ValueError`.

    - `cpus`, `cpu_source`: CPUs' worth of time this process may use, and who set that limit.
    - `memory_limit_bytes`, `memory_used_bytes`, `memory_available_bytes`: as in `MemoryAllowance`.
    - `unique_set_bytes`: what would be free if this process ended; its children have their own.
    - `own_cpus`: CPUs kept busy by this process and the processes it started.
    - `host_cpus`, `host_busy_cpus`: CPUs of this host, and those kept busy by everybody on it. `stolen_cpus`: CPUs'
      worth of time that the host of this virtual machine gave to others.
    - `throttled`: share of the quota's periods in which it was used up before the end, 0 without a quota;
      `throttled_s`: seconds lost to that, summed over CPUs. Of several groups that set a quota, the most throttled.
    - `cpu_pressure`, `memory_pressure`: share of the period in which some task waited for a CPU, or for memory; of this
      process's control group, else of the host. `host_cpu_pressure`, `host_memory_pressure`: of the host.
    - `run_queue_wait`: of the time in which threads of this process and its children ran or could have run, the share
      they waited for a CPU.
    """

    period_s: float | None = None
    cpus: float | None = None
    cpu_source: LimitSource | None = None
    memory_limit_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_available_bytes: int | None = None
    unique_set_bytes: int | None = None
    own_cpus: float | None = None
    host_cpus: float | None = None
    host_busy_cpus: float | None = None
    stolen_cpus: float | None = None
    throttled: float | None = None
    throttled_s: float | None = None
    cpu_pressure: float | None = None
    memory_pressure: float | None = None
    host_cpu_pressure: float | None = None
    host_memory_pressure: float | None = None
    run_queue_wait: float | None = None

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is None:
                continue
            most, allowed = (1, "0 to 1") if name in _SHARES else (math.inf, "0 or more")
            if value == 0 and name in _POSITIVE:
                raise ValueError(f"{name} must be more than 0, or None when unknown, got {value}")
            if not 0 <= value <= most or value == math.inf:
                raise ValueError(f"{name} must be {allowed} and finite, or None when unknown, got {value}")

    @property
    def neighbour_cpus(self) -> float | None:
        """CPUs kept busy by others on this host: all that are busy less our own; `None` when either is unknown."""
        if self.host_busy_cpus is None or self.own_cpus is None:
            return None
        return max(0.0, self.host_busy_cpus - self.own_cpus)  # the two are counted in ticks of their own

    @property
    def cpu_cause(self) -> CpuCause:
        """What kept this process from CPU time it wanted.

        A quota is named first, since a group that is throttled also waits in the run queue and stands under pressure.
        Waiting beside others is their doing only while this process has CPUs left that it may use.
        """
        if self.throttled is not None and self.throttled >= _THROTTLED_FROM:
            return CpuCause.QUOTA
        if self._waiting is None:
            return CpuCause.UNKNOWN
        if self._waiting < _WAITING_FROM or self._is_idle:
            return CpuCause.NOTHING
        return self._cause_of_waiting

    @property
    def _cause_of_waiting(self) -> CpuCause:
        if self._is_stolen_from:
            return CpuCause.NEIGHBOUR
        may_be_throttled = self.throttled is None and self.cpu_source in (LimitSource.CGROUP_V1, LimitSource.CGROUP_V2)
        if may_be_throttled or self.own_cpus is None or self.cpus is None:
            return CpuCause.UNKNOWN
        if self.own_cpus >= _ALL_FROM * self.cpus:
            return CpuCause.OWN_WORK
        if self.neighbour_cpus is None or self.host_cpus is None:
            return CpuCause.UNKNOWN
        are_many = self.neighbour_cpus >= _OTHERS_FROM * self.cpus
        are_in_the_way = self.neighbour_cpus + self.cpus > self.host_cpus
        # with CPUs left over that nobody else uses, it is its own threads that all want to run at one moment
        return CpuCause.NEIGHBOUR if are_many and are_in_the_way else CpuCause.OWN_WORK

    def describe(self) -> str:
        """One or two plain sentences: what holds this process back, with the numbers that say so."""
        sentences = [self._describe_cpus()]
        if self.memory_pressure is not None and self.memory_pressure >= _WAITING_FROM:
            sentences.append(f"Memory is short: tasks waited for it {self.memory_pressure:.0%} of the time.")
        return " ".join(sentences)

    def _describe_cpus(self) -> str:
        use = f"it used {_number(self.own_cpus)} of its {_number(self.cpus)} CPUs"
        if self.own_cpus is None:
            use = "what it used is unknown"
        waited = f"its threads waited {_percent(self._waiting)} of the time they could have run"
        if self.run_queue_wait is None:
            waited = f"some thread waited {_percent(self._waiting)} of the time"
        match self.cpu_cause:
            case CpuCause.QUOTA:
                verdict = f"Held back by a CPU quota: throttled in {_percent(self.throttled)} of its periods; {use}"
            case CpuCause.NEIGHBOUR if self._is_stolen_from:
                verdict = f"Held back by the host of this virtual machine, which took {_number(self.stolen_cpus)} CPUs"
            case CpuCause.NEIGHBOUR:
                others = f"others kept {_number(self.neighbour_cpus)} CPUs busy"
                verdict = f"Held back by neighbours: {others}, {use}, and {waited}"
            case CpuCause.OWN_WORK:
                verdict = f"Busy with its own work: {use}, and {waited}"
            case CpuCause.NOTHING if self._is_idle:
                verdict = f"Not held back: it hardly wants to run, and used {_number(self.own_cpus)} CPUs"
            case CpuCause.NOTHING:
                verdict = f"Not held back: {use}, and {waited}"
            case CpuCause.UNKNOWN:
                verdict = f"Whether anything holds it back is unknown: {use}"
        return f"{verdict}."

    @property
    def _waiting(self) -> float | None:
        return self.cpu_pressure if self.run_queue_wait is None else self.run_queue_wait

    @property
    def _is_idle(self) -> bool:
        """Whether it wanted so little that a single wait of a few milliseconds would look like a large share."""
        if self.own_cpus is None or self.run_queue_wait is None:
            return False
        return self.own_cpus < _IDLE_BELOW_CPUS * (1 - self.run_queue_wait)  # what ran is that part of what was wanted

    @property
    def _is_stolen_from(self) -> bool:
        return self.stolen_cpus is not None and self.stolen_cpus >= _OTHERS_FROM * (self.cpus or 1)


_NUMBERS = tuple(field.name for field in dataclasses.fields(ResourceSample) if field.name != "cpu_source")


def _number(cpus: float | None) -> str:
    return "unknown" if cpus is None else f"{cpus:.2f}"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.0%}"
