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


@dataclass(frozen=True, slots=True)
class Trials:
    """How often and how long a number of streams is tried: with each of `seeds`, counting from `from_s`."""

    seeds: Sequence[int] = (0, 1)
    from_s: float = 5.0
    pattern: Pattern = steady

    def carries(self, scenario: Scenario, streams: int, *, model: CostModel | None = None) -> bool:
        """Whether so many streams are carried in the scenario's stead, with every seed."""
        for seed in self.seeds:
            sent = tuple(self.pattern(streams, scenario.seconds, Random(seed)))  # noqa: S311 - seeded, no secret
            outcome = simulate(replace(scenario, streams=sent, seed=seed), model=model)
            if outcome.on_time(self.from_s, scenario.seconds - scenario.target_s) < ON_TIME:
                return False
        return True


def most(carries: Callable[[int], bool], *, first: int = 8, limit: int = 100_000) -> int:
    """The largest number that is carried, taking it that fewer are carried too; 0 when not even one is."""
    good, bad = 0, first
    while bad <= limit and carries(bad):
        good, bad = bad, 2 * bad
    while bad - good > max(1, good // 100):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if carries(middle) else (good, middle)
    return good


def most_streams(scenario: Scenario, trials: Trials, *, first: int = 8) -> int:
    """The most streams that the scenario carries."""
    return most(lambda streams: trials.carries(scenario, streams), first=first)


def static_grid(scenario: Scenario, trials: Trials, *, caps: Sequence[int] = CAPS) -> dict[Static, int]:
    """The most streams that each static setting carries.

    A setting whose calls cannot work off what an earlier one carries is still given its own number.
    """
    return {
        static: most_streams(replace(scenario, static=static), trials)
        for static in (Static(cap, chunk_s) for chunk_s in scenario.limits.lengths_s for cap in caps)
    }
