"""A folder beside live streams: what it takes from them, and how much of the time that they leave idle it uses.

Idle is what the streams leave of the CPUs when nothing else runs; the folder could do in it, at most, its share of what
it does when it has the machine to itself. The bare calls would leave more: the event loop then costs nothing.
"""

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import soundfile

from benchmarks.live_trials import Ran, Spent, Wish
from benchmarks.scale import WORKERS, Stand
from benchmarks.workloads import RATE_HZ, TARGET_S
from modules.measuring.figures import Better
from modules.measuring.intervals import figure_of
from modules.measuring.latency_plots import latency_cdf
from modules.measuring.made_up import speech_like
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.measuring.schedules import drawn

LOAD = 0.5
LEAST_IDLE_USED = 0.85
_FILES, _FILE_S = 4, 30.0


@dataclass(frozen=True, slots=True)
class Round:
    """Streams alone, the same beside a folder, and the folder alone before and after; and what the bare calls allow."""

    streams: int
    bound: float
    alone: Ran
    beside: Ran
    folder: tuple[Spent, Spent]

    @property
    def idle(self) -> float:
        """The share of the CPUs that the streams leave when they are alone."""
        assert self.alone.spent is not None
        return max(0.01, 1 - self.alone.spent.cpus / min(WORKERS, os.cpu_count() or 1))

    @property
    def folder_share(self) -> float:
        """What the folder did beside the streams, as a share of what it does alone."""
        assert self.beside.spent is not None
        return self.beside.spent.recorded_speed / statistics.fmean(each.recorded_speed for each in self.folder)

    @property
    def idle_by_bare_calls(self) -> float:
        """The share that the streams would leave if they cost the bare calls and nothing else."""
        return max(0.01, 1 - self.streams / self.bound)

    @property
    def added_misses(self) -> float:
        """How many more pieces were late beside the folder."""
        return float(max(0, self.beside.trial.outcome.misses - self.alone.trial.outcome.misses))


def mixed(stand: Stand) -> ScenarioResult:
    """Half of what is carried, alone and beside a folder; and the folder alone, for what it could do."""
    begun_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        paths = tuple(_recordings(Path(name)))
        rounds = [_round(stand, paths, seed) for seed in range(1, rounds_of(stand) + 1)]
    sides = tuple(
        Side(
            side,
            (
                figure_of(
                    "on time", [100 * ran.trial.outcome.on_time_share for ran in runs], "%", better=Better.HIGHER
                ),
                figure_of("p99", [ran.trial.outcome.p_ms(0.99) for ran in runs], "ms", better=Better.LOWER),
            ),
            runs[0].trial.outcome.latency,
        )
        for side, runs in (
            ("onbeat, streams beside a folder", [each.beside for each in rounds]),
            ("onbeat, streams alone", [each.alone for each in rounds]),
        )
    )
    trials = [ran.trial for each in rounds for ran in (each.alone, each.beside)]
    return ScenarioResult(
        "mixed",
        "Does folder work beside live streams make them late, and does it use the idle time?",
        (Parameter("load", f"{LOAD:g}"), Parameter("streams", str(rounds[0].streams))),
        tuple(range(1, rounds_of(stand) + 1)),
        time.perf_counter() - begun_s,
        sides,
        (
            figure_of("added misses", [each.added_misses for each in rounds], "chunks", most=0.0),
            figure_of(
                "idle time used",
                [each.folder_share / each.idle for each in rounds],
                "x",
                least=LEAST_IDLE_USED,
                better=Better.HIGHER,
            ),
            figure_of("idle beside the streams", [100 * each.idle for each in rounds], "%"),
            figure_of(
                "folder alone", [statistics.fmean(one.recorded_speed for one in each.folder) for each in rounds], "x"
            ),
            figure_of("folder beside the streams", [100 * each.folder_share for each in rounds], "% of that"),
            figure_of(
                "used of what the bare calls would leave",
                [each.folder_share / each.idle_by_bare_calls for each in rounds],
                "x",
                better=Better.HIGHER,
            ),
        ),
        (latency_cdf("Chunk latency", {side.name: side.latency for side in sides if side.latency}, target_s=TARGET_S),),
        invalid=tuple(dict.fromkeys(doubt for trial in trials for doubt in trial.doubts)),
    )


def rounds_of(stand: Stand) -> int:
    """The trials of a round are long: only a record has several."""
    return stand.scale.rounds if stand.scale.name == "record" else 1


def _round(stand: Stand, paths: tuple[Path, ...], seed: int) -> Round:
    """The folder alone comes before and after, so that a machine whose speed drifts gives the mean of both."""
    seconds = stand.scale.scene_s
    schedule = drawn("steady", stand.streams(LOAD), seconds, seed=seed)
    before = stand.rig.folder(paths, seconds=seconds / 4)
    alone = stand.rig.onbeat(schedule)
    beside = stand.rig.onbeat(schedule, Wish(workers=WORKERS, folder=paths))
    after = stand.rig.folder(paths, seconds=seconds / 4)
    stand.bound_now()
    return Round(len(schedule.streams), stand.bound, alone, beside, (before, after))


def _recordings(folder: Path) -> list[Path]:
    paths = []
    for number in range(_FILES):
        path = folder / f"{number}.wav"
        soundfile.write(path, speech_like(_FILE_S, seed=number).samples, RATE_HZ, subtype="PCM_16")
        paths.append(path)
    return paths
