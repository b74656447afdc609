"""Scenes for the simulator: what happens to a machine's load, and the figures of each, governed or frozen.

A scene is run once a seed; the figures are of all seeds' outcomes together. Loads are shares of `Bench.carried`, the
streams that the best static setting carries on that machine.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from modules.batching.cost_model import CostLimits
from modules.simulation.arrivals import SentStream, between, joined, steady
from modules.simulation.machines import Machine, Neighbour
from modules.simulation.outcome import Outcome
from modules.simulation.profiles import PROFILES, CostProfile
from modules.simulation.scenarios import FolderWork, Scenario
from modules.simulation.simulator import simulate
from modules.tuning.plan import Knob

EVENT_S = 6.0
"""When a scene's event begins; until then the governor has learnt."""

SETTLED_S = 4.0
"""After the event, when overload is measured: what is served by then is meant to be served."""

BURST_S = 2.0
TROUBLE_S = 8.0
LONG_S = 30.0
QUOTA_CPUS = 0.6
LAST_S = 2.0
"""Of a run: what is on time then has recovered."""

WINDOW_S = 0.5
ON_TIME, STANDING = 0.99, 0.9

_TARGET_S = 0.3


@dataclass(frozen=True, slots=True)
class Bench:
    """A model on a machine, and the streams that the best static setting carries there."""

    profile: CostProfile
    machine: Machine
    carried: int

    def streams(self, load: float) -> int:
        """So many are that share of what is carried, at least one."""
        return max(1, round(load * self.carried))


def dear(name: str, streams_a_core: float, *, cores: int) -> CostProfile:
    """The profile of that name, so dear that a core carries about that many steady streams in the best chunks."""
    most_s = CostLimits.of(_TARGET_S, workers=cores).max_service_s
    return PROFILES[name].carrying(streams_a_core, max_service_s=most_s)


def step(bench: Bench, seed: int, *, is_frozen: bool = False) -> Outcome:
    """From 30 % to 85 % at once."""
    more = bench.streams(0.85) - bench.streams(0.3)
    chance = _chance(seed)
    sent = joined(steady(bench.streams(0.3), 14.0, chance), between(more, chance, from_s=EVENT_S, until_s=14.0))
    return _run(bench, sent, 14.0, seed, is_frozen=is_frozen)


def burst(bench: Bench, seed: int, *, is_frozen: bool = False) -> Outcome:
    """For `BURST_S` 150 %, with 50 % before and after."""
    chance = _chance(seed)
    sent = joined(
        steady(bench.streams(0.5), 14.0, chance),
        between(bench.streams(1.5) - bench.streams(0.5), chance, from_s=EVENT_S, until_s=EVENT_S + BURST_S),
    )
    return _run(bench, sent, 14.0, seed, is_frozen=is_frozen)


def overload(bench: Bench, seed: int, *, load: float, is_frozen: bool = False) -> Outcome:
    """From 60 % to `load` within half a second."""
    chance, ends_s = _chance(seed), 22.0
    more = bench.streams(load) - bench.streams(0.6)
    sent = joined(
        steady(bench.streams(0.6), ends_s, chance),
        between(more, chance, from_s=EVENT_S, until_s=ends_s, spread_s=0.5),
    )
    return _run(bench, sent, ends_s, seed, is_frozen=is_frozen)


def neighbour(bench: Bench, seed: int, *, is_frozen: bool = False) -> Outcome:
    """Half of a core taken for `TROUBLE_S`, at 60 % load."""
    machine = replace(bench.machine, neighbours=(Neighbour(0.5, EVENT_S, EVENT_S + TROUBLE_S),))
    sent = steady(bench.streams(0.6), LONG_S, _chance(seed))
    return _run(replace(bench, machine=machine), sent, LONG_S, seed, is_frozen=is_frozen)


def slow_model(bench: Bench, seed: int, *, is_frozen: bool = False) -> Outcome:
    """A model that costs twice as much for `TROUBLE_S`, at 40 % load."""
    profile = bench.profile.slowed(2.0, from_s=EVENT_S, until_s=EVENT_S + TROUBLE_S)
    sent = steady(bench.streams(0.4), LONG_S, _chance(seed))
    return _run(replace(bench, profile=profile), sent, LONG_S, seed, is_frozen=is_frozen)


def quota(bench: Bench, seed: int, *, is_frozen: bool = False) -> Outcome:
    """A quota of `QUOTA_CPUS`, at 40 % of what these carry, with folder work that would take all that is idle."""
    share = QUOTA_CPUS / bench.machine.cores
    machine = replace(bench.machine, quota_cpus=QUOTA_CPUS)
    sent = steady(bench.streams(0.4 * share), 20.0, _chance(seed))
    frozen_s = EVENT_S / 4 if is_frozen else math.inf
    scenario = Scenario(bench.profile, machine, tuple(sent), 20.0, seed=seed, frozen_from_s=frozen_s)
    return simulate(replace(scenario, folder=FolderWork()))


def constant(bench: Bench, seed: int, *, load: float = 0.9) -> Outcome:
    """A load that stays as it is, for 30 s."""
    return _run(bench, steady(bench.streams(load), 30.0, _chance(seed)), 30.0, seed, is_frozen=False)


