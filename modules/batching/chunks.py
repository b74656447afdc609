"""How long a chunk of waiting audio is: long enough to pay for the thread hop, no longer."""

from collections.abc import Sequence

ALLOWED_CHUNKS_S = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)
"""Lengths a chunk may have, in seconds: doublings of a recogniser's grain."""

_NEW_SHARE = 0.2


class ChunkSizer:
    """Picks the longest allowed chunk whose service is expected to stay under `max_service_s`.

    It learns from service time inside the worker alone, so a full queue never shrinks or grows a chunk. Short service
    keeps a worker free for what is more urgent and a cancelled run quick to stop; long chunks save thread hops.
    """

    def __init__(self, *, max_service_s: float = 0.2, allowed_s: Sequence[float] = ALLOWED_CHUNKS_S) -> None:
        """Choose among `allowed_s`, ascending, in seconds; before anything is known, choose the shortest."""
        assert list(allowed_s) == sorted(allowed_s), allowed_s
        assert allowed_s, "at least one length"
        self._max_service_s = max_service_s
        self._allowed_s = tuple(allowed_s)
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
            self._cost = cost if self._cost is None else self._cost + _NEW_SHARE * (cost - self._cost)

    def chunk_s(self) -> float:
        """The length the next chunk should have, in seconds."""
        if self._cost is None:
            return self._allowed_s[0]
        fitting = [length for length in self._allowed_s if length * self._cost <= self._max_service_s]
        return fitting[-1] if fitting else self._allowed_s[0]
