"""Scenes for the simulator: what happens to a machine's load, and the figures of each, governed or frozen.

A scene is run once a seed; the figures are of all seeds' outcomes together. Loads are shares of what the best static
setting carries on that machine; where something takes capacity away, of what it carries meanwhile: a load that nobody
could carry then shows nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from benchmarks.simulated_bench import NEIGHBOUR_CPUS, SLOWER, Bench
from modules.measuring.pieces import STANDING, Moment, whole_periods
from modules.measuring.pieces import recovered_s as measured_recovery_s
from modules.simulation.arrivals import SentStream, between, joined, steady
from modules.simulation.machines import Neighbour
from modules.simulation.outcome import KneeSeen, Outcome
from modules.simulation.scenarios import FolderWork, Scenario
from modules.simulation.simulator import simulate
from modules.tuning.controller import REVERSE_S
from modules.tuning.plan import Knob

EVENT_S = 6.0
"""When a scene's event begins; until then the governor has learnt."""

SETTLED_S = 4.0
"""After the event, when overload is measured: what is served by then is meant to be served."""

BURST_S = 2.0
TROUBLE_S = 8.0
LOW, LOW_SHARE = 1.6, 0.05
"""So much dearer is everything on a host that others share in that share of half seconds."""

LONG_S = 36.0
QUOTA_CPUS = 0.6
REMAINING_LOAD = 0.8
"""Share of what can still be carried in trouble that is asked for."""

LAST_S = 2.0
"""Of a run: what is on time then has recovered."""

MOMENT_S = 0.25

_CORES_TO_QUOTA = 8  # at most, for a quota that comes while all of them work
_CHEAPER = 4.0  # than the bench's model is the one under a quota, so that a call fits what a period grants


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


def overload(bench: Bench, seed: int, *, load: float, is_frozen: bool = False, keeps_all: bool = False) -> Outcome:
    """From 60 % to `load` within half a second, by streams that lose what cannot be on time, or keep it all."""
    chance, ends_s = _chance(seed), 22.0
    more = bench.streams(load) - bench.streams(0.6)
    sent = joined(
        steady(bench.streams(0.6), ends_s, chance),
        between(more, chance, from_s=EVENT_S, until_s=ends_s, spread_s=0.5),
    )
    scenario = _scenario(bench, sent, ends_s, seed, is_frozen=is_frozen)
    return simulate(replace(scenario, keeps_all=keeps_all))


def swinging(bench: Bench, seed: int, *, load: float = 1.5, is_frozen: bool = False) -> Outcome:
    """Overload on a host that others share: its speed swings, and one half second in twenty gives 0.6 of it."""
    chance = _chance(seed)
    swings = tuple(math.exp(chance.gauss(0.0, 0.08)) * (LOW if chance.random() < LOW_SHARE else 1.0) for _ in range(44))
    host = replace(bench, profile=replace(bench.profile, swings=swings))
    return overload(host, seed, load=load, is_frozen=is_frozen)


def neighbour(bench: Bench, seed: int, *, is_frozen: bool = False, is_calm: bool = False) -> Outcome:
    """Half of a core taken for `TROUBLE_S`, at `REMAINING_LOAD`; `is_calm` is the same without."""
    taken = Neighbour(NEIGHBOUR_CPUS, EVENT_S, EVENT_S + TROUBLE_S)
    machine = bench.machine if is_calm else replace(bench.machine, neighbours=(taken,))
    sent = steady(round(REMAINING_LOAD * bench.crowded), LONG_S, _chance(seed))
    return _run(replace(bench, machine=machine), sent, LONG_S, seed, is_frozen=is_frozen)


def slow_model(bench: Bench, seed: int, *, is_frozen: bool = False, is_calm: bool = False) -> Outcome:
    """A model that costs twice as much for `TROUBLE_S`, at `REMAINING_LOAD`; `is_calm` is the same without."""
    slow = bench.profile.slowed(SLOWER, from_s=EVENT_S, until_s=EVENT_S + TROUBLE_S)
    profile = bench.profile if is_calm else slow
    sent = steady(round(REMAINING_LOAD * bench.slowed), LONG_S, _chance(seed))
    return _run(replace(bench, profile=profile), sent, LONG_S, seed, is_frozen=is_frozen)


