"""Loops around a call: on the engine's workers, on bare threads, and at a light load."""

import math
import resource
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import onnxruntime

from benchmarks.model_material import Feeds
from engine.throughput import rows_per_s

LEAST_ROUNDS = 15
MOST_ROUNDS = 40
ROUND_S = 0.3

_GRID_PASSES = 4

Setting = TypeVar("Setting")


@dataclass(frozen=True, slots=True)
class Rounds:
    """What two sides gave, round by round, and the ratios of the first to the second."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """In rising order."""
        return sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def interval(self) -> tuple[float, float]:
        """Where the median ratio lies, 19 times of 20: two of the ratios measured, whatever they are spread like."""
        ratios = self.ratios
        outside = max(0, math.floor((len(ratios) - 1.96 * math.sqrt(len(ratios))) / 2))
        return ratios[outside], ratios[-1 - outside]


def in_rounds(ours: Callable[[float], float], theirs: Callable[[float], float], *, least: float) -> Rounds:
    """Both sides in turn, the order changing, until it is clear on which side of `least` their ratio is.

    At most `MOST_ROUNDS`: what then is not clear is nearer to `least` than this machine can tell.
    """
    rounds = Rounds([], [])
    for number in range(MOST_ROUNDS):
        sides = [(ours, rounds.ours), (theirs, rounds.theirs)]
        for side, found in sides if number % 2 == 0 else reversed(sides):
            found.append(side(ROUND_S))
        low, high = rounds.interval
        if number >= LEAST_ROUNDS and (low >= least or high < least):
            break
    return rounds


def best_of(loops: Mapping[Setting, Callable[[float], float]]) -> Setting:
    """Which gives most: each several times in turn, its best counts, since others on the machine can only slow it."""
    found: dict[Setting, float] = dict.fromkeys(loops, 0.0)
    for _ in range(_GRID_PASSES):
        for setting, loop in loops.items():
            found[setting] = max(found[setting], loop(ROUND_S))
    return max(found, key=found.__getitem__)


def on_workers(call: Callable[[], object], seconds: float, *, calls: int, rows: int, workers: int) -> float:
    """Rows a second on the engine's worker threads, short calls several a hop as the grains of a chunk are."""

    def hop() -> None:
        for _ in range(calls):
            call()

    return anyio.run(partial(rows_per_s, hop, rows=calls * rows, workers=workers, seconds=seconds))


def bare_loop(session: Any, feeds: Feeds, seconds: float, *, threads: int, rows: int) -> float:  # noqa: ANN401 - untyped library
    """Rows a second of so many threads that do nothing else, counted as `rows_per_s` does."""
    found = [0.0] * threads
    started_s = time.perf_counter()

    def loop(number: int) -> None:
        done = 0
        while time.perf_counter() < started_s + seconds:
            session.run(None, feeds)
            done += 1
        found[number] = done * rows / (time.perf_counter() - started_s)

    running = [threading.Thread(target=loop, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(found)


def bare(path: Path, intra: int, *, spins: bool) -> Any:  # noqa: ANN401 - untyped library
    """A session of ONNX Runtime with these threads and nothing else set."""
    settings = _quiet()
    settings.intra_op_num_threads = intra
    settings.add_session_config_entry("session.intra_op.allow_spinning", "1" if spins else "0")
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def bare_defaults(path: Path) -> Any:  # noqa: ANN401 - untyped library
    """A session of ONNX Runtime as it comes."""
    return onnxruntime.InferenceSession(str(path), _quiet(), providers=["CPUExecutionProvider"])


def _quiet() -> Any:  # noqa: ANN401 - untyped library
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    return settings


def paced_cpu_ms(call: Callable[[], object], period_s: float, seconds: float) -> float:
    """CPU milliseconds of this process a call, with a call every period."""
    call()
    count = max(5, round(seconds / period_s))
    used_s, due_s = _cpu_s(), time.perf_counter()
    for _ in range(count):
        call()
        due_s += period_s
        time.sleep(max(0.0, due_s - time.perf_counter()))
    return (_cpu_s() - used_s) / count * 1e3


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
