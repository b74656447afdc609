"""Live streams to which something happens: a step, a burst, a neighbour, a slower model, a quota.

Each is run governed and with a frozen governor, by the same schedule: what differs is what the governor does. Loads are
shares of what the best static setting carries just before, and a trial counts where it carries as much just after.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.carried import Beat, Beside, disturbed
from benchmarks.live_trials import Event, Ran, Wish
from benchmarks.neighbour_process import Neighbour
from benchmarks.quota_group import NoGroup, QuotaGroup
from benchmarks.scale import Stand
from benchmarks.workloads import TARGET_S
from modules.measuring.figures import Better, Figure
from modules.measuring.intervals import figure_of
from modules.measuring.latency_plots import latency_cdf, over_load
from modules.measuring.pieces import recovered_s
from modules.measuring.plots import Mark
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.measuring.schedules import Schedule, Surge, drawn, surging
from modules.measuring.validity import doubts

GOVERNED, FROZEN = "onbeat", "frozen governor"
EVENT_SHARE = 0.45
"""Of a scene: what happens, happens then; until then the governor has learnt."""

BURST_S = 2.0
QUOTA_CPUS, QUOTA_LOAD = 0.6, 0.4
QUOTA_SCENE_S, QUOTA_KNOWN = 14.0, 0.6
"""By that share of it the quota has been seen, which is looked for every few seconds, and sizing has followed."""

NEVER_S = 999.0
"""In the place of a recovery that did not come before the end."""


TRIES, HURRIED_TRIES = 4, 2
"""How often a trial is run, at most, until the machine is about as fast after it as before."""

Carried = Callable[[float], int]
"""As many streams are that share of what is carried just then."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A scenario in which something happens at `event_s` and is over at `over_s`; on time again within `most_s`."""

    name: str
    question: str
    event_s: float
    over_s: float
    most_s: float
    schedule: Callable[[int, Carried], Schedule]
    events: Callable[[], Sequence[Event]] = tuple
    load: str = ""


def step(stand: Stand) -> ScenarioResult:
    """From 30 % to 85 % at once."""
    scene_s, event_s = stand.scale.scene_s, _event_s(stand)
    return play(
        stand,
        Scene(
            "step",
            "How soon are chunks on time again after a step from 30 to 85 % of what is carried?",
            event_s,
            event_s,
            1.0,
            lambda seed, share: surging(share(0.3), scene_s, Surge(share(0.55), event_s), seed=seed),
            load="0.3, then 0.85",
        ),
    )


def burst(stand: Stand) -> ScenarioResult:
    """To 150 % for two seconds."""
    scene_s, event_s = stand.scale.scene_s, _event_s(stand)
    over_s = event_s + min(BURST_S, scene_s / 4)
    return play(
        stand,
        Scene(
            "burst",
            "How soon are chunks on time again after a burst of 150 %?",
            event_s,
            over_s,
            1.0,
            lambda seed, share: surging(share(0.6), scene_s, Surge(share(0.9), event_s, over_s), seed=seed),
            load="0.6, 1.5 for 2 s, 0.6",
        ),
    )


def neighbour(stand: Stand) -> ScenarioResult:
    """Another process takes half a core for a while."""
    scene_s, event_s, busy = stand.scale.scene_s, _event_s(stand), Neighbour()
    over_s = 0.8 * scene_s
    return play(
        stand,
        Scene(
            "neighbour",
            "Does a neighbour with half a core make chunks late, where capacity remains?",
            event_s,
            event_s,
            2.0,
            lambda seed, share: drawn("steady", share(0.6), scene_s, seed=seed),
            lambda: [Event(event_s, busy.begin), Event(over_s, busy.end)],
            load="0.6",
        ),
        at_end=busy.end,
        ours=0.5 * (over_s - event_s) / scene_s,  # it has ended when the machine is looked at
    )


def slow_model(stand: Stand) -> ScenarioResult:
    """The model takes twice as long for a while."""
    scene_s, event_s = stand.scale.scene_s, _event_s(stand)
    stage = stand.rig.stage

    def be(times: int) -> Callable[[], None]:
        return lambda: setattr(stage, "times", times)

    return play(
        stand,
        Scene(
            "slow_model",
            "How soon are chunks on time again when the model becomes twice as slow, where capacity remains?",
            event_s,
            event_s,
            2.0,
            lambda seed, share: drawn("steady", share(0.4), scene_s, seed=seed),
            lambda: [Event(event_s, be(2)), Event(0.8 * scene_s, be(1))],
            load="0.4",
        ),
        at_end=be(1),
    )


