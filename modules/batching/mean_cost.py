"""`MeanCost`: what a payload has cost of late, whatever it was by: all worker time by all payloads. Pure.

The cost model compares sizes of calls, and looks at the latest ones. A recogniser that decodes at every third chunk
only, in step with others that began when it did, then seems to cost a tenth now and twice its due a moment later. What
a machine carries is a matter of the mean over all of that.
"""

import math

_WINDOW_S = 1.5  # several times what recognisers gather before they decode
_ENOUGH_S = 1.0


class MeanCost:
    """Decayed sums of worker time, CPU time and payloads; told of every call, and of the time that passes."""

    __slots__ = ("_calls", "_cpu_s", "_seen_s", "_service_s", "_unseen_s")

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._calls = self._service_s = self._cpu_s = self._seen_s = self._unseen_s = 0.0

    def observe(self, *, calls: int, service_s: float, cpu_s: float) -> None:
        """Learn that a call of so many payloads took a worker `service_s` seconds, `cpu_s` of them on a CPU."""
        self._calls += calls
        self._service_s += service_s
        self._cpu_s += cpu_s
        self._unseen_s = 0.0

    def pass_time(self, seconds: float) -> None:
        """So many seconds have passed: what was before counts for less, and for nothing when no call came since."""
        self._unseen_s += seconds
        kept = math.exp(-seconds / _WINDOW_S) if self._unseen_s < _WINDOW_S else 0.0
        self._calls *= kept
        self._service_s *= kept
        self._cpu_s *= kept
        self._seen_s = min(_ENOUGH_S, self._seen_s + seconds) if self._calls >= 1 else 0.0

    @property
    def of_late(self) -> tuple[float, float] | None:
        """Seconds of a worker and of a CPU that a payload took; `None` while too little was seen to say."""
        if self._seen_s < _ENOUGH_S:
            return None
        return self._service_s / self._calls, self._cpu_s / self._calls