def quota(bench: Bench, seed: int, *, is_frozen: bool = False) -> Outcome:
    """From `EVENT_S` on a quota of `QUOTA_CPUS`, at 40 % of what these carry, and folder work that would take all.

    With a model so cheap that a call takes less than the CPU time which a period grants: a longer one is held back
    whatever is decided. Where a period begins is not known, and one of 70 ms has more than 60 ms of it in a single
    period of 100 ms as often as not. A large machine has it from the start: what already runs on 64 cores is more than
    such a quota grants in two seconds.
    """
    from_s = EVENT_S if bench.machine.cores <= _CORES_TO_QUOTA else 0.0
    machine = replace(bench.machine, quota_cpus=QUOTA_CPUS, quota_from_s=from_s)
    sent = steady(bench.streams(0.4 * _CHEAPER * QUOTA_CPUS / bench.machine.cores), 20.0, _chance(seed))
    small = replace(bench, profile=bench.profile.scaled(1 / _CHEAPER), machine=machine)
    return simulate(replace(_scenario(small, sent, 20.0, seed, is_frozen=is_frozen), folder=FolderWork()))


def constant(bench: Bench, seed: int, *, load: float = 0.9) -> Outcome:
    """A load that stays as it is, for 30 s."""
    return _run(bench, steady(bench.streams(load), 30.0, _chance(seed)), 30.0, seed, is_frozen=False)


@dataclass(frozen=True, slots=True)
class Beside:
    """By how much more of the pieces are late than without folder work, by chance fewer, and how much of the idle time
    it used.
    """  # noqa: D205 - one sentence

    added_misses: float
    idle_used: float


def folder_beside(bench: Bench, seed: int) -> Beside:
    """Folder work that would take all, beside 50 % of live streams; what it uses once these are served without haste.

    While chunks are late in the first second, before anything is known, it is paused, and no knob is turned back within
    `REVERSE_S`.
    """
    seconds = 2 * REVERSE_S + 4.0
    sent = steady(bench.streams(0.5), seconds, _chance(seed))
    scenario = _scenario(bench, sent, seconds, seed, is_frozen=False)
    alone, beside = simulate(scenario), simulate(replace(scenario, folder=FolderWork()))
    until_s = seconds - scenario.target_s
    added = alone.on_time(EVENT_S, until_s) - beside.on_time(EVENT_S, until_s)
    return Beside(added, beside.folder_share(REVERSE_S + 2.0, cores=bench.machine.cores))


def on_time(outcomes: Sequence[Outcome], from_s: float, until_s: float) -> float:
    """Share of pieces on time in that time, over all seeds together."""
    sent, good = _pieces(outcomes, from_s, until_s)
    return good / sent if sent else 1.0


def recovered_s(outcomes: Sequence[Outcome], since_s: float) -> float:
    """Seconds until all is well again, over all seeds together: a moment of one small machine holds a few pieces."""
    count = whole_periods(outcomes[0].seconds - outcomes[0].target_s - since_s, MOMENT_S)
    instants = [since_s + number * MOMENT_S for number in range(count)]
    moments = [Moment(at_s, *_pieces(outcomes, at_s, at_s + MOMENT_S)) for at_s in instants]
    found_s = measured_recovery_s(moments, from_s=since_s)
    return count * MOMENT_S if found_s is None else found_s


def collapsed(outcomes: Sequence[Outcome]) -> int:
    """Seeds in whose last seconds fewer than nine in ten are on time."""
    return sum(one.on_time(one.seconds - LAST_S, one.seconds - one.target_s) < STANDING for one in outcomes)