def quota(stand: Stand) -> ScenarioResult:
    """A CPU quota that begins with the trial."""
    begun_s = time.perf_counter()
    question = f"Does sizing follow a quota of {QUOTA_CPUS:g} CPUs?"
    seconds = max(stand.scale.scene_s, QUOTA_SCENE_S) if stand.scale.climbs else stand.scale.scene_s
    schedule = drawn("steady", max(1, round(QUOTA_LOAD * QUOTA_CPUS / 2 * stand.carried)), seconds, seed=1)
    counts: list[tuple[int, int]] = []
    try:
        with QuotaGroup(QUOTA_CPUS) as group:
            note = Event(QUOTA_KNOWN * seconds, lambda: counts.append(group.periods()))
            ran = stand.rig.onbeat(schedule, Wish(workers=None), [Event(0.05, group.join), note])
            counts.append(group.periods())
    except NoGroup as reason:
        return ScenarioResult("quota", question, skipped=str(reason))
    periods, held = (after - before for before, after in zip(*counts, strict=True))
    throttled = held / periods if periods else 0.0
    figures = (
        Figure("periods held back, at last", 100 * throttled, "%", most=5.0, better=Better.LOWER),
        Figure("on time", 100 * ran.trial.outcome.on_time_share, "%", better=Better.HIGHER),
        Figure("workers at last", float(ran.plans[-1][1].workers)),
    )
    return ScenarioResult(
        "quota",
        question,
        (Parameter("streams", str(len(schedule.streams))), Parameter("quota", f"{QUOTA_CPUS:g} CPUs")),
        (1,),
        time.perf_counter() - begun_s,
        (Side(GOVERNED, figures, ran.trial.outcome.latency),),
        plots=(over_load("Sent and on time", {GOVERNED: ran.trial.moments}, ran.marks),),
        invalid=tuple(doubt for doubt in ran.trial.doubts if "generator" in doubt),
    )


def play(stand: Stand, scene: Scene, *, at_end: Callable[[], None] = lambda: None, ours: float = 0.0) -> ScenarioResult:
    """The scene governed and frozen, once a seed each, in turn; `ours` are CPUs that the scene itself keeps busy."""
    begun_s, beat = time.perf_counter(), Beat(stand)
    found: dict[str, list[Beside]] = {GOVERNED: [], FROZEN: []}
    for seed in _seeds(stand):
        for name, wish in ((GOVERNED, Wish()), (FROZEN, Wish(frozen_from_s=scene.event_s - 0.3))):
            trial = partial(_trial, stand, scene, wish, seed)
            tries = (HURRIED_TRIES if stand.is_hurried else TRIES) if name == GOVERNED else 1
            try:
                found[name].append(beat.calm(trial, tries=tries))
            finally:
                at_end()
    ran = {name: [each.ran for each in trials] for name, trials in found.items()}
    first = ran[GOVERNED][0]
    marks = [*first.marks, Mark(scene.event_s, "it begins")]
    return ScenarioResult(
        scene.name,
        scene.question,
        (*_parameters(stand, found[GOVERNED]), Parameter("load", scene.load)),
        tuple(_seeds(stand)),
        time.perf_counter() - begun_s,
        tuple(_recovery(name, runs, scene, is_bound=name == GOVERNED) for name, runs in ran.items()),
        plots=(
            over_load("Sent and on time", {name: runs[0].trial.moments for name, runs in ran.items()}, marks),
            latency_cdf(
                "Chunk latency", {name: runs[0].trial.outcome.latency for name, runs in ran.items()}, target_s=TARGET_S
            ),
        ),
        invalid=(*disturbed(found[GOVERNED]), *doubts_of(ran, ours=ours)),
    )


def _trial(stand: Stand, scene: Scene, wish: Wish, seed: int, carried: float) -> Ran:
    """The scene, by shares of what is carried just then."""
    schedule = scene.schedule(seed, lambda share: max(1, round(share * carried)))
    return stand.rig.onbeat(schedule, wish, scene.events())


def _recovery(name: str, runs: Sequence[Ran], scene: Scene, *, is_bound: bool) -> Side:
    """How soon it was on time again after the event, or after its end."""
    took = [recovered_s(list(one.trial.moments), from_s=scene.over_s) for one in runs]
    after = [
        sum(moment.on_time for moment in one.trial.moments if moment.at_s >= scene.event_s)
        / max(1, sum(moment.sent for moment in one.trial.moments if moment.at_s >= scene.event_s))
        for one in runs
    ]
    figures = (
        figure_of(
            "until on time",
            [NEVER_S if each is None else each for each in took],
            "s",
            most=scene.most_s if is_bound else None,
            better=Better.NEITHER,
            note=f"{NEVER_S:g} is never",
        ),
        Figure("collapsed", float(took.count(None)), "runs", most=0.0 if is_bound else None),
        figure_of("on time from then on", [100 * share for share in after], "%", better=Better.HIGHER),
    )
    return Side(name, figures, runs[0].trial.outcome.latency)


def doubts_of(ran: Mapping[str, Sequence[Ran]], *, ours: float) -> tuple[str, ...]:
    """Why none of it is to be trusted; the generator has ended when the machine is looked at, so it counts as ours."""
    found: dict[str, None] = {}
    for trial in (one.trial for runs in ran.values() for one in runs):
        busy = ours + trial.generated.cpu_s / (trial.seen.period_s or 1.0)
        found |= dict.fromkeys(doubts(trial.generated.late_p99_s, trial.seen, ours=busy))
    return tuple(found)


def _event_s(stand: Stand) -> float:
    return EVENT_SHARE * stand.scale.scene_s


def _seeds(stand: Stand) -> range:
    return range(1, (3 if stand.scale.name == "record" else 1) + 1)


def _parameters(stand: Stand, governed: Sequence[Beside]) -> tuple[Parameter, ...]:
    return (
        Parameter("carried", f"{governed[0].before:.0f} streams by the best static setting just before"),
        Parameter("scene", f"{stand.scale.scene_s:g} s, each seed governed and frozen in turn"),
    )
