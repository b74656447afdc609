"""How many live streams this machine carries with the settings and the model given: `measure_capacity`."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import anyio.to_thread

from engine.bench.carriers import SoundStreams
from engine.bench.monitored import AnswersSeen
from engine.bench.trial import COOL_DOWN_S, Trial, try_out
from engine.config import BatchProcessingConfig
from engine.processor import AsyncAudioProcessor
from engine.stage_config import StageSet
from modules.audio.buffer import AudioBuffer
from modules.measuring.figures import Better, Figure
from modules.measuring.intervals import quantile_interval
from modules.measuring.latency_plots import latency_cdf, p99_over_streams
from modules.measuring.made_up import speech_like
from modules.measuring.peak import PeakLimits, PeakSearch
from modules.measuring.plots import Mark
from modules.measuring.pooled_reading import BLOCK_S, Leases, read_in_leases
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.measuring.schedules import drawn
from modules.monitoring.targets import PerformanceTarget, is_p99_shown, samples_needed
from modules.simulation.arrivals import PIECE_S

SECONDS = 60.0
"""The time a measurement takes by default."""

_WARM_UP_S = 2.0
_LEAST_TRIAL_S, _MOST_TRIAL_S = 3.0, 12.0
_FIRST = 4
_GUESS_S = 1.0
_GUESS_SHARE = 0.6  # of what the CPU time of the first trial promises: the search then doubles seldom
_STEP = 0.05
_SHARE_ON_TIME = 0.99
_LEAST_POOL_HITS = 95.0
_NO_LIVE_LEASES = "no pooled blocks on the live walk (docs/decisions/0007)"


@dataclass(frozen=True, slots=True)
class CapacityWish:
    """What is measured for how long: `sound` is what streams send, over and over, made-up speech where it is `None`.

    The search begins at `first` streams, or where it is `None` at a guess by the CPU time that a few take.
    """

    seconds: float = SECONDS
    sound: AudioBuffer | None = None
    stages: StageSet | None = None
    seed: int = 0
    first: int | None = None

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")
        if self.first is not None and self.first < 1:
            raise ValueError(f"first must be at least 1, or None, got {self.first}")


@dataclass(slots=True)
class _Search:
    """What was tried so far."""

    config: BatchProcessingConfig
    wish: CapacityWish
    sound: AudioBuffer
    ends_s: float
    tried: list[tuple[int, Trial]] = field(default_factory=list)
    live_leases: Leases = field(default_factory=Leases)
    """From the pool, in the last trial after its warm-up."""
    leases: Leases = field(default_factory=Leases)
    """From the pool, reading recordings."""

    async def trial(self, streams: int, *, seconds: float) -> Trial:
        """So many streams on a processor of their own, which has learnt nothing; `seconds` count."""
        seconds += _WARM_UP_S + COOL_DOWN_S
        book = AnswersSeen(PerformanceTarget(p99_chunk_latency_ms=self.config.p99_chunk_latency_ms))
        config = self.config.model_copy(update={"learn": False, "max_streams": max(self.config.max_streams, streams)})
        schedule = drawn("steady", streams, seconds, seed=self.wish.seed + len(self.tried))
        rate = self.sound.sample_rate
        target_s = config.p99_chunk_latency_ms / 1e3
        async with (
            AsyncAudioProcessor(config, monitor=book, stages=self.wish.stages) as processor,
            SoundStreams(
                lambda: processor.open_stream(rate, deadline_s=target_s, overload="drop_oldest"), self._piece
            ) as carrier,
        ):
            pool = processor.pool
            looks = [pool.statistics]

            def begun(_: float) -> None:
                asyncio.get_running_loop().call_later(_WARM_UP_S, lambda: looks.append(pool.statistics))

            trial = await try_out(carrier, schedule, book, warm_up_s=_WARM_UP_S, target_s=target_s, on_start=begun)
            self.live_leases = Leases.between(looks[-1], pool.statistics)
        self.tried.append((streams, trial))
        return trial

    async def read(self) -> None:
        """Read what streams would say as a recording, in blocks from the pool of a processor without models."""
        config = self.config.model_copy(update={"learn": False, "asr": "none", "segmenting": "off", "stages": ""})
        async with AsyncAudioProcessor(config) as processor:
            self.leases = await anyio.to_thread.run_sync(read_in_leases, processor.pool, self.sound)

    def _piece(self, stream: int, number: int) -> AudioBuffer:
        frames = round(PIECE_S * self.sound.sample_rate)
        start = (7_919 * stream + number) * frames % max(1, self.sound.frames - frames)
        return self.sound.cut(start, start + frames)


async def measure_capacity(
    config: BatchProcessingConfig, wish: CapacityWish | None = None, on_progress: Callable[[str], None] = lambda _: None
) -> ScenarioResult:
    """Find the most streams whose p99 stays within the target of `config`, in about `wish.seconds`.

    `on_progress` is told in a sentence of each trial. Raises `ModelError` as a processor does.
    """
    wish = wish or CapacityWish()
    begun_s = time.perf_counter()
    sound = wish.sound or speech_like(30.0, seed=wish.seed)
    search = _Search(config, wish, sound, begun_s + wish.seconds)
    peak = PeakSearch(PeakLimits(wish.first or await _guess(search), step=_STEP))
    longest_s = 0.0
    while peak.asked is not None and time.perf_counter() + longest_s < search.ends_s:
        asked, started_s = peak.asked, time.perf_counter()
        trial = await search.trial(asked, seconds=trial_seconds(asked))
        peak.tell(is_carried(trial))
        longest_s = max(longest_s, time.perf_counter() - started_s)
        on_progress(
            f"{asked} streams: p99 {trial.outcome.p_ms(0.99):.0f} ms, {trial.outcome.on_time_share:.1%} on time"
        )
    await search.read()
    return _result(search, peak, seconds=time.perf_counter() - begun_s)


def is_carried(trial: Trial) -> bool:
    """Whether 99 of 100 pieces were on time, at 99 % confidence where there were enough to tell."""
    outcome = trial.outcome
    if outcome.sent >= samples_needed(0):
        return is_p99_shown(outcome.misses, outcome.sent)
    return outcome.on_time_share >= _SHARE_ON_TIME


def trial_seconds(streams: int) -> float:
    """How long a trial must be for as many pieces as show a p99 with one miss, within reason."""
    return min(_MOST_TRIAL_S, max(_LEAST_TRIAL_S, samples_needed(1) * PIECE_S / streams))


async def _guess(search: _Search) -> int:
    """Where to begin, by the CPU time that a few streams take."""
    used_s, begun = time.process_time(), _FIRST
    trial = await search.trial(begun, seconds=_GUESS_S)
    cpu_s = time.process_time() - used_s
    pieces = trial.outcome.sent * (1 + (_WARM_UP_S + COOL_DOWN_S) / _GUESS_S)
    if not is_carried(trial):
        return begun
    guess = round(_GUESS_SHARE * (trial.seen.cpus or 1.0) * pieces * PIECE_S / max(cpu_s, 1e-3))
    return min(PeakLimits().most, max(begun, guess))


def _result(search: _Search, peak: PeakSearch, *, seconds: float) -> ScenarioResult:
    config, target_s = search.config, search.config.p99_chunk_latency_ms / 1e3
    found = [trial for streams, trial in search.tried if streams == peak.found]
    figures = [Figure("streams", float(peak.found), "streams", better=Better.HIGHER)]
    notes = []
    if peak.asked is not None:
        notes.append(f"the time was over before the search was: at least {peak.found} streams, not confirmed")
    if found:
        latency = found[-1].outcome.latency
        p99 = quantile_interval(latency, 0.99)
        figures += [
            Figure("p99", p99.value * 1e3, "ms", p99.low * 1e3, p99.high * 1e3, better=Better.LOWER),
            Figure("p50", latency.quantile(0.5) * 1e3, "ms", better=Better.LOWER),
            Figure("on time", found[-1].outcome.on_time_share * 100, "%", better=Better.HIGHER),
        ]
        notes += [f"fewer than {samples_needed(0)} chunks: no p99 is shown at 99 % confidence"] * (
            found[-1].outcome.sent < samples_needed(0)
        )
    else:
        notes.append("not even one stream was carried")
    figures += _pool_hits(search)
    notes += [_NO_LIVE_LEASES] * (not search.live_leases.count)
    if search.wish.sound is None:
        notes.append("measured with made-up speech: give a recording of your own for what yours costs")
    tried = [
        (streams, trial.outcome.latency.quantile(0.99))
        for streams, trial in search.tried
        if trial.outcome.latency.count
    ]
    doubts = dict.fromkeys(doubt for trial in found or (each for _, each in search.tried) for doubt in trial.doubts)
    return ScenarioResult(
        "capacity",
        f"How many streams does this machine carry at p99 under {target_s * 1e3:g} ms?",
        _parameters(config, search),
        tuple(range(search.wish.seed, search.wish.seed + len(search.tried))),
        seconds,
        (Side("onbeat", tuple(figures), found[-1].outcome.latency if found else None),),
        plots=(
            replace(p99_over_streams("p99 by streams", {"onbeat": tried}, target_s=target_s), marks=_lost(search)),
            *(
                [latency_cdf(f"{peak.found} streams", {"onbeat": found[-1].outcome.latency}, target_s=target_s)]
                if found
                else []
            ),
        ),
        invalid=tuple(doubts),
        notes=tuple(notes),
    )


def _pool_hits(search: _Search) -> list[Figure]:
    """The share of leases that found a block, once the pool was warm, of each walk that leases."""
    in_hand = f"recordings in blocks of {BLOCK_S:g} s, {search.leases.in_hand} in hand"
    walks = {"pool hits": (search.leases, in_hand), "pool hits, live": (search.live_leases, "live streams")}
    return [
        Figure(
            name,
            leases.hit_rate * 100,
            "%",
            least=_LEAST_POOL_HITS,
            better=Better.HIGHER,
            note=f"{leases.count} leases after the warm-up, {walk}",
        )
        for name, (leases, walk) in walks.items()
        if leases.hit_rate is not None
    ]


def _lost(search: _Search) -> tuple[Mark, ...]:
    """Where too much was late or lost; p99 is of what was answered, and alone looks as if all were well."""
    found = {streams: 1 - trial.outcome.on_time_share for streams, trial in search.tried if not is_carried(trial)}
    return tuple(Mark(float(streams), f"{share:.1%} late or lost") for streams, share in sorted(found.items()))


def _parameters(config: BatchProcessingConfig, search: _Search) -> tuple[Parameter, ...]:
    return (
        Parameter("recogniser", config.asr),
        Parameter("model", str(config.vosk_model or "auto")),
        Parameter("pieces", f"{PIECE_S:g} s at {search.sound.sample_rate} Hz"),
        Parameter("trials", str(len(search.tried))),
    )
