"""`Stairs` and `Edge`: how a benchmark finds the load that a side sustains, on a machine whose speed drifts."""

import itertools
import statistics

FIRST_TRIALS, FIRST_STEP, STEP = 2, 0.12, 0.05
LEAST_OF_A_WAY, LEAST_SETTLED = 2, 3
EDGE_STEP = 0.08


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


class Edge:
    """The same where shares are known well, by the trials' own calls: what tells those sustained from the rest.

    Each trial is at the edge known so far, and while all were sustained a step beyond.
    """

    def __init__(self, share: float) -> None:
        """Begin at `share`."""
        self._first = share
        self._tried: list[tuple[float, bool]] = []

    def tried(self, share: float, *, is_sustained: bool) -> None:
        """A trial at what turned out to be `share` has ended."""
        self._tried.append((share, is_sustained))

    @property
    def share(self) -> float:
        """The load to try next."""
        is_known = not all(is_sustained for _, is_sustained in self._tried)
        return self.end if is_known or not self._tried else (1 + EDGE_STEP) * self.end

    @property
    def end(self) -> float:
        """The sustained are up to it and the others beyond, but for as few as can be; the middle where several are so.

        Half way between two shares tried; the highest of all where all were sustained, a step below where none was.
        """
        if not self._tried:
            return self._first
        shares = sorted(share for share, _ in self._tried)
        between = [(low + high) / 2 for low, high in itertools.pairwise(shares)]
        edges = [(1 - EDGE_STEP) * shares[0], *between, shares[-1]]
        wrong = [sum(is_sustained != (share <= edge) for share, is_sustained in self._tried) for edge in edges]
        return statistics.median(edge for edge, count in zip(edges, wrong, strict=True) if count == min(wrong))
