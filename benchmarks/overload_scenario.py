"""More live streams than can be carried: what is served of them, as a share of what a clairvoyant admission would keep.

That is what the best static setting carries for as long, and how many streams it keeps healthy where the machine is
always as fast, both known as shares of what the bare calls allow. How many streams these are, a trial's own calls tell,
by how fast they were. Where it stumbles a clairvoyant admission is one number for all rounds, chosen when all is known
(`docs/decisions/0017-a-clairvoyant-admission-is-a-number.md`).
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.carried import carried_now
from benchmarks.gauge import by_a_fixed_number, slowest, steadily
from benchmarks.live_trials import Ran, Wish
from benchmarks.scale import MOMENT_S, SLACK_S, WORKERS, Stand
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

SLOWEST_S = 0.5
"""In so short a time a machine that gives less makes chunks late, whoever decides."""

LEAST_SERVED = 0.9

ROUNDS, TELLING = 8, 5
"""Streams kept in so many rounds are counted together: with half a second in which the machine gives less hundreds of
them lose a chunk, and without one none does. With fewer than that many rounds nothing is said of a bound.
"""


@dataclass(frozen=True, slots=True)
class Round:
    """A trial with that load of what was carried `before`, measured from `from_s` on.

    On a machine as fast as it was meanwhile the best static setting carries `best` streams. It was so `steady`: that
    share of its mean it carried all the time. Its slowest half second gave a share `slowest` of the mean.
    """

    ran: Ran
    from_s: float
    load: float
    before: float
    best: float
    steady: float
    slowest: float

    @property
    def carried(self) -> float:
        """Of the best, less what the generator takes on the same CPUs to send what is beyond it."""
        sent = self.load * self.before
        sending = self.ran.trial.generated.cpu_s / (self.ran.trial.seen.period_s or 1.0)
        return self.best * (1 - sending * max(0.0, 1 - self.best / sent) / min(WORKERS, os.cpu_count() or 1))

    @property
    def goodput(self) -> float:
        """Pieces on time, by those that are carried."""
        late = [moment for moment in self.ran.trial.moments if moment.at_s >= self.from_s]
        seconds = late[1].at_s - late[0].at_s if len(late) > 1 else 1.0
        return sum(moment.on_time for moment in late) / len(late) / seconds * PIECE_S / self.carried

    @property
    def healthy(self) -> float:
        """Streams of which 99 of 100 pieces were on time, by those that are carried."""
        return self.ran.trial.outcome.healthy / self.carried


def overload(stand: Stand, load: float) -> ScenarioResult:
    """More than is carried, once the engine has learnt what its streams cost; frozen once, for comparison."""
    begun_s = time.perf_counter()
    scene_s = _scene_s(stand)
    event_s = BEGINS_SHARE * scene_s
    from_s = min(event_s + SETTLED_S, (event_s + scene_s - COOL_DOWN_S) / 2)
    wishes = {GOVERNED: Wish(count_from_s=from_s), FROZEN: Wish(event_s - 0.2, count_from_s=from_s)}
    rounds: dict[str, list[Round]] = {}
    for number in range(rounds_of(stand)):
        for name, wish in wishes.items():
            if name == GOVERNED or not (number or stand.is_hurried):
                rounds.setdefault(name, []).append(_round(stand, wish, load, number + 1))
    trials = {name: [one.ran for one in each] for name, each in rounds.items()}
    ours = rounds[GOVERNED]
    always = stand.lasting.kept / stand.lasting.carried
    at_best = by_a_fixed_number([*stand.lasting.steady, *(one.steady for each in rounds.values() for one in each)])
    return ScenarioResult(
        f"overload_{load:g}",
        f"What is served when {load:g} times as much is sent as can be carried?",
        (
            Parameter("carried", f"{ours[0].carried:.0f} streams by the best static setting on a machine so fast"),
            Parameter("healthy at best", f"{always * at_best:.2f} of these, by one number for all rounds"),
            Parameter("scene", f"{scene_s:g} s"),
            Parameter("load", f"{BEFORE:g}, then {load:g}; measured from {from_s:.1f} s on"),
        ),
        tuple(range(1, rounds_of(stand) + 1)),
        time.perf_counter() - begun_s,
        tuple(_served(name, each, always=always, at_best=at_best) for name, each in rounds.items()),
        plots=(
            over_load(
                "Sent and on time",
                {name: runs[0].trial.moments for name, runs in trials.items()},
                trials[GOVERNED][0].marks,
            ),
        ),
        invalid=tuple(doubts_of({GOVERNED: trials[GOVERNED]}, ours=0.0)),
    )


def rounds_of(stand: Stand) -> int:
    """Several, but in a run of everything that has ten minutes, or a smoke."""
    return 1 if stand.is_hurried or not stand.scale.climbs else max(ROUNDS, stand.scale.rounds)


def _round(stand: Stand, wish: Wish, load: float, seed: int) -> Round:
    """From `BEFORE` to `load` of what is carried just before."""
    scene_s, before = _scene_s(stand), carried_now(stand)
    low, every = (max(1, round(share * before)) for share in (BEFORE, load))
    ran = stand.rig.onbeat(surging(low, scene_s, Surge(every - low, BEGINS_SHARE * scene_s), seed=seed), wish)
    from_s = wish.count_from_s
    best = stand.lasting.carried * stand.bound_in(ran, from_s=from_s)
    speeds = stand.speeds_in(ran, from_s=from_s)
    steady = steadily(speeds, period_s=MOMENT_S, slack_s=SLACK_S)
    return Round(ran, from_s, load, before, best, steady, slowest(speeds, round(SLOWEST_S / MOMENT_S)))


def _scene_s(stand: Stand) -> float:
    return max(stand.scale.scene_s, SCENE_S) if stand.scale.climbs else stand.scale.scene_s


def _served(name: str, rounds: Sequence[Round], *, always: float, at_best: float) -> Side:
    """What overload left: on-time goodput and healthy streams by what is carried, and the p99 of what is served.

    Of what is carried `always` are kept healthy where the machine is always as fast, and `at_best` of these by a
    clairvoyant admission.
    """
    outcomes = [each.ran.trial.outcome for each in rounds]
    served = [one.served.quantile(0.99) * 1e3 for one in outcomes if one.served.count]
    is_bound = name == GOVERNED
    least = LEAST_SERVED if is_bound else None
    whole = [each.healthy / always for each in rounds]
    figures = [
        figure_of("goodput", [each.goodput for each in rounds], "x", least=least, better=Better.HIGHER),
        figure_of(
            "healthy streams",
            [each / at_best for each in whole],
            "x",
            least=least if len(rounds) >= TELLING else None,
            better=Better.HIGHER,
            is_mean=True,
        ),
        figure_of(
            "by who knows each moment",
            [each / one.steady for each, one in zip(whole, rounds, strict=True)],
            "x",
            better=Better.HIGHER,
        ),
        figure_of("refused", [float(each.ran.trial.refused) for each in rounds], "streams"),
        figure_of("the machine carried steadily", [each.steady for each in rounds], "x of its mean"),
        figure_of("the machine's slowest half second", [each.slowest for each in rounds], "x of its mean"),
    ]
    if served:
        most = TARGET_S * 1e3 if is_bound else None
        figures.append(figure_of("p99 of what is served", served, "ms", most=most, better=Better.LOWER))
    return Side(name, tuple(figures), outcomes[0].latency)
