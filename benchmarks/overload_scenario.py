"""More live streams than can be carried: what is served of them, as a share of what a clairvoyant admission would keep.

That is what the best static setting carries, known as a share of the bare calls. How many streams it is just then, the
bare calls tell before and after each trial, for a machine's speed may be another one a minute later.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

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

SCENE_S = 13.0
"""A scene is that long at least, but in a smoke test: then some seconds are left to be measured."""

WORKERS = 2

PROBE_S = 0.4
"""How long the bare calls are measured at each batch size."""

MOST_APART = 1.1
"""A round counts where the bare calls after it are within this factor of those before it."""

LEAST_SERVED = 0.9


@dataclass(frozen=True, slots=True)
class Round:
    """A trial of `sent` streams, and how many the best static setting would carry before and after it."""

    ran: Ran
    before: float
    after: float
    from_s: float
    sent: int

    @property
    def carried(self) -> float:
        """The mean of both, less what the generator takes on the same CPUs to send what is beyond it."""
        mean = (self.before + self.after) / 2
        sending = self.ran.trial.generated.cpu_s / (self.ran.trial.seen.period_s or 1.0)
        return mean * (1 - sending * max(0.0, 1 - mean / self.sent) / min(WORKERS, os.cpu_count() or 1))

    @property
    def is_calm(self) -> bool:
        """Whether the machine was about as fast after it as before."""
        return max(self.before, self.after) <= MOST_APART * min(self.before, self.after)

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
    scene_s = max(stand.scale.scene_s, SCENE_S) if stand.scale.climbs else stand.scale.scene_s
    event_s = BEGINS_SHARE * scene_s
    from_s = min(event_s + SETTLED_S, (event_s + scene_s - COOL_DOWN_S) / 2)
    rounds: dict[str, list[Round]] = {GOVERNED: [], FROZEN: []}
    wishes = {GOVERNED: Wish(count_from_s=from_s), FROZEN: Wish(event_s - 0.2, count_from_s=from_s)}
    before = carried_now(stand)
    for number in range(rounds_of(stand)):
        for name, wish in wishes.items():
            if name == FROZEN and (number or stand.is_hurried):
                continue
            low, every = (max(1, round(share * before)) for share in (BEFORE, load))
            ran = stand.rig.onbeat(surging(low, scene_s, Surge(every - low, event_s), seed=number + 1), wish)
            after = carried_now(stand)
            rounds[name].append(Round(ran, before, after, from_s, every))
            before = after
    told = {name: _told(each) for name, each in rounds.items() if each}
    trials = {name: [one.ran for one in each] for name, each in told.items()}
    return ScenarioResult(
        f"overload_{load:g}",
        f"What is served when {load:g} times as much is sent as can be carried?",
        (
            Parameter("carried", f"{rounds[GOVERNED][0].carried:.0f} streams by the best static setting just then"),
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
        invalid=(*_disturbed(rounds[GOVERNED]), *doubts_of({GOVERNED: trials[GOVERNED]}, ours=0.0)),
    )


def rounds_of(stand: Stand) -> int:
    """Several, but in a run of everything that has ten minutes."""
    return 1 if stand.is_hurried else stand.scale.rounds


def carried_now(stand: Stand) -> float:
    """The streams that the best static setting carries now, by its share of the bare calls."""
    return max(1.0, stand.static[stand.best_static] * stand.bound_now(seconds=PROBE_S))


def _told(rounds: Sequence[Round]) -> list[Round]:
    """Those that count; all of them where none does, and the result says that it is not to be trusted."""
    return [each for each in rounds if each.is_calm] or list(rounds)


def _disturbed(rounds: Sequence[Round]) -> tuple[str, ...]:
    calm = sum(each.is_calm for each in rounds)
    if 2 * calm > len(rounds):
        return ()
    apart = max(max(each.before, each.after) / min(each.before, each.after) for each in rounds)
    return (f"too disturbed: the bare calls before and after a trial differ by up to {100 * (apart - 1):.0f} %",)


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
