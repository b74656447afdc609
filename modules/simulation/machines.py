"""`Machine` and `Processors`: cores that calls share with neighbours, and a quota that holds them back.

Processor sharing: all running calls progress alike, by as much of a core as neighbours and quota leave each. A quota
works as the kernel's does (kernel.org, sched-bwc): what 100 ms grant is used up, then all wait.
"""

import heapq
import math
from dataclasses import dataclass
from typing import Generic, TypeVar

Call = TypeVar("Call")

PERIOD_S = 0.1
"""Length of a quota's period, the kernel's default."""

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody else's work: wants `cpus` cores from `from_s` to `until_s`, in as many threads as that takes."""

    cpus: float
    from_s: float = 0.0
    until_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of `cores`, of which this process may use `quota_cpus` worth of time in each period from then on."""

    cores: int
    quota_cpus: float = math.inf
    neighbours: tuple[Neighbour, ...] = ()
    quota_from_s: float = 0.0

    def __post_init__(self) -> None:
        if self.cores < 1 or not self.quota_cpus > 0:
            raise ValueError(f"cores must be at least 1 and quota_cpus above 0, got {self}")

    def cpus(self, *, now_s: float = 0.0) -> float:
        """Effective CPUs."""
        return min(float(self.cores), self.quota_cpus) if now_s >= self.quota_from_s else float(self.cores)

    def granted_s(self, *, now_s: float) -> float:
        """CPU seconds that the period which begins then may use."""
        return self.quota_cpus * PERIOD_S if now_s >= self.quota_from_s - _TINY else math.inf

    def share(self, running: int, *, now_s: float) -> float:
        """How much of a core each of `running` calls gets beside the neighbours: the fair (max-min) share."""
        wants = sorted(
            neighbour.cpus / math.ceil(neighbour.cpus)
            for neighbour in self.neighbours
            if neighbour.from_s <= now_s < neighbour.until_s
            for _ in range(math.ceil(neighbour.cpus))
        )
        left, threads = float(self.cores), running + len(wants)
        for want in wants:
            if want >= min(1.0, left / threads):
                break
            left -= want
            threads -= 1
        return min(1.0, left / threads)


class Processors(Generic[Call]):
    """The calls that run on a machine, in virtual time; asked when the next one ends, and told to advance."""

    def __init__(self, machine: Machine) -> None:
        """Start idle at 0 s."""
        self._machine = machine
        self._now_s = 0.0
        self._work_s = 0.0  # that each call which ran all the time would have done
        self._running: list[tuple[float, int, Call]] = []
        self._number = 0
        self._rate = 1.0
        self._has_quota = machine.quota_cpus < math.inf
        self._period_end_s = PERIOD_S
        self._left_s = machine.granted_s(now_s=0.0)
        self._was_throttled = self._was_active = False
        self.periods = self.throttled_periods = 0
        """Quota periods in which something ran, and those of them in which it was held back."""
        self.busy_s = 0.0
        """CPU seconds used."""

    @property
    def running(self) -> int:
        """How many calls run."""
        return len(self._running)

    def start(self, call: Call, work_s: float) -> None:
        """Let `call` run until it has had `work_s` CPU seconds."""
        self._number += 1
        heapq.heappush(self._running, (self._work_s + work_s, self._number, call))
        self._retune()

    def changed(self) -> None:
        """Neighbours have come or gone."""
        self._retune()

    @property
    def next_s(self) -> float:
        """When something happens next of itself: a call ends, the quota is used up, or a period ends."""
        if not self._running:
            return math.inf
        ends_s = self._now_s + (self._running[0][0] - self._work_s) / self._rate if self._rate else math.inf
        if not self._has_quota:
            return ends_s
        spent_s = self._now_s + self._left_s / (self._rate * len(self._running)) if self._rate else math.inf
        return min(ends_s, spent_s, self._period_end_s)

    def advance(self, now_s: float) -> list[Call]:
        """Go on to `now_s`, at most `next_s`; the calls that end there."""
        if self._has_quota:
            self._use(now_s)
        done_s = self._rate * (now_s - self._now_s)
        self._work_s += done_s
        self.busy_s += done_s * len(self._running)
        self._now_s = now_s
        ended = []
        while self._running and self._running[0][0] <= self._work_s + _TINY:
            ended.append(heapq.heappop(self._running)[2])
        if ended or self._has_quota:
            self._retune()
        return ended

    def _retune(self) -> None:
        """How fast each call goes on from now."""
        if self._has_quota and self._left_s <= _TINY and self._running:
            self._rate = 0.0
            self._was_throttled = True
            return
        self._rate = self._machine.share(max(1, len(self._running)), now_s=self._now_s)

    def _use(self, now_s: float) -> None:
        """Take what ran until now off the quota; begin a new period when one has ended."""
        self._was_active |= bool(self._running)
        self._left_s -= self._rate * (now_s - self._now_s) * len(self._running)
        if now_s >= self._period_end_s - _TINY:
            self.periods += self._was_active and self._left_s < math.inf
            self.throttled_periods += self._was_throttled
            self._was_active = self._was_throttled = False
            missed = math.floor((now_s + _TINY - self._period_end_s) / PERIOD_S)
            self._period_end_s += (missed + 1) * PERIOD_S
            self._left_s = self._machine.granted_s(now_s=now_s)
