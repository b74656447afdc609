"""`plan_for`: how many machines of a kind so many streams need, and what happens at half as much again. Pure, seeded.

What calls cost is what was measured on one such machine; the rest is simulated, with the engine's own decisions.
"""

import math
from dataclasses import dataclass
from random import Random
from statistics import fmean

from modules.batching.cost_model import CostKey, CostModel
from modules.monitoring.targets import PerformanceTarget
from modules.simulation.arrivals import steady
from modules.simulation.machines import Machine
from modules.simulation.profiles import CostProfile
from modules.simulation.scenarios import Scenario
from modules.simulation.search import Trials, most_streams
from modules.simulation.simulator import simulate
from modules.tuning.plan import Limits

BEYOND = 1.5
"""The load that is looked at beside the one that is asked for."""

_SECONDS = 14.0
_FROM_S = 6.0
_MAX_SIMULATED = 150  # streams; with more, a stream stands for several
_SEEDS = (0,)
_KNOTS = 24  # quantiles that a mean is made of: as many as are kept of each size of calls


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """So many streams of real-time audio at that target, on machines with so many CPUs."""

    streams: int
    target_ms: float
    cpus: float

    def __post_init__(self) -> None:
        if self.streams < 1:
            raise ValueError(f"streams must be at least 1, got {self.streams}")
        if not 1 <= self.target_ms <= 60_000:  # noqa: PLR2004 - as `PerformanceTarget`
            raise ValueError(f"target_ms must be 1 to 60,000, got {self.target_ms}")
        if not 0 < self.cpus < math.inf:
            raise ValueError(f"cpus must be more than 0 and finite, got {self.cpus}")


@dataclass(frozen=True, slots=True)
class LoadForeseen:
    """A machine under a load: streams sent to it, share of chunks on time, streams on time throughout, p99 served."""

    streams: int
    on_time: float
    healthy: int
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The answer: streams one machine carries, machines needed, and a machine at its share and at `BEYOND` times it."""

    per_machine: int
    machines: int
    at_load: LoadForeseen
    beyond: LoadForeseen


def profile_of(costs: CostModel, keys: list[CostKey], chunk_s: float) -> CostProfile:
    """What was learnt of a chunk's way through `keys`, as a cost a call and a cost for each second of audio.

    Raises `ValueError` when one of them is not known.
    """
    fixed_s = audio_s = 0.0
    for key in keys:
        batch = costs.knee(key)
        call_s, one_s = _mean_s(costs, key, batch), _mean_s(costs, key, 1)
        one_s = min(one_s, call_s)  # a call of one costs no more than one of several
        share_s = call_s / batch
        per_chunk_s = (call_s - one_s) / (batch - 1) if batch > 1 else share_s
        per_chunk_s = min(max(per_chunk_s, 0.1 * share_s), one_s)
        fixed_s += one_s - per_chunk_s
        audio_s += per_chunk_s / chunk_s
    return CostProfile("learnt", fixed_s, 0.0, audio_s)


def _mean_s(costs: CostModel, key: CostKey, batch: int) -> float:
    """Seconds of a call on average: the median says too little where a recogniser decodes at every third chunk only."""
    times = [costs.service_s(key, batch=batch, quantile=(2 * knot + 1) / (2 * _KNOTS)) for knot in range(_KNOTS)]
    known = [time_s for time_s in times if time_s is not None]
    if not known:
        raise ValueError(f"nothing was learnt of {key.model} with chunks of {key.shape}")
    return fmean(known)


def plan_for(request: PlanRequest, profile: CostProfile, chunk_s: float) -> Foreseen:
    """How many machines the streams need, each kept at what it was found to carry."""
    crowd = _crowd(request, profile, chunk_s)
    scaled = profile.scaled(crowd)
    scenario = Scenario(
        scaled,
        Machine(max(1, math.ceil(request.cpus)), quota_cpus=request.cpus),
        (),
        _SECONDS,
        target=PerformanceTarget(p99_chunk_latency_ms=request.target_ms),
        limits=Limits(lengths_s=(chunk_s,)),
    )
    found = most_streams(scenario, Trials(_SEEDS, _FROM_S))
    per_machine = round(found * crowd)
    if per_machine == 0:
        nothing = LoadForeseen(request.streams, 0.0, 0, math.inf)
        return Foreseen(0, 0, nothing, nothing)
    machines = math.ceil(request.streams / per_machine)
    share = math.ceil(request.streams / machines)
    return Foreseen(per_machine, machines, _load(scenario, share, crowd), _load(scenario, round(BEYOND * share), crowd))


def _load(scenario: Scenario, streams: int, crowd: float) -> LoadForeseen:
    simulated = max(1, round(streams / crowd))
    sent = tuple(steady(simulated, _SECONDS, Random(0)))  # noqa: S311 - seeded, no secret
    outcome = simulate(
        Scenario(scenario.profile, scenario.machine, sent, _SECONDS, target=scenario.target, limits=scenario.limits)
    )
    until_s = _SECONDS - scenario.target_s
    return LoadForeseen(
        streams,
        outcome.on_time(_FROM_S, until_s),
        round(outcome.healthy(_FROM_S, until_s) * crowd),
        outcome.p99_s(_FROM_S, until_s) * 1e3,
    )


def _crowd(request: PlanRequest, profile: CostProfile, chunk_s: float) -> float:
    """How many streams one simulated stream stands for, so that the simulation stays quick."""
    carried = request.cpus * profile.per_core(chunk_s, cap=64, max_service_s=request.target_ms / 2e3)
    return max(1.0, carried / _MAX_SIMULATED)
