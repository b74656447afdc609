"""How much a run of the benchmarks measures: a smoke of everything, what ten minutes allow, or what honesty needs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from benchmarks.live_trials import Rig
from benchmarks.plain_sides import Plain
from benchmarks.workloads import TARGET_S, chunks_per_s
from engine.bench.capacity import is_carried
from modules.measuring.peak import PeakLimits, PeakSearch
from modules.measuring.schedules import drawn
from modules.simulation.arrivals import PIECE_S


@dataclass(frozen=True, slots=True)
class Scale:
    """One of the three: `trial_s` is the length of a live trial, `scene_s` of one in which something happens.

    `step` is how near a peak is searched, `None` where none is; `rounds` how often sides take turns, `files` and
    `minutes` how much is recorded, `loads` the overloads that are tried, `caps` and `pieces` the static settings.
    """

    name: str
    trial_s: float
    scene_s: float
    rounds: int
    step: float | None
    files: int
    minutes: float
    loads: tuple[float, ...]
    caps: tuple[int, ...]
    pieces: tuple[int, ...]

    @property
    def searches(self) -> bool:
        """Whether peaks are searched."""
        return self.step is not None


SCALES = {
    "quick": Scale("quick", 1.5, 3.0, 1, None, 4, 0.1, (1.5,), (16,), (1,)),
    "default": Scale("default", 4.0, 9.0, 3, 0.1, 20, 0.5, (1.5,), (4, 16), (1,)),
    "record": Scale("record", 8.0, 20.0, 5, 0.04, 200, 10.0, (1.2, 1.5, 2.0), (1, 4, 16, 64), (1, 2, 4)),
}
"""By name."""


class Stand:
    """What the live scenarios of one run share: the rig, the scale, and how many streams the machine carries."""

    def __init__(self, rig: Rig, scale: Scale) -> None:
        """Measure with `rig`, so much."""
        self.rig = rig
        self.scale = scale

    @cached_property
    def bound(self) -> float:
        """Streams that the bare calls allow, by the best of a few batches: the limit of what can be."""
        seconds = 0.3 if self.scale.name == "quick" else 1.0
        rates = [
            chunks_per_s(self.rig.stage, chunk_s=PIECE_S, batch=batch, workers=2, seconds=seconds)
            for batch in (1, 4, 16, 32)
        ]
        return max(rates) * PIECE_S

    @cached_property
    def grid(self) -> dict[Plain, int]:
        """The most streams that each static setting carries; a guess from the bound where nothing is searched."""
        settings = [Plain(cap=cap, pieces=pieces) for pieces in self.scale.pieces for cap in self.scale.caps]
        if not self.scale.searches:
            return {settings[0]: max(2, round(0.7 * self.bound))}
        return {each: self.most_plain(each) for each in settings}

    @property
    def carried(self) -> int:
        """The most streams that the best static setting carries, at least one."""
        return max(1, *self.grid.values())

    def most_plain(self, settings: Plain) -> int:
        """The most streams that a plain side carries, by peak search."""
        return self.most(lambda streams, seed: self.plain_carries(settings, streams, seed))

    def most(self, carries: Callable[[int, int], bool]) -> int:
        """Search it."""
        search = PeakSearch(PeakLimits(max(2, round(0.6 * self.bound)), step=self.scale.step or 0.5))
        seed = 0
        while search.asked is not None:
            seed += 1
            search.tell(carries(search.asked, seed))
        return search.found

    def plain_carries(self, settings: Plain, streams: int, seed: int) -> bool:
        """Whether a plain side keeps so many on time."""
        schedule = drawn("steady", streams, self.scale.trial_s, seed=seed)
        return is_carried(self.rig.plain(schedule, settings).trial)

    def streams(self, load: float) -> int:
        """So many are that share of what is carried."""
        return max(1, round(load * self.carried))


TARGET_MS = TARGET_S * 1e3
