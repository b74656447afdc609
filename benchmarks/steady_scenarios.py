"""Live streams that all do the same all the time: one, many, at random, in spurts; and whose clock is right."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from benchmarks.live_trials import Ran, Wish
from benchmarks.plain_sides import SIDES
from benchmarks.scale import TARGET_MS, Climb, Scale, Stand
from benchmarks.workloads import TARGET_S
from engine.bench.trial import Trial
from modules.measuring.figures import Better, Figure
from modules.measuring.intervals import figure_of, ratio_figure
from modules.measuring.latency_plots import bars, latency_cdf, over_load, p99_over_streams
from modules.measuring.plots import Plot
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.measuring.schedules import drawn
from modules.monitoring.histogram import HistogramSnapshot, LatencyHistogram
from modules.monitoring.targets import is_p99_shown
from modules.simulation.arrivals import PIECE_S

LEAST_OF_BEST = 0.95
MOST_CLOCK_ERROR = 0.05
ONBEAT = "onbeat"
PLAIN = "batch of 16, no wait"


def single_stream(stand: Stand) -> ScenarioResult:
    """One stream: what the engine adds to a bare call when there is nothing to share."""
    begun_s = time.perf_counter()
    ran = in_turn(stand, 1, [ONBEAT, "thread pool"], pattern="steady", load="1 stream")
    return ran.result("single_stream", "How late is the answer when one stream is alone?", begun_s)


def multi_stream(stand: Stand) -> ScenarioResult:
    """Fixed cadence: the most streams on time, by side, and their latency at a load that most of them carry."""
    begun_s = time.perf_counter()
    names = [ONBEAT, *SIDES] if stand.scale.name == "record" else [ONBEAT, PLAIN]
    turns = in_turn(stand, stand.streams(0.6), names, load="0.6 of the best static setting")
    question = f"How many streams are carried at p99 under {TARGET_MS:g} ms?"
    if not stand.scale.climbs:
        return turns.result("multi_stream", question, begun_s)
    static = stand.best_static
    best = f"best static setting: calls of {static.cap}, chunks of {static.chunk_s:g} s"
    climbs = stand.climb_from_best(
        {name: partial(_climbing, stand, name) for name in names} | {best: partial(stand.run_static, static)}
    )
    stand.settle(static, climbs[best].stairs.end)
    return _climbed(stand, climbs, best, turns.result("multi_stream", question, begun_s, _shares(stand, climbs)))


def _climbing(stand: Stand, name: str, streams: int, seed: int) -> Ran:
    return run(stand, name, streams, seed=seed)


def _shares(stand: Stand, climbs: Mapping[str, Climb]) -> dict[str, list[Figure]]:
    """By side: how many streams at the end of the stairs, and as a share of the bare calls."""
    return {
        name: [
            Figure("streams", climb.stairs.end * stand.bound, "streams"),
            figure_of("share of the bare calls", climb.stairs.settled, "x", better=Better.HIGHER),
        ]
        for name, climb in climbs.items()
    }


def _climbed(stand: Stand, climbs: Mapping[str, Climb], best: str, result: ScenarioResult) -> ScenarioResult:
    """The result with what the stairs found: sides against each other and against the best static setting."""
    settled = {name: climb.stairs.settled for name, climb in climbs.items()}
    figures = [
        Figure("the bare calls allow", stand.bound, "streams"),
        _beside("best static", settled[ONBEAT], settled[best], least=LEAST_OF_BEST),
    ]
    figures += [_beside(name, settled[ONBEAT], settled[name]) for name in climbs if name not in (ONBEAT, best)]
    tried = {
        name: [(streams, trial.outcome.p_ms(0.99) / 1e3) for streams, trial in climb.tried]
        for name, climb in climbs.items()
    }
    carried = {name: climb.stairs.end * stand.bound for name, climb in climbs.items()}
    sides = (*result.sides, Side(best, tuple(_shares(stand, climbs)[best])))
    plots = [
        p99_over_streams("p99 by streams", tried, target_s=TARGET_S),
        bars("Streams carried", "streams", {**carried, "bare calls": stand.bound}),
    ]
    return replace(with_more(result, figures=figures, plots=plots), sides=sides)


def _beside(name: str, ours: Sequence[float], theirs: Sequence[float], *, least: float | None = None) -> Figure:
    """Our share over theirs in the rounds that count for both: the last ones."""
    rounds = min(len(ours), len(theirs))
    return ratio_figure(f"onbeat / {name}", ours[-rounds:], theirs[-rounds:], least=least, better=Better.HIGHER)


def server(stand: Stand) -> ScenarioResult:
    """Pieces that come at random, as many on average."""
    begun_s = time.perf_counter()
    turns = in_turn(stand, stand.streams(0.7), [ONBEAT, PLAIN], pattern="poisson", load="0.7 of the best")
    return turns.result("server", "Is the target held when pieces come at random (Poisson)?", begun_s)


def bursty(stand: Stand) -> ScenarioResult:
    """Streams that send while somebody speaks: more of them, since two of five speak at a time."""
    begun_s = time.perf_counter()
    turns = in_turn(stand, stand.streams(1.75), [ONBEAT, PLAIN], pattern="bursty", load="1.75, 40 % of them speaking")
    return turns.result("bursty", "Is the target held when streams talk in spurts?", begun_s)


def clock(stand: Stand) -> ScenarioResult:
    """The p99 that the monitor reports against that of an outside clock, under 1.3 times what is carried."""
    begun_s = time.perf_counter()
    schedule = drawn("steady", stand.streams(1.3), stand.scale.scene_s, seed=11)
    ran = stand.rig.onbeat(schedule, Wish(chunk_s=PIECE_S, overload="wait"))
    outside_s, inside_s = ran.outside_p99_s or 0.0, ran.reported_p99_s or 0.0
    error = abs(inside_s / outside_s - 1) if outside_s else 1.0
    side = Side(ONBEAT, (Figure("p99 by the outside clock", outside_s * 1e3, "ms"),), ran.trial.outcome.latency)
    return ScenarioResult(
        "clock",
        "Does the monitor report the p99 that an outside clock sees, under 1.3 times the capacity?",
        (Parameter("streams", str(len(schedule.streams))), Parameter("overload policy", "wait")),
        (schedule.seed,),
        time.perf_counter() - begun_s,
        (side,),
        (
            Figure("p99 the monitor reports", inside_s * 1e3, "ms"),
            Figure("difference", error * 100, "%", most=MOST_CLOCK_ERROR * 100, better=Better.NEITHER),
        ),
        (over_load("Sent and on time", {ONBEAT: ran.trial.moments}, ran.marks),),
        invalid=ran.trial.doubts,
    )


def run(stand: Stand, name: str, streams: int, *, seed: int, pattern: str = "steady") -> Ran:
    """A trial of one side."""
    schedule = drawn(pattern, streams, stand.scale.trial_s, seed=seed)
    return stand.rig.onbeat(schedule) if name == ONBEAT else stand.rig.plain(schedule, SIDES[name])


class Turns:
    """Trials of several sides in turn, A B A B, at one load."""

    def __init__(self, scale: Scale, streams: int, load: str, trials: Mapping[str, list[Trial]]) -> None:
        """What was measured, at that scale."""
        self.scale = scale
        self.streams = streams
        self.load = load
        self.trials = trials

    def result(
        self, name: str, question: str, seconds_since: float, more: Mapping[str, list[Figure]] | None = None
    ) -> ScenarioResult:
        """As a scenario's result; `more` are further figures by side."""
        latencies = {side: _merged(trials) for side, trials in self.trials.items()}
        sides = [
            Side(side, (*(more or {}).get(side, ()), *_figures(trials)), latencies[side])
            for side, trials in self.trials.items()
        ]
        ours = self.trials[ONBEAT]
        return ScenarioResult(
            name,
            question,
            (Parameter("streams", str(self.streams)), Parameter("load", self.load), _length(self.scale)),
            tuple(range(1, self.scale.rounds + 1)),
            time.perf_counter() - seconds_since,
            tuple(sides),
            _promises(ours),
            (latency_cdf(f"Chunk latency with {self.streams} streams", latencies, target_s=TARGET_S),),
            invalid=tuple(dict.fromkeys(doubt for trial in ours for doubt in trial.doubts)),
        )


