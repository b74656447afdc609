"""Relief under load: what is left out first when workers fall behind. Pure: it is given what chunks had to wait."""

_NEW_SHARE = 0.05


class PartialsGate:
    """Whether partial results are worth their time: shut when chunks wait long, open again when they hardly wait.

    The first rung of the overload ladder: a partial is replaced by the next one anyway, a final is not.
    """

    def __init__(self, *, shut_above_s: float = 0.03, open_below_s: float = 0.005) -> None:
        """Shut when the average wait for a worker exceeds `shut_above_s` seconds, open below `open_below_s`."""
        if not 0 <= open_below_s < shut_above_s:
            raise ValueError(f"0 <= open_below_s < shut_above_s is needed, got {open_below_s} and {shut_above_s}")
        self._shut_above_s = shut_above_s
        self._open_below_s = open_below_s
        self._wait_s = 0.0
        self.is_open = True

    def observe(self, queue_s: float) -> bool:
        """Learn that a chunk waited so many seconds for a worker; whether the gate is open now."""
        assert queue_s >= 0, queue_s
        self._wait_s += _NEW_SHARE * (queue_s - self._wait_s)
        self.is_open = self._wait_s < (self._shut_above_s if self.is_open else self._open_below_s)
        return self.is_open
