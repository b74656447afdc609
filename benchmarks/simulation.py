"""The governor in simulation: against the best static settings, and governed against frozen when something happens.

Every line is a scene and a profile on a machine, with its figures and their bounds; loads are shares of what the best
static setting carries there. The same seeds give the same figures.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks import simulated_scenes as scenes
from benchmarks.simulated_bench import Bench, bench_of, dear
from benchmarks.simulated_scenes import EVENT_S, Beside
from modules.simulation.machines import Machine
from modules.simulation.outcome import Outcome
from modules.simulation.profiles import PROFILES
from modules.simulation.scenarios import Scenario, Static
from modules.simulation.search import CAPS, Trials, most_streams, static_grid

LEAST_OF_BEST, LEAST_OF_ONE = 0.95, 1.15
TARGET_S = 0.3
LOADS = (1.2, 1.5, 2.0)

LEAST_KEPT = 0.75
"""Least goodput under overload where streams keep all they are sent: those that fell behind before they were suspended
have to catch up while the others fill the machine, each of them with more the longer it takes.
"""

_SECONDS, _FROM_S = 12.0, 5.0
_STREAMS_A_CORE = {2: (40, 200), 8: (16,), 64: (10,)}
"""By cores: a model of which a core carries few streams, as of most recognisers, or many, as of a voice detector.

As many as leave the simulation quick; of the second only what it carries is shown.
"""

_OTHER_STREAMS = (10,)
_FEWER_SEEDS = {64: 5}
"""A large machine serves as many streams in five runs as a small one in fifty, and takes as long."""

_QUICK_SEEDS, _QUICK_CAPS = 4, (1, 4, 8, 16)
_GRID_SEEDS = (0, 1)

Scene = Callable[..., Outcome]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its bound; `None` is a number for information only."""

    what: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is within its bound."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def __str__(self) -> str:
        bound = "" if self.least is None else f" (at least {self.least:g})"
        bound += "" if self.most is None else f" (at most {self.most:g})"
        return f"{self.what} {self.value:.3g}{bound}{'' if self.is_good else ' BROKEN'}"


@dataclass(frozen=True, slots=True)
class Steady:
    """What a machine and a profile carry: with each static setting, and governed."""

    bench: Bench
    grid: dict[Static, int]
    governed: int


def report(*, cores: Sequence[int] = (2, 8, 64), seeds: int = 20, quick: bool = False) -> bool:
    """Print a line a scene, profile and machine; whether all figures are within their bounds.

    `quick`: two cores, a small grid and a few seeds.
    """
    if quick:
        cores, seeds = (2,), min(seeds, _QUICK_SEEDS)
    found = []
    good = True
    for count in cores:
        first, *others = _STREAMS_A_CORE.get(count, _OTHER_STREAMS)
        for name in PROFILES:
            for streams_a_core in (first,) if quick else (first, *others):
                steady = carried(name, count, streams_a_core, caps=_QUICK_CAPS if quick else CAPS)
                found.append(steady)
                good = _line(*_steady(steady)) and good
                runs = range(min(seeds, _FEWER_SEEDS.get(count, seeds)))
                for scene, figures in scenes_of(steady.bench, runs) if streams_a_core == first else ():
                    good = _line(scene, steady.bench, figures) and good
    gain = Figure("governed, by the best single static setting", gain_over_one(found), least=LEAST_OF_ONE)
    print(f"all machines and profiles, geometric mean: {gain}", flush=True)
    return gain.is_good and good


def carried(name: str, cores: int, streams_a_core: float, *, caps: Sequence[int]) -> Steady:
    """How many steady streams the grid of static settings and the governor carry, each core about that many."""
    profile = dear(name, streams_a_core, cores=cores)
    scenario = Scenario(profile, Machine(cores), (), _SECONDS)
    trials = Trials(_GRID_SEEDS, _FROM_S, past_dips=True)
    grid = static_grid(scenario, trials, caps=caps)
    return Steady(bench_of(profile, Machine(cores), grid), grid, most_streams(scenario, trials))


def gain_over_one(found: Sequence[Steady]) -> float:
    """The governor by the static setting that is best over all machines and profiles, both as geometric means."""

    def mean_log(numbers: Sequence[int]) -> float:
        return sum(math.log(max(number, 0.5)) for number in numbers) / len(numbers)

    governed = mean_log([steady.governed for steady in found])
    return math.exp(governed - max(mean_log([steady.grid[one] for steady in found]) for one in found[0].grid))


