"""How many streams are carried just before and just after a trial: a machine's speed may be another a minute later.

Carried is what the best static setting carries for as long as trials of trouble last, known as a share of the bare
calls, times what the bare calls allow just then.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.live_trials import Ran
from benchmarks.scale import Stand

PROBE_S = 0.4
"""How long the bare calls are measured at each batch size."""

MOST_APART = 1.1
"""A trial counts where the bare calls after it are within this factor of those before it."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A trial, and how many streams are carried before it and after it."""

    ran: Ran
    before: float
    after: float

    @property
    def apart(self) -> float:
        """By what factor they differ, 1 or more."""
        return apart(self.before, self.after)

    @property
    def is_calm(self) -> bool:
        """Whether the machine was about as fast after it as before."""
        return self.apart <= MOST_APART


class Beat:
    """Runs trials one after the other; what is carried after one is what is carried before the next."""

    def __init__(self, stand: Stand) -> None:
        """Measure now."""
        self._stand = stand
        self._carried = carried_now(stand)

    def run(self, trial: Callable[[float], Ran]) -> Beside:
        """The trial, told how many streams are carried."""
        before, ran = self._carried, trial(self._carried)
        self._carried = carried_now(self._stand)
        return Beside(ran, before, self._carried)

    def calm(self, trial: Callable[[float], Ran], *, tries: int) -> Beside:
        """The same again, so often at most, until the machine was about as fast after it as before."""
        beside = self.run(trial)
        while not beside.is_calm and (tries := tries - 1) > 0:
            beside = self.run(trial)
        return beside


def carried_now(stand: Stand) -> float:
    """The streams that the best static setting carries now."""
    return max(1.0, stand.lasting.carried * stand.bound_now(seconds=PROBE_S))


def apart(before: float, after: float) -> float:
    """By what factor the two differ, 1 or more; infinite where one is 0."""
    return max(before, after) / min(before, after) if min(before, after) else math.inf


def disturbed(trials: Sequence[Beside]) -> tuple[str, ...]:
    """What is to be said where no more than half of the trials count."""
    if 2 * sum(each.is_calm for each in trials) > len(trials):
        return ()
    most = max(each.apart for each in trials)
    return (f"too disturbed: the bare calls before and after a trial differ by up to {100 * (most - 1):.0f} %",)
