"""`ResourceSampler`: what this process has and uses of the machine, and what stands in its way, period after period.

It is given the time and reads files; it reads no clock. Rates are what the kernel's own counters gained in a period,
so nothing between two samples is missed.
"""

import math
import os
from collections.abc import Callable, Sequence

from modules.errors import ConfigError
from modules.monitoring import counters
from modules.monitoring.cgroup import SystemRoots
from modules.monitoring.kernel_files import Counters, Counts
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.resources import LimitSource, unique_set_bytes
from modules.monitoring.surroundings import Surroundings, UserCaps, known_memory, look_around

MIN_PERIOD_S = 0.1
"""No rates are made over less than this: the kernel counts CPU time in ticks of about 10 ms."""

_THIS_MACHINE = SystemRoots()
_NO_CAPS = UserCaps()
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_US_PER_S = 1_000_000
_NS_PER_S = 1_000_000_000


class ResourceSampler:
    """Samples by `sample(now_s)`, from one thread at a time.

    Memory in use and its limits are read in every sample: the kernel ends a group that is over its limit at once. CPU
    limits, groups and children are looked up anew every `limits_period_s`, since all of them change while a process
    runs; the unique set, which takes longer the larger the process is, every `unique_set_period_s`.
    Raises `ConfigError` for a period that is not more than 0 s, and for caps as `effective_cpus` and
    `effective_memory` do.
    """

    def __init__(
        self,
        caps: UserCaps = _NO_CAPS,
        *,
        limits_period_s: float = 10.0,
        unique_set_period_s: float = 10.0,
        roots: SystemRoots = _THIS_MACHINE,
    ) -> None:
        for name, period_s in (("limits_period_s", limits_period_s), ("unique_set_period_s", unique_set_period_s)):
            if not period_s > 0:
                raise ConfigError(f"{name} must be more than 0 s, got {period_s}")
        self._caps = caps
        self._limits_period_s = limits_period_s
        self._unique_set_period_s = unique_set_period_s
        self._roots = roots
        self._counters = Counters()
        self._sampled_s = self._looked_s = self._unique_set_s = -math.inf
        self._period_s: float | None = None
        self._unique_set_bytes: int | None = None
        self._around = look_around(caps, roots)  # looked at again by the first sample: caps are refused here, at birth

    def sample(self, now_s: float) -> ResourceSample:
        """What is so at `now_s`, an instant of any steady clock, and the rates since the sample before.

        There are no rates in the first sample, nor when time went back, which begins anew. Until `MIN_PERIOD_S` have
        passed there are none either, and the next ones begin where these would have. Raises `ValueError` unless
        `now_s` is finite.
        """
        if not math.isfinite(now_s):
            raise ValueError(f"now_s must be finite, got {now_s}")
        if not 0 <= now_s - self._looked_s < self._limits_period_s:
            self._around, self._looked_s = look_around(self._caps, self._roots), now_s
            self._counters.reopen()
        if not 0 <= now_s - self._unique_set_s < self._unique_set_period_s:
            self._unique_set_bytes, self._unique_set_s = _known_unique_set_bytes(), now_s
        elapsed_s = now_s - self._sampled_s
        self._period_s = elapsed_s if MIN_PERIOD_S <= elapsed_s < math.inf else None
        sample = self._measured(self._around)
        if not 0 <= elapsed_s < MIN_PERIOD_S:
            self._counters.next_period()
            self._sampled_s = now_s
        return sample

    def _measured(self, around: Surroundings) -> ResourceSample:
        memory = known_memory(self._caps.memory_bytes, around.groups)
        throttled, throttled_s = self._throttled(around)
        host_busy_cpus, stolen_cpus = self._host_cpus()
        stalled = {path: self._stalled(path) for path in {*around.pressure_files, *around.host_pressure_files}}
        cpu_pressure, memory_pressure = (stalled[path] for path in around.pressure_files)
        host_cpu_pressure, host_memory_pressure = (stalled[path] for path in around.host_pressure_files)
        return ResourceSample(
            period_s=self._period_s,
            cpus=around.cpus.cpus,
            cpu_source=around.cpus.source,
            memory_limit_bytes=memory.limit_bytes if memory else None,
            memory_used_bytes=memory.used_bytes if memory else None,
            memory_available_bytes=memory.available_bytes if memory else None,
            unique_set_bytes=self._unique_set_bytes,
            own_cpus=self._own_cpus(around.process_files),
            host_cpus=around.cpus.reading(LimitSource.HOST),
            host_busy_cpus=host_busy_cpus,
            stolen_cpus=stolen_cpus,
            throttled=throttled,
            throttled_s=throttled_s,
            cpu_pressure=cpu_pressure,
            memory_pressure=memory_pressure,
            host_cpu_pressure=host_cpu_pressure,
            host_memory_pressure=host_memory_pressure,
            run_queue_wait=self._run_queue_wait(around.schedule_files),
        )

    def _gained(self, path: str, parse: Callable[[str], Counts | None]) -> Counts | None:
        gains = self._counters.gained(path, parse)
        return None if self._period_s is None else gains

    def _host_cpus(self) -> tuple[float | None, float | None]:
        """CPUs busy and CPUs stolen."""
        gains = self._gained(f"{self._roots.proc}/stat", counters.host_ticks)
        if gains is None or self._period_s is None:
            return None, None
        busy, stolen = (ticks / _TICKS_PER_S / self._period_s for ticks in gains)
        return busy, stolen

    def _own_cpus(self, files: Sequence[str]) -> float | None:
        """CPUs kept busy by this process and its children; a child counts from when it was first seen to its end."""
        own, *others = (self._gained(path, counters.process_ticks) for path in files)
        if own is None or self._period_s is None:
            return None
        ticks = sum(own) + sum(sum(gains) for gains in others if gains is not None)
        return ticks / _TICKS_PER_S / self._period_s

    def _throttled(self, around: Surroundings) -> tuple[float | None, float | None]:
        """Share of periods throttled and seconds lost, of the most throttled group: it holds up all below it."""
        gains = [self._gained(path, counters.throttling) for path in around.quota_files]
        if self._period_s is not None and not gains and around.is_without_quota:
            return 0.0, 0.0
        worst = [(hit / max(periods, hit, 1), lost_ns / _NS_PER_S) for periods, hit, lost_ns in filter(None, gains)]
        return max(worst, default=(None, None))

    def _stalled(self, path: str) -> float | None:
        """Share of the period in which some task of the group, or of the host, had to wait."""
        gains = self._gained(path, counters.pressure)
        if gains is None or self._period_s is None:
            return None
        return min(1.0, gains[0] / _US_PER_S / self._period_s)  # the file is read a little after the time is

    def _run_queue_wait(self, files: Sequence[str]) -> float | None:
        """Share of the time threads could have run that they waited for a CPU, 0 when none wanted to run."""
        gains = [self._gained(path, counters.schedule) for path in files]
        known = [gain for gain in gains if gain is not None]
        if not known:
            return None
        waited_ns = sum(waited for _, waited in known)
        return waited_ns / max(1, waited_ns + sum(ran for ran, _ in known))


def _known_unique_set_bytes() -> int | None:
    try:
        return unique_set_bytes()
    except OSError:
        return None