def scenes_of(bench: Bench, seeds: Sequence[int]) -> Iterator[tuple[str, list[Figure]]]:
    """Each scene with its figures; those of the frozen governor beside them."""

    def runs(scene: Scene, *, is_frozen: bool = False, **more: float) -> list[Outcome]:
        return [scene(bench, seed, is_frozen=is_frozen, **more) for seed in seeds]

    def recovery(scene: Scene, *, since_s: float, most_s: float, is_trouble: bool = False) -> list[Figure]:
        moved, still = runs(scene), runs(scene, is_frozen=True)
        until_s = moved[0].seconds - moved[0].target_s
        back = []
        if is_trouble:
            calm = runs(scene, is_calm=True)
            back.append(Figure("seeds with batch and chunks back", scenes.returned(moved, calm), least=len(seeds)))
        return [
            Figure("s until on time", scenes.recovered_s(moved, since_s), most=most_s),
            Figure("seeds collapsed", scenes.collapsed(moved), most=0),
            *back,
            Figure("on time from then on", scenes.on_time(moved, since_s, until_s)),
            Figure("frozen: s until on time", scenes.recovered_s(still, since_s)),
            Figure("on time", scenes.on_time(still, since_s, until_s)),
        ]

    after_s = EVENT_S + scenes.BURST_S
    yield "step from 30 to 85 %", recovery(scenes.step, since_s=EVENT_S, most_s=1.0)
    yield "burst of 150 %", recovery(scenes.burst, since_s=after_s, most_s=1.0)
    for load in LOADS:
        moved = scenes.served(bench, runs(scenes.overload, load=load))
        still = scenes.served(bench, runs(scenes.overload, is_frozen=True, load=load))
        yield (
            f"overload of {load:g}",
            [
                Figure("goodput", moved.goodput, least=0.90),
                Figure("healthy", moved.healthy, least=0.90),
                Figure("p99 s", moved.p99_s, most=TARGET_S),
                Figure("the worst seed's", moved.worst_p99_s),
                Figure("frozen: goodput", still.goodput),
                Figure("healthy", still.healthy),
                Figure("p99 s", still.p99_s),
            ],
        )
    for load in LOADS:
        kept = scenes.served(bench, runs(scenes.overload, load=load, keeps_all=True))
        figures = [Figure("goodput", kept.goodput, least=LEAST_KEPT), Figure("healthy", kept.healthy)]
        yield f"overload of {load:g}, all kept", figures
    tossed, stiff = runs(scenes.swinging), runs(scenes.swinging, is_frozen=True)
    yield (
        "overload of 1.5, a host that stutters",
        [
            Figure("oldest streams whole", scenes.oldest_whole(bench, tossed)),
            Figure("goodput", scenes.served(bench, tossed).goodput),
            Figure("frozen: oldest streams whole", scenes.oldest_whole(bench, stiff)),
            Figure("goodput", scenes.served(bench, stiff).goodput),
        ],
    )
    yield "neighbour of half a core", recovery(scenes.neighbour, since_s=EVENT_S, most_s=2.0, is_trouble=True)
    yield "model twice as slow", recovery(scenes.slow_model, since_s=EVENT_S, most_s=2.0, is_trouble=True)
    small, held = runs(scenes.quota), runs(scenes.quota, is_frozen=True)
    yield (
        "quota of 0.6 CPUs",
        [
            Figure("periods held back", scenes.throttled(small), most=0.05),
            Figure("on time", scenes.on_time(small, EVENT_S, small[0].seconds - 0.5), least=0.99),
            Figure("workers at last", max(one.decisions[-1].plan.workers for one in small), most=1),
            Figure("frozen: periods held back", scenes.throttled(held)),
        ],
    )
    calm = [scenes.constant(bench, seed) for seed in seeds]
    varying = [one.knee_variation(from_s=10.0) for one in calm]
    yield (
        "constant load of 0.9",
        [
            Figure("most reversals in 10 s", scenes.most_reversals(calm), most=1),
            Figure("variation of the knee", sum(varying) / len(varying), most=0.10),
            Figure("the worst seed's", max(varying)),
        ],
    )
    yield "folder work beside 50 %", _beside([scenes.folder_beside(bench, seed) for seed in seeds])


def _steady(found: Steady) -> tuple[str, Bench, list[Figure]]:
    """What is carried, and of the best static setting how much."""
    best = max(found.grid, key=found.grid.__getitem__)
    which = f"{found.grid[best]} by calls of {best.cap}, chunks of {best.chunk_s:g} s"
    share = Figure("of the best static", found.governed / found.grid[best], least=LEAST_OF_BEST)
    return f"steady: {found.governed} streams, {which}", found.bench, [share]


def _beside(found: Sequence[Beside]) -> list[Figure]:
    return [
        Figure("added misses", max(0.0, sum(one.added_misses for one in found) / len(found)), most=0.0),
        Figure("of the idle time used", min(one.idle_used for one in found), least=0.85),
    ]


def _line(scene: str, bench: Bench, figures: Sequence[Figure]) -> bool:
    where = f"{bench.machine.cores} cores, {bench.profile.name}"
    print(f"{where}: {scene}: {', '.join(map(str, figures))}", flush=True)
    return all(figure.is_good for figure in figures)
