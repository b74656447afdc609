"""Sides measured in turn, A B A B, so that a machine whose speed drifts is fair to both."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of each side, round by round; the first side is the one the others are divided by."""

    seconds: Mapping[str, tuple[float, ...]]

    def ratios(self, side: str, reference: str) -> list[float]:
        """Time of `side` over time of `reference`, round by round."""
        return [a / b for a, b in zip(self.seconds[side], self.seconds[reference], strict=True)]

    def ratio(self, side: str, reference: str) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios(side, reference))


def in_turn(sides: Mapping[str, Callable[[], object]], *, rounds: int) -> Comparison:
    """Run every side once a round."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            started_s = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - started_s)
    return Comparison({name: tuple(measured) for name, measured in seconds.items()})
