"""How much a run of the benchmarks measures: a smoke of everything, what ten minutes allow, or what honesty needs."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

from benchmarks.gauge import Gauge, speeds_of, steadily
from benchmarks.live_trials import WARM_UP_S, Ran, Rig, Wish
from benchmarks.stairs import Edge, Stairs
from benchmarks.workloads import TARGET_S, chunks_per_s
from engine.bench.capacity import is_carried
from engine.bench.trial import Trial
from modules.measuring.schedules import drawn
from modules.simulation.arrivals import PIECE_S
from modules.simulation.scenarios import Static


@dataclass(frozen=True, slots=True)
class Scale:
    """One of the three: `trial_s` is the length of a live trial, `scene_s` of one in which something happens.

    `climbs` is how many trials a side has on its stairs, 0 where the load is only guessed, of which `first_trials` look
    for where to begin and do not count; `rounds` how often sides take turns at one load; `files` and `minutes` how much
    is recorded, `loads` the overloads that are tried, `caps` and `pieces` the static settings.
    """

    name: str
    trial_s: float
    scene_s: float
    rounds: int
    climbs: int
    first_trials: int
    files: int
    minutes: float
    loads: tuple[float, ...]
    caps: tuple[int, ...]
    pieces: tuple[int, ...]


SCALES = {
    "quick": Scale("quick", 2.4, 3.8, 1, 0, 0, 4, 0.1, (1.5,), (16,), (1,)),
    "default": Scale("default", 3.6, 10.0, 3, 3, 0, 20, 0.5, (1.5, 2.0), (4, 16), (1,)),
    "record": Scale("record", 8.8, 20.8, 5, 14, 2, 200, 10.0, (1.2, 1.5, 2.0), (1, 4, 16, 64), (1, 2, 4)),
}
"""By name."""

WORKERS = 2

MOMENT_S = 0.1
SLACK_S = 0.2
"""Of the target so much is left by calls that wait for no other: so long a machine may stumble."""

LASTING_S = 12.8
"""A trial of that length tells what is carried while trouble lasts."""

_LASTING_TRIALS, _LASTING_TRIALS_HURRIED = 8, 4
_LASTING_FIRST = 0.93
"""So much of what a short trial says is tried first."""

_FIRST_SHARE = 0.85
_NEAR = 0.9
"""Static settings go on climbing that end up at so much of the best."""

_GUESS = 0.7
_BOUND_S = 0.15
_BOUND_BATCHES = (4, 16, 32)


@dataclass(slots=True)
class Climb:
    """The stairs of one side, with each trial's streams and what came of it."""

    stairs: Stairs
    tried: list[tuple[int, Trial]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lasting:
    """What the best static setting carries in trials as long as those of trouble, as shares of the bare calls.

    With a little more than is carried a queue grows that a trial of a few seconds is over before it is late.

    - `carried`: on this machine, as it was in them.
    - `kept`: on one that is always as fast: where it stutters, all are kept healthy that it carries `steadily`, which
      tells sustained trials, all of whose streams were healthy, from the others.
    - `steady`: how much of its mean the machine carried steadily in each trial.
    """

    carried: float
    kept: float
    steady: tuple[float, ...] = ()


class Stand:
    """What the live scenarios of one run share: the rig, the scale, and how many streams the machine carries."""

    def __init__(self, rig: Rig, scale: Scale, *, is_hurried: bool = False) -> None:
        """Measure with `rig`, so much; hurried, what could be repeated is measured once."""
        self.rig = rig
        self.scale = scale
        self.is_hurried = is_hurried
        self._bounds: list[float] = []

    @property
    def bound(self) -> float:
        """Streams that the bare calls allow, the median of all that was measured: the limit of what can be."""
        if not self._bounds:
            self.bound_now()
        return statistics.median(self._bounds)

    def bound_now(self, *, seconds: float = _BOUND_S) -> float:
        """The same just now, by the best of a few batches, so long each, on as many threads as workers."""
        rates = [
            chunks_per_s(self.rig.stage, chunk_s=PIECE_S, batch=batch, workers=WORKERS, seconds=seconds)
            for batch in _BOUND_BATCHES
        ]
        self._bounds.append(max(rates) * PIECE_S)
        return self._bounds[-1]

    @cached_property
    def gauge(self) -> Gauge:
        """What the model's calls take of a CPU."""
        return Gauge.measured(self.rig.stage, workers=WORKERS)

    def bound_in(self, ran: Ran, *, from_s: float = WARM_UP_S) -> float:
        """Streams that the bare calls allow on a machine as fast as it was in that trial, from then on."""
        return self.gauge.speed(ran.calls_from(from_s)) * self.gauge.streams(workers=WORKERS)

    def speeds_in(self, ran: Ran, *, from_s: float = WARM_UP_S) -> list[float]:
        """How fast the machine was in each `MOMENT_S` of that trial, from then on."""
        return speeds_of(self.gauge, ran.calls_from(from_s), period_s=MOMENT_S)

    def climb(
        self, sides: Mapping[str, Callable[[int, int], Ran]], *, trials: int, climbs: Mapping[str, Climb] | None = None
    ) -> dict[str, Climb]:
        """Each side's stairs, in turn, A B A B; loads are shares of the bare calls measured before and after a trial.

        `sides` run so many streams with that seed. Each has `trials`, on stairs of `climbs` where these go on.
        """
        climbs = climbs or {name: Climb(Stairs(_FIRST_SHARE, first_trials=0)) for name in sides}
        before = self.bound_now()
        for _ in range(trials):
            for name, side in sides.items():
                climb = climbs[name]
                streams = max(1, round(climb.stairs.share * before))
                trial = side(streams, len(climb.tried) + 1).trial
                after = self.bound_now()
                bare = (before + after) / 2
                climb.tried.append((streams, trial))
                climb.stairs.tried(streams / bare, is_sustained=is_carried(trial))
                before = after
        return {name: climbs[name] for name in sides}

    def climb_from_best(self, sides: Mapping[str, Callable[[int, int], Ran]]) -> dict[str, Climb]:
        """The same beginning where the best static setting ended up: no trials are needed to find where to begin."""
        start = self.static[self.best_static]
        climbs = {name: Climb(Stairs(start, first_trials=self.scale.first_trials)) for name in sides}
        return self.climb(sides, trials=self.scale.climbs, climbs=climbs)

    def settle(self, setting: Static, share: float) -> None:
        """That setting has climbed again, for longer."""
        self.static[setting] = share

    @cached_property
    def static(self) -> dict[Static, float]:
        """What Onbeat carries with each static setting of the grid, nothing decided, as a share of the bare calls.

        Half of the trials are for those alone that might be the best. A guess where nothing climbs.
        """
        settings = [Static(cap, PIECE_S * pieces) for pieces in self.scale.pieces for cap in self.scale.caps]
        if not self.scale.climbs:
            return {settings[0]: _GUESS}
        sides = {str(each): partial(self.run_static, each) for each in settings}
        trials = max(3, self.scale.climbs // 2)
        climbs = self.climb(sides, trials=trials - trials // 2)
        near = _NEAR * max(climb.stairs.end for climb in climbs.values())
        left = {name: side for name, side in sides.items() if climbs[name].stairs.end >= near}
        if len(left) > 1:
            self.climb(left, trials=trials // 2, climbs=climbs)
        return {each: climbs[str(each)].stairs.end for each in settings}

    @cached_property
    def lasting(self) -> Lasting:
        """What long trials tell of the best static setting, by the bare calls as in each trial itself."""
        first = self.static[self.best_static]
        if not self.scale.climbs:
            return Lasting(first, first)
        carried, kept, steady = Edge(_LASTING_FIRST * first), Edge(_LASTING_FIRST * first), []
        for number in range(_LASTING_TRIALS_HURRIED if self.is_hurried else _LASTING_TRIALS):
            streams = max(1, round(carried.share * self.bound_now()))
            ran = self.run_static(self.best_static, streams, number + 1, seconds=LASTING_S)
            bare, is_sustained = self.bound_in(ran), is_carried(ran.trial)
            steady.append(steadily(self.speeds_in(ran), period_s=MOMENT_S, slack_s=SLACK_S))
            carried.tried(streams / bare, is_sustained=is_sustained)
            kept.tried(streams / bare / steady[-1], is_sustained=is_sustained)
        return Lasting(carried.end, kept.end, tuple(steady))

    @property
    def best_static(self) -> Static:
        """The static setting that carries most."""
        return max(self.static, key=self.static.__getitem__)

    @property
    def carried(self) -> int:
        """The streams that the best static setting carries, at least one."""
        return max(1, round(self.static[self.best_static] * self.bound))

    def run_static(self, setting: Static, streams: int, seed: int, *, seconds: float | None = None) -> Ran:
        """A trial of Onbeat with that setting, whatever comes; of the scale's length where no other is given."""
        schedule = drawn("steady", streams, seconds or self.scale.trial_s, seed=seed)
        return self.rig.onbeat(schedule, Wish(chunk_s=setting.chunk_s, cap=setting.cap))

    def streams(self, load: float) -> int:
        """So many are that share of what is carried."""
        return max(1, round(load * self.carried))


TARGET_MS = TARGET_S * 1e3
