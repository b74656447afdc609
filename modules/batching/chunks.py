"""How long a chunk of waiting audio is: long enough to pay for the thread hop, no longer."""

from collections.abc import Sequence

ALLOWED_CHUNKS_S = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)
"""Lengths a chunk may have, in seconds: doublings of a recogniser's grain."""

_NEW_SHARE = 0.2

_SLOW_SHARE = 0.02  # of a hop: many times what a recogniser gathers before it decodes

_WORTH_GROWING = 1.125  # fewer calls more are not worth a new plan


class ChunkSizer:
    """Picks the longest allowed chunk whose service is expected to stay under a limit.

    It learns from service time inside the worker alone, so a full queue never shrinks or grows a chunk. Short service
    keeps a worker free for what is more urgent and a cancelled run quick to stop; long chunks save thread hops.
    """

    def __init__(self, *, allowed_s: Sequence[float] = ALLOWED_CHUNKS_S, new_share: float = _NEW_SHARE) -> None:
        """Choose among `allowed_s`, ascending, in seconds; before anything is known, choose the shortest.

        What is observed counts for `new_share` of what is expected from then on.
        """
        assert list(allowed_s) == sorted(allowed_s), allowed_s
        assert allowed_s, "at least one length"
        assert 0 < new_share <= 1, new_share
        self._allowed_s = tuple(allowed_s)
        self._new_share = new_share
        self._cost: float | None = None

    @property
    def cost(self) -> float | None:
        """Service seconds per second of audio, a moving average; `None` before the first observation."""
        return self._cost

    def observe(self, *, audio_s: float, service_s: float) -> None:
        """Learn that `audio_s` seconds of audio took a worker `service_s` seconds."""
        assert service_s >= 0, service_s
        if audio_s > 0:
            cost = service_s / audio_s
            self._cost = cost if self._cost is None else self._cost + self._new_share * (cost - self._cost)

    def chunk_s(self, *, max_service_s: float) -> float:
        """The length the next chunk should have, in seconds, to take a worker at most `max_service_s`."""
        if self._cost is None:
            return self._allowed_s[0]
        fitting = [length for length in self._allowed_s if length * self._cost <= max_service_s]
        return fitting[-1] if fitting else self._allowed_s[0]


class HopSizer:
    """Picks how many sessions a worker serves in one hop: enough to pay for the wake-up, so few that none waits long.

    Like `ChunkSizer` it learns from service time inside the worker alone, by a quick and a slow average of which the
    worse counts: a recogniser that decodes at every third chunk has short calls in a row, and then long ones.
    """

    def __init__(self, *, max_service_s: float = 0.01, max_calls: int = 16) -> None:
        """Keep a hop's expected service under `max_service_s` seconds, with at most `max_calls`."""
        self._max_service_s = max_service_s
        self._max_calls = max_calls
        self._cost_s: float | None = None
        self._slow_s = 0.0
        self._hops = 0
        self._calls = 1

    def observe(self, *, calls: int, service_s: float) -> None:
        """Learn that a worker took `service_s` seconds for a hop of so many calls."""
        assert calls >= 1, calls
        cost_s = service_s / calls
        if self._cost_s is None:
            self._cost_s = cost_s
        self._hops += 1
        self._cost_s += _NEW_SHARE * (cost_s - self._cost_s)
        self._slow_s += max(_SLOW_SHARE, 1 / self._hops) * (cost_s - self._slow_s)  # of the first hops the plain mean
        right = max(1, min(self._max_calls, int(self._max_service_s / max(self._cost_s, self._slow_s, 1e-9))))
        if not self._calls <= right <= self._calls * _WORTH_GROWING:
            self._calls = right

    def calls(self) -> int:
        """How many calls the next hop may have; one before anything is known. A few more are not worth a new plan."""
        return self._calls
