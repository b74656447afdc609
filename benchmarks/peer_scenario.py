"""Other servers beside Onbeat, the same model and pieces behind a local line each: how many streams, and how late."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.peers.sides import OURS, PEERS, Facts, NoPeer, Peer, Started, started, tried
from benchmarks.scale import TARGET_MS, Stand
from benchmarks.unique_set import unique_set_bytes
from benchmarks.workloads import TARGET_S
from engine.bench.capacity import is_carried
from engine.bench.trial import COOL_DOWN_S, Trial
from modules.measuring.figures import Better, Figure
from modules.measuring.latency_plots import bars, latency_cdf, p99_over_streams
from modules.measuring.peak import PeakLimits, PeakSearch
from modules.measuring.plots import Plot
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.measuring.schedules import drawn

QUESTION = f"How many streams do other servers carry at p99 under {TARGET_MS:g} ms?"
LIMITS = PeakLimits(first=32, step=0.1)
LIGHT = 0.05
"""The load at which latencies are compared, as a share of what the bare calls allow: every side carries it."""

_MB = 2**20


@dataclass(slots=True)
class Tries:
    """What came of a side's trials: at the light load, and on the way to the most that it carries."""

    facts: Facts
    light: Trial
    memory_mb: float = 0.0
    tried: list[tuple[int, Trial]] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    """Of what the bare calls allowed just then, trial by trial."""
    found: int = 0

    @property
    def share(self) -> float:
        """What is carried, as a share of the bare calls at that time."""
        found = [share for (streams, _), share in zip(self.tried, self.shares, strict=True) if streams == self.found]
        return statistics.median(found) if found else 0.0


def peers(stand: Stand) -> ScenarioResult:
    """Each side alone, one after the other: idle servers beside it would take CPU time from the one that is tried."""
    begun_s = time.perf_counter()
    reasons = {peer.name: why for peer in PEERS if (why := peer.missing)}
    if len(reasons) == len(PEERS):
        return ScenarioResult("peers", QUESTION, skipped="; ".join(f"{name}: {why}" for name, why in reasons.items()))
    light = max(1, round(LIGHT * stand.bound))
    done: dict[str, Tries] = {}
    for peer in (*PEERS, OURS):
        try:
            if peer.name not in reasons:
                done[peer.name] = _tries(stand, peer, light)
        except NoPeer as reason:
            reasons[peer.name] = str(reason)
    return ScenarioResult(
        "peers",
        QUESTION,
        (
            Parameter("light load", f"{light} streams of 5 pieces a second"),
            Parameter("trials", f"{stand.scale.trial_s:g} s, each side alone"),
            *(Parameter(name, f"{tries.facts.version}: {tries.facts.settings}") for name, tries in done.items()),
        ),
        (1,),
        time.perf_counter() - begun_s,
        tuple(_sides(done, reasons)),
        tuple(_ratios(done)),
        tuple(_plots(done, light)),
        invalid=tuple(dict.fromkeys(doubt for tries in done.values() for doubt in tries.light.doubts)),
    )


def _tries(stand: Stand, peer: Peer, light: int) -> Tries:
    """All trials of a side, in one run of its processes. Raises `NoPeer`."""
    with started(peer, stand.rig.file) as side:
        sound = stand.rig.sounds(0, 0)
        asyncio.run(side.check(sound.samples.tobytes(), stand.rig.stage.process([sound])[0]))
        tries = Tries(side.facts, _trial(stand, side, light, seed=1))
        if stand.scale.climbs:
            _search(stand, side, tries)
        tries.memory_mb = unique_set_bytes(side.processes()[0]) / _MB
    return tries


def _search(stand: Stand, side: Started, tries: Tries) -> None:
    """By doubling and bisecting; what was carried is confirmed."""
    search, before = PeakSearch(LIMITS), stand.bound_now()
    while (streams := search.asked) is not None:
        trial = _trial(stand, side, streams, seed=len(tries.tried) + 2)
        after = stand.bound_now()
        tries.tried.append((streams, trial))
        tries.shares.append(2 * streams / (before + after))
        search.tell(is_carried(trial))
        before = after
    tries.found = search.found


def _trial(stand: Stand, side: Started, streams: int, *, seed: int) -> Trial:
    seconds = stand.scale.trial_s
    schedule = drawn("steady", streams, seconds, seed=seed)
    warm_up_s = (seconds - COOL_DOWN_S) / 2
    return asyncio.run(tried(side, schedule, stand.rig.sounds, warm_up_s=warm_up_s, target_s=TARGET_S))


def _plots(done: dict[str, Tries], light: int) -> Iterator[Plot]:
    latencies = {name: tries.light.outcome.latency for name, tries in done.items()}
    yield latency_cdf(f"Latency with {light} streams", latencies, target_s=TARGET_S)
    searched = {name: tries for name, tries in done.items() if tries.tried}
    p99 = {
        name: [(streams, trial.outcome.p_ms(0.99) / 1e3) for streams, trial in tries.tried]
        for name, tries in searched.items()
    }
    yield p99_over_streams("p99 by streams", p99, target_s=TARGET_S)
    yield bars("Streams carried", "streams", {name: float(tries.found) for name, tries in searched.items()})


def _sides(done: dict[str, Tries], reasons: dict[str, str]) -> Iterator[Side]:
    """Ours first."""
    for peer in (OURS, *PEERS):
        if peer.name in reasons:
            yield Side(peer.name, skipped=reasons[peer.name])
            continue
        tries = done[peer.name]
        outcome = tries.light.outcome
        figures = [Figure("on time", 100 * outcome.on_time_share, "%", better=Better.HIGHER)]
        if outcome.latency.count:
            figures += [Figure(f"p{q}", outcome.p_ms(q / 100), "ms", better=Better.LOWER) for q in (50, 95, 99)]
        if tries.tried:
            figures += [
                Figure("streams", float(tries.found), "streams", better=Better.HIGHER),
                Figure("share of the bare calls", tries.share, "x", better=Better.HIGHER),
            ]
        figures.append(Figure("unique set", tries.memory_mb, "MB", better=Better.LOWER))
        yield Side(peer.name, tuple(figures), outcome.latency)


def _ratios(done: dict[str, Tries]) -> Iterator[Figure]:
    ours = done[OURS.name]
    yield Figure(
        "answers lost", float(ours.light.outcome.lost), better=Better.LOWER, note=f"of {ours.light.outcome.sent}, ours"
    )
    for name, tries in done.items():
        if name != OURS.name and tries.share:
            yield Figure(f"onbeat / {name}", ours.share / tries.share, "x", better=Better.HIGHER)