@dataclass(frozen=True, slots=True)
class Beside:
    """Share of pieces that are late because of folder work, and the share of the idle time that it used."""

    added_misses: float
    idle_used: float


def folder_beside(bench: Bench, seed: int) -> Beside:
    """Folder work that would take all, beside 50 % of live streams."""
    sent, seconds = steady(bench.streams(0.5), 14.0, _chance(seed)), 14.0
    scenario = Scenario(bench.profile, bench.machine, tuple(sent), seconds, seed=seed)
    alone, beside = simulate(scenario), simulate(replace(scenario, folder=FolderWork()))
    until_s = seconds - scenario.target_s
    idle_s = bench.machine.cores * seconds - beside.live_s
    added = alone.on_time(EVENT_S, until_s) - beside.on_time(EVENT_S, until_s)
    return Beside(max(0.0, added), beside.folder_s / idle_s)


def on_time(outcomes: Sequence[Outcome], from_s: float, until_s: float) -> float:
    """Share of pieces on time in that time, over all seeds together."""
    pieces = [stream.pieces(each.target_s, from_s, until_s) for each in outcomes for stream in each.streams]
    sent = sum(one for one, _ in pieces)
    return sum(one for _, one in pieces) / sent if sent else 1.0


def recovered_s(outcomes: Sequence[Outcome], since_s: float) -> float:
    """Seconds until in every later half second 99 % are on time, over all seeds together.

    Of one small machine a half second holds a hundred pieces or fewer, of which one late chunk is already too many.
    """
    bad_s = at_s = since_s
    while at_s + WINDOW_S <= outcomes[0].seconds - outcomes[0].target_s:
        if on_time(outcomes, at_s, at_s + WINDOW_S) < ON_TIME:
            bad_s = at_s + WINDOW_S
        at_s += WINDOW_S / 2
    return bad_s - since_s


def collapsed(outcomes: Sequence[Outcome]) -> int:
    """Seeds in whose last seconds fewer than nine in ten are on time."""
    return sum(one.on_time(one.seconds - LAST_S, one.seconds - one.target_s) < STANDING for one in outcomes)


def returned(outcomes: Sequence[Outcome]) -> int:
    """Seeds whose last seconds have the chunk length and, within a class of sizes, the knee from before the event."""
    return sum(_is_back(outcome) for outcome in outcomes)


def most_reversals(outcomes: Sequence[Outcome]) -> int:
    """The most changes of direction of any knob in any 10 s, once a run has begun."""
    return max(outcome.most_reversals(knob, from_s=EVENT_S) for outcome in outcomes for knob in Knob)


@dataclass(frozen=True, slots=True)
class Served:
    """Goodput and healthy streams as shares of what is carried; the p99 in seconds of what was answered.

    On average and over all seeds together; `worst_p99_s` is that of the worst seed.
    """

    goodput: float
    healthy: float
    p99_s: float
    worst_p99_s: float


def served(bench: Bench, outcomes: Sequence[Outcome]) -> Served:
    """What overload left, once it had settled."""
    from_s, until_s = EVENT_S + SETTLED_S, outcomes[0].seconds - 0.5
    whole = bench.carried * len(outcomes)
    return Served(
        sum(outcome.goodput_s(from_s, until_s) for outcome in outcomes) / whole,
        sum(outcome.healthy(from_s, until_s) for outcome in outcomes) / whole,
        replace(outcomes[0], streams=[one for outcome in outcomes for one in outcome.streams]).p99_s(from_s, until_s),
        max(outcome.p99_s(from_s, until_s) for outcome in outcomes),
    )


def throttled(outcomes: Sequence[Outcome]) -> float:
    """Share of the quota's periods in which calls were held back, the seconds of finding the plan included."""
    return sum(one.throttled_periods for one in outcomes) / sum(one.periods for one in outcomes)


def throttled_at_last(outcomes: Sequence[Outcome]) -> float:
    """The mean share of such periods once the plan is found, as the governor saw it."""
    seen = [look.resources.throttled for one in outcomes for look in one.observations if look.now_s >= EVENT_S]
    known = [share for share in seen if share is not None]
    return sum(known) / len(known)


def _run(bench: Bench, sent: Iterable[SentStream], seconds: float, seed: int, *, is_frozen: bool) -> Outcome:
    frozen_s = EVENT_S - 0.1 if is_frozen else math.inf
    return simulate(Scenario(bench.profile, bench.machine, tuple(sent), seconds, seed=seed, frozen_from_s=frozen_s))


def _is_back(outcome: Outcome) -> bool:
    before = [seen.knee for seen in outcome.knees if EVENT_S - LAST_S <= seen.at_s < EVENT_S]
    after = [seen.knee for seen in outcome.knees if seen.at_s >= outcome.seconds - LAST_S]
    chunks = {made.plan.chunk_s for made in outcome.decisions if EVENT_S - LAST_S <= made.at_s < EVENT_S}
    is_same_length = outcome.decisions[-1].plan.chunk_s in chunks
    return is_same_length and min(before) / 2 <= min(after) and max(after) <= 2 * max(before)


def _chance(seed: int) -> Random:
    return Random(seed)
