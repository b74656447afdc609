"""`Figure`: one number that was measured, with its unit, its spread over rounds and its bound."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which way a figure gets better; `NEITHER` is for information only and never a regression."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number by name.

    - `value`: the figure itself, most often the median of `rounds`.
    - `unit`: "ms", "streams", "x" (a ratio), "%", "chunks/s" and the like; empty for a plain number.
    - `low`, `high`: the interval that holds the true value at 95 % confidence; `None` when it was measured once.
    - `least`, `most`: the bound that is promised; `None` without one.
    - `rounds`: what each round gave, in order, for those that compare two reports.
    """

    name: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    least: float | None = None
    most: float | None = None
    better: Better = Better.NEITHER
    rounds: tuple[float, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must not be empty")
        for name in ("value", "low", "high", "least", "most"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name} of {self.name} must be finite, got {number}")
        if (self.low is None) != (self.high is None) or (self.low or 0.0) > (self.high or 0.0):
            raise ValueError(
                f"low and high of {self.name} must both be there and in order, got {self.low}, {self.high}"
            )

    @property
    def has_bound(self) -> bool:
        """Whether anything is promised of it."""
        return self.least is not None or self.most is not None

    @property
    def is_good(self) -> bool:
        """Whether it is within its bound; what has none is good."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def __str__(self) -> str:
        spread = "" if self.low is None else f" [{self.low:.4g}..{self.high:.4g}]"
        bound = "" if self.least is None else f" (at least {self.least:g})"
        bound += "" if self.most is None else f" (at most {self.most:g})"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} {self.value:.4g}{unit}{spread}{bound}{'' if self.is_good else ' BROKEN'}"
