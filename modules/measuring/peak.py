"""`PeakSearch`: the most streams that are carried, by doubling, bisecting and confirming. Pure: it is told the answers.

As MLPerf LoadGen searches: whoever asks runs a trial with `asked` streams and tells whether they were carried, until
nothing is asked any more.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeakLimits:
    """Where a search begins and ends: to within `step` of the number itself, never above `most`."""

    first: int = 8
    most: int = 100_000
    step: float = 0.04

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.most:
            raise ValueError(f"first must be 1 to most, got {self.first} of {self.most}")
        if not 0 <= self.step < 1:
            raise ValueError(f"step must be a share from 0 to below 1, got {self.step}")


class PeakSearch:
    """Ask for trials until `asked` is `None`; `found` is then the most that was carried twice, 0 when nothing was."""

    def __init__(self, limits: PeakLimits | None = None) -> None:
        """Begin at `limits.first`."""
        self._limits = limits or PeakLimits()
        self._carried = 0
        self._refused = self._limits.most + 1
        self._is_doubling = True
        self._times: dict[int, int] = {}  # how often a number was carried
        self.asked: int | None = self._limits.first

    def __repr__(self) -> str:
        return f"<PeakSearch carried {self._carried}, refused {self._refused}, asks for {self.asked}>"

    @property
    def found(self) -> int:
        """The most that is known to be carried."""
        return self._carried

    def tell(self, is_carried: bool) -> None:  # noqa: FBT001 - the one thing it is told
        """What came of the trial that was asked for. Raises `ValueError` when none was."""
        if self.asked is None:
            raise ValueError("the search is over")
        if is_carried:
            self._times[self.asked] = self._times.get(self.asked, 0) + 1
            self._carried = max(self._carried, self.asked)
        else:
            self._times.pop(self.asked, None)
            self._is_doubling = False
            self._refused = self.asked
            lower = [number for number in self._times if number < self.asked]
            self._carried = max(lower, default=0)
        self.asked = self._next()

    def _next(self) -> int | None:
        if self._is_doubling and self._carried < self._limits.most:
            return min(2 * self._carried, self._limits.most)
        if self._refused - self._carried > max(1.0, self._limits.step * self._refused):
            return (self._carried + self._refused) // 2
        is_confirmed = self._times.get(self._carried, 0) > 1
        return None if is_confirmed or not self._carried else self._carried
