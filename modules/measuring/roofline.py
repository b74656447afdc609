"""The roofline: how fast work can be on a machine at most, by its arithmetic and by its memory. Pure.

After Williams, Waterman and Patterson, "Roofline: An Insightful Visual Performance Model", CACM 52 (4), 2009. The peaks
are to be measured with other work than that which is judged: a limit derived from what was reached proves nothing.
"""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Peaks:
    """What a machine does at most: multiplications and additions a second, and bytes fetched from memory a second."""

    operations_per_s: float
    bytes_per_s: float

    def __post_init__(self) -> None:
        for name in ("operations_per_s", "bytes_per_s"):
            rate = getattr(self, name)
            if not 0 < rate < math.inf:
                raise ValueError(f"{name} must be more than 0 and finite, got {rate}")


@dataclass(frozen=True, slots=True)
class Product:
    """Rows times a matrix of weights, in one call: `element_bytes` is the size of a weight, rows are of floats."""

    rows: int
    inner: int
    outer: int
    element_bytes: int

    def __post_init__(self) -> None:
        for name in ("rows", "inner", "outer", "element_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def operations(self) -> int:
        """A multiplication and an addition for each row and weight."""
        return 2 * self.rows * self.inner * self.outer

    @property
    def fetched_bytes(self) -> int:
        """The weights once, whatever the rows: what a row takes and gives may stay in a cache."""
        return self.inner * self.outer * self.element_bytes

    def least_s(self, peaks: Peaks) -> float:
        """The seconds it takes at least: arithmetic and fetching go on side by side, the slower one counts."""
        return max(self.operations / peaks.operations_per_s, self.fetched_bytes / peaks.bytes_per_s)

    def limit(self, peaks: Peaks) -> Literal["arithmetic", "memory"]:
        """Which of the two that is."""
        arithmetic_s = self.operations / peaks.operations_per_s
        return "arithmetic" if arithmetic_s >= self.fetched_bytes / peaks.bytes_per_s else "memory"

    def most_rows_per_s(self, peaks: Peaks) -> float:
        """Rows a second at most in calls like this one."""
        return self.rows / self.least_s(peaks)
