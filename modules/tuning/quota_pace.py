"""`QuotaPace`: when a worker may begin its next call, so that a quota of CPU time does not run out within a period.

A quota counts CPU time in periods and stops everything, the event loop too, once it is used up (kernel.org,
sched-bwc). Where periods begin is not known, so no stretch of their length may hold more work than is allowed. Calls
that wait for the rest to end form larger batches, which cost less. Pure.
"""

from collections import deque

PERIOD_S = 0.1
"""Length of a quota's period, the kernel's default."""


class QuotaPace:
    """Told of each call of a single worker: more than one are only where there is a CPU for each."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        """No call was made yet."""
        self._calls: deque[tuple[float, float]] = deque()

    def ended(self, started_s: float, ended_s: float) -> None:
        """A call ran from then to then. Calls come in order of their ends."""
        self._calls.append((started_s, ended_s))
        while self._calls[0][1] < ended_s - PERIOD_S:
            self._calls.popleft()

    def next_s(self, work_share: float) -> float:
        """From when on another call, as long as the longest of late, leaves enough of every period idle.

        At most a share `work_share` of any stretch that long may be work.

        One that is longer than all that is allowed finds a period idle up to its own length: it cannot do better.
        """
        if not self._calls or work_share >= 1:
            return 0.0
        longest_s = max(ended_s - started_s for started_s, ended_s in self._calls)
        left_s = max(0.0, work_share * PERIOD_S - longest_s)
        for started_s, ended_s in reversed(self._calls):
            if ended_s - started_s > left_s:
                return ended_s - left_s + max(0.0, PERIOD_S - longest_s)
            left_s -= ended_s - started_s
        return 0.0
