"""`Contention`: how much longer than its own work a call takes because others want the same CPUs. Pure."""

_FAST_S, _SLOW_S = 0.1, 1.5  # busy seconds that the two averages look back
_MAX_NEW_SHARE = 0.125  # of one call, however long: one odd call is no neighbour


class Contention:
    """Wall over CPU time, by the shares of the time worked that were had of a CPU: two averages, the worse one counts.

    So it is quick to say that things got worse and slow to say that they got better, without the bias towards worse
    that an average with two speeds would have. The shares are averaged and not their inverses: over any time, the mean
    share is all CPU time by all wall time, and a call that once stood still for long counts for no more than that.
    """

    __slots__ = ("_fast", "_slow")

    def __init__(self) -> None:
        """Start with nobody else there."""
        self._fast = 1.0
        self._slow = 1.0

    @property
    def scale(self) -> float:
        """Wall seconds per second of work, 1 or more."""
        return 1.0 / min(1.0, self._fast, self._slow)

    def observe(self, *, wall_s: float, cpu_s: float) -> None:
        """Learn that a call which worked `cpu_s` seconds took `wall_s`."""
        share = cpu_s / wall_s
        self._fast += min(_MAX_NEW_SHARE, wall_s / (wall_s + _FAST_S)) * (share - self._fast)
        self._slow += min(_MAX_NEW_SHARE, wall_s / (wall_s + _SLOW_S)) * (share - self._slow)
