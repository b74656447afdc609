"""How many streams a setting carries: by doubling and bisecting, as one would find it on a real machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from modules.batching.cost_model import CostModel
from modules.simulation.arrivals import Pattern, steady
from modules.simulation.scenarios import Scenario, Static
from modules.simulation.simulator import simulate

CAPS = (1, 2, 4, 8, 16, 32, 64)
"""Batch caps that a person would try."""

ON_TIME = 0.99
"""Share of chunks on time at which streams are carried: what a p99 within the target means."""

_PAST_A_DIP = (1.05, 1.1, 1.15)
"""So many times what is found by bisecting is tried too, where dips are looked past."""


@dataclass(frozen=True, slots=True)
class Trials:
    """How often and how long a number of streams is tried: with each of `seeds`, counting from `from_s`.

    Where many workers come to go in step, a chunk waits for all of them, and with a few streams more they may not: what
    is carried `past_dips` may be more than what is carried with any number below it.
    """

    seeds: Sequence[int] = (0, 1)
    from_s: float = 5.0
    pattern: Pattern = steady
    past_dips: bool = False

    def carries(self, scenario: Scenario, streams: int, *, model: CostModel | None = None) -> bool:
        """Whether so many streams are carried in the scenario's stead, with every seed."""
        for seed in self.seeds:
            sent = tuple(self.pattern(streams, scenario.seconds, Random(seed)))  # noqa: S311 - seeded, no secret
            outcome = simulate(replace(scenario, streams=sent, seed=seed), model=model)
            if outcome.on_time(self.from_s, scenario.seconds - scenario.target_s) < ON_TIME:
                return False
        return True


def most(carries: Callable[[int], bool], *, first: int = 8, limit: int = 100_000, beyond: Sequence[float] = ()) -> int:
    """The largest number found that is carried, to one in a hundred; 0 when not even one is.

    What is carried falls with the number but for dips. So `beyond` what is found by bisecting so many times as many may
    be tried as well, and if they are carried it goes on from there.
    """
    good, number, failed = 0, first, {limit + 1}
    while True:
        while (bad := min(failed)) - good > max(1, good // 100):
            number = min(number, limit) if bad > limit else (good + bad) // 2
            if carries(number):
                good, number = number, 2 * number
            else:
                failed.add(number)
        higher = (round(share * good) for share in sorted(beyond))
        found = next((number for number in higher if bad < number <= limit and carries(number)), None)
        if found is None:
            return good
        good, number = found, round(max(beyond) * found)
        failed = {each for each in failed if each > good}


def most_streams(scenario: Scenario, trials: Trials, *, first: int = 8) -> int:
    """The most streams that the scenario carries."""
    beyond = _PAST_A_DIP if trials.past_dips else ()
    return most(lambda streams: trials.carries(scenario, streams), first=first, beyond=beyond)


def static_grid(scenario: Scenario, trials: Trials, *, caps: Sequence[int] = CAPS) -> dict[Static, int]:
    """The most streams that each static setting carries.

    A setting whose calls cannot work off what an earlier one carries is still given its own number.
    """
    return {
        static: most_streams(replace(scenario, static=static), trials)
        for static in (Static(cap, chunk_s) for chunk_s in scenario.limits.lengths_s for cap in caps)
    }
