"""`Stairs`: how a benchmark finds the load that a side sustains, on a machine whose speed drifts."""

import statistics

FIRST_TRIALS, FIRST_STEP, STEP = 2, 0.12, 0.05


class Stairs:
    """A side's load as a share of what the bare calls carry: up after two sustained trials in a row, else down."""

    def __init__(self, share: float) -> None:
        """Begin at `share`."""
        self.share = share
        self._tried: list[float] = []
        self._sustained = 0

    def tried(self, share: float, *, is_sustained: bool) -> None:
        """A trial at what turned out to be `share` has ended."""
        self._tried.append(share)
        step = FIRST_STEP if len(self._tried) <= FIRST_TRIALS else STEP
        self._sustained = self._sustained + 1 if is_sustained else 0
        if not is_sustained:
            self.share *= 1 - step
        elif self._sustained == 2 or len(self._tried) <= FIRST_TRIALS:
            self.share, self._sustained = self.share * (1 + step), 0

    @property
    def settled(self) -> tuple[float, ...]:
        """The shares tried after the first few."""
        return tuple(self._tried[FIRST_TRIALS:])

    @property
    def end(self) -> float:
        """Where the stairs end up: the median share after the first few trials."""
        return statistics.median(self._tried[FIRST_TRIALS:] or self._tried)

    @property
    def spread(self) -> float:
        """The interquartile range of the same, as a share of their median; 0 of fewer than two trials."""
        if len(self._tried) < FIRST_TRIALS + 2:
            return 0.0
        low, _, high = statistics.quantiles(self._tried[FIRST_TRIALS:], n=4)
        return (high - low) / self.end
