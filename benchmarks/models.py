"""Models: what the door costs beside bare ONNX Runtime, what its defaults save, warm-up, INT8 variants, the talker."""

import gc
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.model_loops import bare, bare_defaults, bare_loop, best_of, in_rounds, on_workers, paced_cpu_ms
from benchmarks.model_material import Subject, encoder, subjects
from benchmarks.model_variants import variants
from engine.speech_search import PULL_S
from modules.models.model_bench import cost_of, knee
from modules.models.onnx import OnnxModel
from modules.models.shapes import ShapeClasses
from modules.models.warm_up import measure_binding, warm_up
from modules.monitoring.resources import effective_cpus, worker_count

ROWS = (1, 2, 4, 8, 16, 32)
MOST_DIFFERENCE = 1e-5
LEAST_SHARE = 0.97
LEAST_CPU_RATIO = 2.0
MOST_FIRST_RATIO = 1.5
_HOP_MS = PULL_S * 1e3
"""Calls that are shorter share a hop to a worker, as they do when recordings are searched for speech."""

_LOAD = 0.1
_LOADS = 7
_STEADY_S = 0.05


def report(*, seconds: float = 1.0) -> bool:
    """Print everything; whether all limits are kept."""
    with tempfile.TemporaryDirectory() as folder:
        under_test = [*subjects(Path(folder)), encoder(Path(folder))]
        good = [
            _together(under_test),
            _throughput(under_test, seconds=seconds),
            _light_load(under_test, seconds=seconds),
            _first_requests(under_test),
            _binding(under_test),
            variants(under_test, Path(folder), seconds=seconds),
            _knobs(),
        ]
    return all(good)


def _together(under_test: Sequence[Subject]) -> bool:
    """How far rows that share a call are from the same rows alone, in every output, beside 1 or the largest value."""
    worst = 0.0
    for subject in under_test:
        model, rows = OnnxModel(subject.path), 8
        feeds, axes = subject.feeds(rows), subject.row_axes
        together = model.run(feeds)
        difference = 0.0
        for row in range(rows):
            one = {
                name: np.take(array, [row], axes.get(name, 0)) if array.ndim else array for name, array in feeds.items()
            }
            for spec, many, alone in zip(model.outputs, together, model.run(one), strict=True):
                found = np.take(many, [row], axes.get(spec.name, 0)).astype(np.float64) - alone
                difference = max(difference, float(np.abs(found).max() / max(1.0, np.abs(alone).max())))
        worst = max(worst, difference)
        print(
            f"{subject.name}, {rows} rows in a call and alone: differ by {difference:.1e} (at most {MOST_DIFFERENCE})"
        )
    return worst <= MOST_DIFFERENCE


def _throughput(under_test: Sequence[Subject], *, seconds: float) -> bool:
    """Rows a second at the knee on the engine's workers, beside bare loops with every thread setting, in turn."""
    cpus = worker_count(effective_cpus())
    settings = [
        one for one in product(range(1, cpus + 1), range(1, cpus + 1), (False, True)) if one[0] > 1 or not one[2]
    ]
    shares = []
    for subject in under_test:
        model = OnnxModel(subject.path)
        best = knee([cost_of(model.run, subject.feeds(rows), rows=rows, seconds=seconds / 4) for rows in ROWS])
        feeds, calls = subject.feeds(best.rows), max(1, round(_HOP_MS / best.call_ms))
        ours = partial(on_workers, partial(model.run, feeds), calls=calls, rows=best.rows, workers=cpus)
        loops = {
            (intra, threads, spins): partial(
                bare_loop, bare(subject.path, intra, spins=spins), feeds, threads=threads, rows=best.rows
            )
            for intra, threads, spins in settings
        }
        winner = best_of(loops)
        found = in_rounds(ours, loops[winner], least=LEAST_SHARE)
        shares.append(statistics.median(found.ratios))
        print(
            f"{subject.name}, {best.rows} rows a call (knee): {statistics.median(found.ours):,.0f} rows/s on {cpus} "
            f"workers; best of {len(loops)} bare loops {statistics.median(found.theirs):,.0f} ({winner[0]} intra-op, "
            f"{winner[1]} threads, spinning {'on' if winner[2] else 'off'}): {shares[-1]:.3f} in {len(found.ours)} "
            f"rounds, between {found.interval[0]:.3f} and {found.interval[1]:.3f} (at least {LEAST_SHARE})"
        )
    return min(shares) >= LEAST_SHARE


