"""More live streams than can be carried: what is served of them, as a share of what a clairvoyant admission would keep.

That is what the best static setting carries for as long, and how many streams it keeps healthy at best, both known as
shares of the bare calls. How many streams these are just then, the bare calls tell before and after each trial.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.carried import Beat, Beside, disturbed
from benchmarks.live_trials import Ran, Wish
from benchmarks.scale import Stand
from benchmarks.trouble_scenarios import FROZEN, GOVERNED, doubts_of
from benchmarks.workloads import TARGET_S
from engine.bench.trial import COOL_DOWN_S
from modules.measuring.figures import Better
from modules.measuring.intervals import figure_of
from modules.measuring.latency_plots import over_load
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.measuring.schedules import Surge, surging
from modules.simulation.arrivals import PIECE_S

BEGINS_SHARE, BEFORE = 0.3, 0.6
"""Overload begins then, in shares of a scene, after so much of what is carried: until then the engine has learnt."""

SETTLED_S = 4.0
"""After its beginning, when what overload does is measured; earlier in a short scene."""

SCENE_S = 20.0
"""A scene is that long at least, but in a smoke test: as in simulation, what is measured is ten seconds of overload."""

WORKERS = 2

LEAST_SERVED = 0.9


@dataclass(frozen=True, slots=True)
class Round:
    """A trial with that load, measured from `from_s` on; of what is carried a share `kept` can be healthy at best."""

    beside: Beside
    from_s: float
    load: float
    kept: float

    @property
    def ran(self) -> Ran:
        """The trial."""
        return self.beside.ran

    @property
    def carried(self) -> float:
        """As before it and after, less what the generator takes on the same CPUs to send what is beyond it."""
        mean, sent = self.beside.mean, self.load * self.beside.before
        sending = self.ran.trial.generated.cpu_s / (self.ran.trial.seen.period_s or 1.0)
        return mean * (1 - sending * max(0.0, 1 - mean / sent) / min(WORKERS, os.cpu_count() or 1))

    @property
    def goodput(self) -> float:
        """Pieces on time, by those that are carried."""
        late = [moment for moment in self.ran.trial.moments if moment.at_s >= self.from_s]
        seconds = late[1].at_s - late[0].at_s if len(late) > 1 else 1.0
        return sum(moment.on_time for moment in late) / len(late) / seconds * PIECE_S / self.carried

    @property
    def healthy(self) -> float:
        """Streams of which 99 of 100 pieces were on time, by those that a clairvoyant admission would keep so."""
        return self.ran.trial.outcome.healthy / (self.kept * self.carried)


def overload(stand: Stand, load: float) -> ScenarioResult:
    """More than is carried, once the engine has learnt what its streams cost; frozen once, for comparison."""
    begun_s = time.perf_counter()
    scene_s = _scene_s(stand)
    event_s = BEGINS_SHARE * scene_s
    from_s = min(event_s + SETTLED_S, (event_s + scene_s - COOL_DOWN_S) / 2)
    rounds: dict[str, list[Round]] = {GOVERNED: [], FROZEN: []}
    wishes = {GOVERNED: Wish(count_from_s=from_s), FROZEN: Wish(event_s - 0.2, count_from_s=from_s)}
    beat, kept = Beat(stand), stand.kept / stand.lasting
    for number in range(rounds_of(stand)):
        for name, wish in wishes.items():
            if name == FROZEN and (number or stand.is_hurried):
                continue
            trial = partial(_trial, stand, wish, load, number + 1)
            rounds[name].append(Round(beat.run(trial), from_s, load, kept))
    told = {name: _told(each) for name, each in rounds.items() if each}
    trials = {name: [one.ran for one in each] for name, each in told.items()}
    return ScenarioResult(
        f"overload_{load:g}",
        f"What is served when {load:g} times as much is sent as can be carried?",
        (
            Parameter("carried", f"{rounds[GOVERNED][0].carried:.0f} streams by the best static setting just then"),
            Parameter("healthy at best", f"{kept:.2f} of these, by the best static setting with as many as one likes"),
            Parameter("scene", f"{scene_s:g} s, the bare calls before and after each"),
            Parameter("load", f"{BEFORE:g}, then {load:g}; measured from {from_s:.1f} s on"),
            Parameter("rounds that count", f"{len(told[GOVERNED])} of {len(rounds[GOVERNED])}"),
        ),
        tuple(range(1, rounds_of(stand) + 1)),
        time.perf_counter() - begun_s,
        tuple(_served(name, each, is_bound=name == GOVERNED) for name, each in told.items()),
        plots=(
            over_load(
                "Sent and on time",
                {name: runs[0].trial.moments for name, runs in trials.items()},
                trials[GOVERNED][0].marks,
            ),
        ),
        invalid=(
            *disturbed([each.beside for each in rounds[GOVERNED]]),
            *doubts_of({GOVERNED: trials[GOVERNED]}, ours=0.0),
        ),
    )


def rounds_of(stand: Stand) -> int:
    """Several, but in a run of everything that has ten minutes."""
    return 1 if stand.is_hurried else stand.scale.rounds


def _trial(stand: Stand, wish: Wish, load: float, seed: int, carried: float) -> Ran:
    """From `BEFORE` to `load` of what is carried."""
    scene_s = _scene_s(stand)
    low, every = (max(1, round(share * carried)) for share in (BEFORE, load))
    return stand.rig.onbeat(surging(low, scene_s, Surge(every - low, BEGINS_SHARE * scene_s), seed=seed), wish)


def _scene_s(stand: Stand) -> float:
    return max(stand.scale.scene_s, SCENE_S) if stand.scale.climbs else stand.scale.scene_s


def _told(rounds: Sequence[Round]) -> list[Round]:
    """Those that count; all of them where none does, and the result says that it is not to be trusted."""
    return [each for each in rounds if each.beside.is_calm] or list(rounds)


def _served(name: str, rounds: Sequence[Round], *, is_bound: bool) -> Side:
    """What overload left: on-time goodput and healthy streams by what is carried, and the p99 of what is served."""
    outcomes = [each.ran.trial.outcome for each in rounds]
    served = [one.served.quantile(0.99) * 1e3 for one in outcomes if one.served.count]
    least = LEAST_SERVED if is_bound else None
    figures = [
        figure_of("goodput", [each.goodput for each in rounds], "x", least=least, better=Better.HIGHER),
        figure_of("healthy streams", [each.healthy for each in rounds], "x", least=least, better=Better.HIGHER),
        figure_of("refused", [float(each.ran.trial.refused) for each in rounds], "streams"),
    ]
    if served:
        most = TARGET_S * 1e3 if is_bound else None
        figures.append(figure_of("p99 of what is served", served, "ms", most=most, better=Better.LOWER))
    return Side(name, tuple(figures), outcomes[0].latency)
