"""`Bench`: a model on a machine, and what it can carry at best: in calm, in trouble, and by who knows it all before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from modules.simulation.arrivals import steady
from modules.simulation.machines import Machine, Neighbour
from modules.simulation.profiles import PROFILES, CostProfile
from modules.simulation.scenarios import Scenario, Static
from modules.simulation.search import Trials, most_streams
from modules.simulation.simulator import simulate

SLOWER = 2.0
NEIGHBOUR_CPUS = 0.5

_TARGET_S = 0.3
_SECONDS, _FROM_S, _SEEDS = 12.0, 5.0, (0, 1)
_BEST = 4  # static settings of which one is best in trouble too, or for who admits as many as stay healthy
_SMALLER = (0.75, 0.5)  # of a batch: dearer calls may have to be
_SHARES = (0.80, 0.84, 0.88, 0.92, 0.96, 1.0, 1.04)


@dataclass(frozen=True, slots=True)
class Bench:
    """Streams that the best static setting carries: `carried` in calm, `crowded` beside a neighbour, `slowed` while the
    model costs `SLOWER` times as much. `kept` are healthy at most, with the best setting and as many admitted as that
    takes: what a clairvoyant admission would keep.
    """  # noqa: D205 - three numbers, one sentence

    profile: CostProfile
    machine: Machine
    carried: int
    kept: float
    crowded: int
    slowed: int

    def streams(self, load: float) -> int:
        """So many are that share of what is carried, at least one."""
        return max(1, round(load * self.carried))


def dear(name: str, streams_a_core: float, *, cores: int) -> CostProfile:
    """The profile of that name, so dear that a core carries about that many steady streams in the best chunks."""
    most_s = _TARGET_S / (1.3 + 0.8 / cores)  # whatever the engine allows: a bench must not follow what it measures
    return PROFILES[name].carrying(streams_a_core, max_service_s=most_s)


def bench_of(profile: CostProfile, machine: Machine, grid: Mapping[Static, int]) -> Bench:
    """The bench on which the settings of `grid` carry about so many streams: a load is one of what is sure of these."""
    likely = sorted(grid, key=lambda static: -grid[static])[:_BEST]
    best = {static: _most_of(profile, machine, (static,)) for static in likely}
    smaller = [replace(one, cap=max(1, round(share * one.cap))) for one in likely for share in _SMALLER]
    hopeful = tuple(dict.fromkeys([*likely, *smaller]))
    beside = replace(machine, neighbours=(Neighbour(NEIGHBOUR_CPUS),))
    return Bench(
        profile,
        machine,
        max(best.values()),
        kept=max(
            _healthy(profile, machine, static, round(share * best[static])) for static in best for share in _SHARES
        ),
        crowded=_most_of(profile, beside, hopeful),
        slowed=_most_of(profile.scaled(SLOWER), machine, hopeful),
    )


def _most_of(profile: CostProfile, machine: Machine, statics: Sequence[Static]) -> int:
    scenario, trials = Scenario(profile, machine, (), _SECONDS), Trials(_SEEDS, _FROM_S)
    return max(most_streams(replace(scenario, static=static), trials) for static in statics)


def _healthy(profile: CostProfile, machine: Machine, static: Static, streams: int) -> float:
    """Streams healthy of so many, on average over a few seeds."""
    seconds = 22.0
    healthy = 0
    for seed in _SEEDS:
        sent = tuple(steady(streams, seconds, Random(seed)))
        outcome = simulate(Scenario(profile, machine, sent, seconds, seed=seed, static=static))
        healthy += outcome.healthy(10.0, seconds - 0.5)
    return healthy / len(_SEEDS)
