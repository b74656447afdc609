"""A folder beside live streams: what it takes from them, and how much of the idle time it uses."""

import tempfile
import time
from pathlib import Path

import soundfile

from benchmarks.live_trials import Rig, Wish
from benchmarks.scale import Stand
from benchmarks.workloads import RATE_HZ, TARGET_S
from modules.measuring.figures import Better
from modules.measuring.intervals import figure_of
from modules.measuring.latency_plots import latency_cdf
from modules.measuring.made_up import speech_like
from modules.measuring.results import Parameter, ScenarioResult, Side
from modules.measuring.schedules import Schedule, drawn

LOAD = 0.5
LEAST_IDLE_USED = 0.85
_FILES, _FILE_S = 4, 30.0


def mixed(stand: Stand) -> ScenarioResult:
    """Half of what is carried, alone and beside a folder; and the folder beside one stream, for what it could do."""
    begun_s = time.perf_counter()
    rig, seconds = stand.rig, stand.scale.scene_s
    added, used, alone, beside = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        paths = tuple(_recordings(Path(name)))
        for seed in range(1, rounds_of(stand) + 1):
            schedule = drawn("steady", stand.streams(LOAD), seconds, seed=seed)
            alone.append(rig.onbeat(schedule))
            beside.append(rig.onbeat(schedule, Wish(folder=paths)))
            most_s = _folder_alone_s(rig, drawn("steady", 1, seconds, seed=seed), paths)
            idle = 1 - schedule_load(stand, schedule)
            used.append(beside[-1].recorded_audio_s / max(1e-9, most_s * idle))
            added.append(float(max(0, beside[-1].trial.outcome.misses - alone[-1].trial.outcome.misses)))
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
        for side, runs in (("onbeat, streams beside a folder", beside), ("onbeat, streams alone", alone))
    )
    return ScenarioResult(
        "mixed",
        "Does folder work beside live streams make them late, and does it use the idle time?",
        (Parameter("load", f"{LOAD:g}"), Parameter("streams", str(stand.streams(LOAD)))),
        tuple(range(1, rounds_of(stand) + 1)),
        time.perf_counter() - begun_s,
        sides,
        (
            figure_of("added misses", added, "chunks", most=0.0),
            figure_of("idle time used", used, "x", least=LEAST_IDLE_USED, better=Better.HIGHER),
        ),
        (latency_cdf("Chunk latency", {side.name: side.latency for side in sides if side.latency}, target_s=TARGET_S),),
        invalid=tuple(dict.fromkeys(doubt for ran in (*alone, *beside) for doubt in ran.trial.doubts)),
    )


def rounds_of(stand: Stand) -> int:
    """Three trials a round are long: only a record has several."""
    return stand.scale.rounds if stand.scale.name == "record" else 1


def schedule_load(stand: Stand, schedule: Schedule) -> float:
    """Which share of the machine the streams need, by the bare calls."""
    return min(0.99, len(schedule.streams) / stand.bound)


def _folder_alone_s(rig: Rig, schedule: Schedule, paths: tuple[Path, ...]) -> float:
    """Seconds of recordings that are done beside one stream, which takes next to nothing."""
    return rig.onbeat(schedule, Wish(folder=paths)).recorded_audio_s


def _recordings(folder: Path) -> list[Path]:
    paths = []
    for number in range(_FILES):
        path = folder / f"{number}.wav"
        soundfile.write(path, speech_like(_FILE_S, seed=number).samples, RATE_HZ, subtype="PCM_16")
        paths.append(path)
    return paths