def _light_load(under_test: Sequence[Subject], *, seconds: float) -> bool:
    """CPU time a result with calls of one row a tenth of the time, beside ONNX Runtime as it comes."""
    ratios = []
    for subject in under_test:
        feeds = subject.feeds(1)
        model = OnnxModel(subject.path)
        pause_s = cost_of(model.run, feeds, rows=1, seconds=seconds / 4).call_ms / 1e3 / _LOAD
        plain = bare_defaults(subject.path)
        ours, theirs = [], []
        for _ in range(3):
            ours.append(paced_cpu_ms(partial(model.run, feeds), pause_s, seconds))
            theirs.append(paced_cpu_ms(partial(plain.run, None, feeds), pause_s, seconds))
        ratio = statistics.median(theirs) / statistics.median(ours)
        ratios.append(ratio)
        print(
            f"{subject.name}, one call every {pause_s * 1e3:.2f} ms: {statistics.median(ours):.3f} ms of CPU a result, "
            f"ONNX Runtime's defaults {statistics.median(theirs):.3f} ms: {ratio:.1f}x (at least {LEAST_CPU_RATIO})"
        )
        del plain
        gc.collect()
    return min(ratios) >= LEAST_CPU_RATIO


def _first_requests(under_test: Sequence[Subject]) -> bool:
    """The first request of every shape class after a warm-up, beside the steady median of its session; medians."""
    worst = 0.0
    for subject in under_test:
        loads = [_first_ratios(subject) for _ in range(_LOADS)]
        ratios = {rows: statistics.median(load[rows] for load in loads) for rows in ROWS}
        worst = max(worst, *ratios.values())
        said = ", ".join(f"{rows} rows {ratio:.2f}" for rows, ratio in ratios.items())
        print(f"{subject.name}, first request after warm-up / steady median: {said} (at most {MOST_FIRST_RATIO})")
    return worst <= MOST_FIRST_RATIO


def _first_ratios(subject: Subject) -> dict[int, float]:
    """A fresh session, all classes warmed up, then a real request of each class, and what such a one costs since."""
    model, calls = OnnxModel(subject.path), {rows: subject.feeds(rows) for rows in ROWS}
    rate = {name: array for name, array in calls[1].items() if not array.ndim}
    warm_up(model, [subject.sizes(shape.rows) for shape in ShapeClasses(ROWS)], given=rate)
    requests = {rows: model.timed(feeds) for rows, feeds in calls.items()}
    assert all(request.warmed_up for request in requests.values())
    return {
        rows: requests[rows].inference_ms / cost_of(model.run, feeds, rows=rows, seconds=_STEADY_S).call_ms
        for rows, feeds in calls.items()
    }


def _binding(under_test: Sequence[Subject]) -> bool:
    for subject in under_test:
        found = measure_binding(OnnxModel(subject.path), subject.feeds(8))
        use = "used" if found.is_faster else "not used"
        print(f"{subject.name}, 8 rows, outputs bound: {found.plain_ms:.3f} -> {found.bound_ms:.3f} ms, {use}")
    return True


def _knobs() -> bool:
    """In a process of its own, because it settles things for the whole of it."""
    command = [sys.executable, "-m", "engine", "models", "knobs"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    print(answer.stdout + answer.stderr, end="")
    return answer.returncode == 0


if __name__ == "__main__":
    sys.exit(0 if report() else 1)