def in_turn(stand: Stand, streams: int, names: list[str], *, pattern: str = "steady", load: str) -> Turns:
    """So many streams through each side, once a round."""
    trials: dict[str, list[Trial]] = {name: [] for name in names}
    for number in range(stand.scale.rounds):
        for name in names:
            trials[name].append(run(stand, name, streams, seed=number + 1, pattern=pattern).trial)
    return Turns(stand.scale, streams, load, trials)


def with_more(result: ScenarioResult, *, figures: list[Figure], plots: Sequence[Plot]) -> ScenarioResult:
    """The result with further figures and pictures."""
    return replace(result, figures=(*result.figures, *figures), plots=(*result.plots, *plots))


def _figures(trials: list[Trial]) -> list[Figure]:
    outcomes = [trial.outcome for trial in trials]
    figures = [figure_of("on time", [100 * one.on_time_share for one in outcomes], "%", better=Better.HIGHER)]
    if all(one.latency.count for one in outcomes):
        for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
            figures.append(figure_of(name, [one.p_ms(q) for one in outcomes], "ms", better=Better.LOWER))
    return figures


def _promises(trials: list[Trial]) -> tuple[Figure, ...]:
    """Of Onbeat's own trials: nothing out of order or twice, and whether a p99 is shown."""
    outcomes = [trial.outcome for trial in trials]
    sent, misses = sum(one.sent for one in outcomes), sum(one.misses for one in outcomes)
    lost, dropped, unfinished = (
        sum(counts) for counts in zip(*((one.lost, one.dropped, one.unfinished) for one in outcomes), strict=True)
    )
    why = f": {dropped} given up, {unfinished} not yet answered at the end, {lost - dropped - unfinished} passed over"
    return (
        Figure("chunks lost", float(lost), better=Better.LOWER, note=f"of {sent}{why if lost else ''}"),
        Figure("chunks out of order or twice", float(sum(one.disordered + one.doubled for one in outcomes)), most=0.0),
        Figure(
            "p99 within the target shown at 99 % confidence",
            float(is_p99_shown(misses, sent)),
            note=f"{misses} of {sent} chunks late or lost",
        ),
    )


def _merged(trials: list[Trial]) -> HistogramSnapshot:
    merged = LatencyHistogram()
    for trial in trials:
        merged.merge(trial.outcome.latency)
    return merged.snapshot()


def _length(scale: Scale) -> Parameter:
    return Parameter("trials", f"{scale.rounds} of {scale.trial_s:g} s, sides in turn")