def returned(outcomes: Sequence[Outcome], calm: Sequence[Outcome]) -> int:
    """Seeds whose last seconds have a chunk length and, within a class of sizes, a knee as if nothing had been.

    As in any of the `calm` seeds: at a load between two lengths either is right, and which it is, is chance.
    """
    usual: dict[float, list[int]] = {}
    for seen in (seen for outcome in calm for seen in _last(outcome)):
        usual.setdefault(seen.chunk_s, []).append(seen.knee)
    return sum(all(_is_usual(seen, usual) for seen in _last(outcome)) for outcome in outcomes)


def most_reversals(outcomes: Sequence[Outcome]) -> int:
    """The most changes of direction of any knob in any 10 s, once a run has begun."""
    return max(outcome.most_reversals(knob, from_s=EVENT_S) for outcome in outcomes for knob in Knob)


@dataclass(frozen=True, slots=True)
class Served:
    """Goodput as a share of what is carried, healthy streams of what a clairvoyant keeps; p99 of answers in seconds.

    On average and over all seeds together; `worst_p99_s` is that of the worst seed.
    """

    goodput: float
    healthy: float
    p99_s: float
    worst_p99_s: float


def served(bench: Bench, outcomes: Sequence[Outcome]) -> Served:
    """What overload left, once it had settled."""
    from_s, until_s = EVENT_S + SETTLED_S, outcomes[0].seconds - 0.5
    seeds = len(outcomes)
    return Served(
        sum(outcome.goodput_s(from_s, until_s) for outcome in outcomes) / (bench.carried * seeds),
        sum(outcome.healthy(from_s, until_s) for outcome in outcomes) / (bench.kept * seeds),
        replace(outcomes[0], streams=[one for outcome in outcomes for one in outcome.streams]).p99_s(from_s, until_s),
        max(outcome.p99_s(from_s, until_s) for outcome in outcomes),
    )


def oldest_whole(bench: Bench, outcomes: Sequence[Outcome]) -> float:
    """Of the oldest streams, as many as are carried while all is dearer by `LOW`, the healthy ones' share."""
    from_s, until_s, first = EVENT_S + SETTLED_S, outcomes[0].seconds - 0.5, bench.streams(1 / LOW)
    whole = [replace(outcome, streams=outcome.streams[:first]).healthy(from_s, until_s) for outcome in outcomes]
    return sum(whole) / (first * len(outcomes))


def throttled(outcomes: Sequence[Outcome]) -> float:
    """Share of the quota's periods in which calls were held back, from the first on."""
    return sum(one.throttled_periods for one in outcomes) / sum(one.periods for one in outcomes)


def _pieces(outcomes: Sequence[Outcome], from_s: float, until_s: float) -> tuple[int, int]:
    """Pieces that were there in that time, and those of them on time, over all seeds together."""
    pieces = [stream.pieces(each.target_s, from_s, until_s) for each in outcomes for stream in each.streams]
    return sum(sent for sent, _ in pieces), sum(good for _, good in pieces)


def _run(bench: Bench, sent: Iterable[SentStream], seconds: float, seed: int, *, is_frozen: bool) -> Outcome:
    return simulate(_scenario(bench, sent, seconds, seed, is_frozen=is_frozen))


def _scenario(bench: Bench, sent: Iterable[SentStream], seconds: float, seed: int, *, is_frozen: bool) -> Scenario:
    frozen_s = EVENT_S - 0.1 if is_frozen else math.inf
    return Scenario(bench.profile, bench.machine, tuple(sent), seconds, seed=seed, frozen_from_s=frozen_s)


def _last(outcome: Outcome) -> list[KneeSeen]:
    return [seen for seen in outcome.knees if seen.at_s >= outcome.seconds - LAST_S]


def _is_usual(seen: KneeSeen, usual: Mapping[float, Sequence[int]]) -> bool:
    knees = usual.get(seen.chunk_s)
    return knees is not None and min(knees) / 2 <= seen.knee <= 2 * max(knees)


def _chance(seed: int) -> Random:
    return Random(seed)
