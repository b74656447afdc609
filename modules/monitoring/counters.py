"""The kernel's formats of counters, each parsed into its `Counts`; pure. Text that makes no sense is `None`, unknown.

Formats: Linux `Documentation/accounting/psi.rst`, `scheduler/sched-stats.rst`, `scheduler/sched-bwc.rst`,
`admin-guide/cgroup-v2.rst`, `man 5 proc_stat`, `man 5 proc_pid_stat`.
"""

import re
from collections.abc import Sequence

from modules.monitoring.kernel_files import MOST_DIGITS, Counts

_SOME = re.compile(r"^some .*\btotal=([0-9]+)$", re.MULTILINE)
_THROTTLED_NS = {"throttled_usec": 1000, "throttled_time": 1}  # v2 counts microseconds, v1 nanoseconds
_SCHEDSTAT_FIELDS = 3
_HOST_FIELDS = 8  # user nice system idle iowait irq softirq steal; those of guests are in user and nice already
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # fields 14 and 15 of the line, counted from the third


def pressure(text: str) -> Counts | None:
    """(stalled us): of `/proc/pressure/*` and `*.pressure`, the time in which some task had to wait."""
    found = _SOME.search(text)
    return None if found is None else _counts(found.groups())


def throttling(text: str) -> Counts | None:
    """(periods, throttled periods, throttled ns): of a group's `cpu.stat`, v1 and v2; ns are summed over CPUs."""
    pairs = dict(fields for line in text.splitlines() if len(fields := line.split()) == 2)  # noqa: PLR2004 - key, value
    for name, unit_ns in _THROTTLED_NS.items():
        counts = _counts([pairs.get(key, "") for key in ("nr_periods", "nr_throttled", name)])
        if counts is not None:
            periods, throttled, units = counts
            return periods, throttled, units * unit_ns
    return None


def schedule(text: str) -> Counts | None:
    """(ran ns, waited ns): of a thread's `schedstat`, the time on a CPU and the time in the run queue.

    A kernel that does not keep these writes zeros, which no thread that has ever run can have.
    """
    fields = text.split()
    counts = _counts(fields[:2]) if len(fields) == _SCHEDSTAT_FIELDS else None
    return counts if counts and any(counts) else None


def process_ticks(text: str) -> Counts | None:
    """(ticks): of `/proc/PID/stat`, the CPU time of all threads, user and system, those that have ended included."""
    _, bracket, after_name = text.rpartition(")")  # the name before it may hold anything, brackets too
    fields = after_name.split()
    if not bracket or len(fields) <= _SYSTEM_TICKS:
        return None
    counts = _counts([fields[_USER_TICKS], fields[_SYSTEM_TICKS]])
    return None if counts is None else (sum(counts),)


def host_ticks(text: str) -> Counts | None:
    """(busy ticks, stolen ticks): of `/proc/stat`, over all CPUs; stolen is what the host of a virtual machine took.

    A sandbox that does not know writes zeros, which no host that has ever run can have.
    """
    fields = text.partition("\n")[0].split()
    counts = _counts(fields[1 : _HOST_FIELDS + 1])
    if fields[:1] != ["cpu"] or counts is None or len(counts) < _HOST_FIELDS or not any(counts):
        return None
    user, nice, system, _, _, irq, softirq, steal = counts
    return user + nice + system + irq + softirq, steal


def _counts(fields: Sequence[str]) -> Counts | None:
    """The fields as numbers when each is one; looked at together, since this is done for each thread every second."""
    digits = "".join(fields)
    are_counts = digits.isascii() and digits.isdecimal() and all(fields) and len(max(fields, key=len)) <= MOST_DIGITS
    return tuple(map(int, fields)) if are_counts else None
