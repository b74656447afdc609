"""`Stairs`: how a benchmark finds the load that a side sustains, on a machine whose speed drifts."""

import statistics

FIRST_TRIALS, FIRST_STEP, STEP = 2, 0.12, 0.05
LEAST_OF_A_WAY, LEAST_SETTLED = 2, 3


class Stairs:
    """A side's load as a share of what the bare calls carry: up after two sustained trials in a row, else down.

    It looks for where to begin until the stairs have turned once: till then one sustained trial is enough to go up, a
    third step down is a long one, and what lies before the trials on both sides of the turn does not count, where three
    are left.
    """

    def __init__(self, share: float, *, first_trials: int = FIRST_TRIALS) -> None:
        """Begin at `share`; the first trials take long steps and do not count: none, where `share` is a good one."""
        self.share = share
        self._first_trials = first_trials
        self._tried: list[float] = []
        self._outcomes: list[bool] = []
        self._sustained = 0

    def tried(self, share: float, *, is_sustained: bool) -> None:
        """A trial at what turned out to be `share` has ended."""
        self._tried.append(share)
        self._outcomes.append(is_sustained)
        self._sustained = self._sustained + 1 if is_sustained else 0
        count = len(self._tried)
        is_far_off = self._turn is None and count > LEAST_OF_A_WAY and not is_sustained
        step = FIRST_STEP if count <= self._first_trials or is_far_off else STEP
        if not is_sustained:
            self.share *= 1 - step
        elif self._sustained == 2 or self._turn is None or count <= self._first_trials:
            self.share, self._sustained = self.share * (1 + step), 0

    @property
    def _turn(self) -> int | None:
        """The first trial that came out otherwise than the one before it."""
        return next((place for place, good in enumerate(self._outcomes) if good is not self._outcomes[0]), None)

    @property
    def settled(self) -> tuple[float, ...]:
        """The shares tried after the first few."""
        turn = (self._turn or 1) - 1
        return tuple(self._tried[max(self._first_trials, min(turn, len(self._tried) - LEAST_SETTLED)) :])

    @property
    def end(self) -> float:
        """Where the stairs end up: the median share after the first few trials."""
        return statistics.median(self.settled or self._tried)

    @property
    def spread(self) -> float:
        """The interquartile range of the same, as a share of their median; 0 of fewer than two trials."""
        if len(self.settled) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.settled, n=4)
        return (high - low) / self.end
