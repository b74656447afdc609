"""Models: what the door costs beside bare ONNX Runtime, what its defaults save, warm-up, INT8 variants, the talker."""

import gc
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path

import anyio
import numpy as np

from benchmarks.model_loops import bare, bare_defaults, paced_cpu_ms
from benchmarks.model_material import Subject, encoder, subjects
from benchmarks.model_stages import stage_call
from benchmarks.model_turns import BareThreads, Side, finalists, in_turn, on_pool
from benchmarks.model_variants import variants
from engine.flow_parts import ALONE_SERVICE_S
from engine.workers import WorkerThreads
from modules.models.model_bench import cost_of, costs_of, knee
from modules.models.shapes import ShapeClasses
from modules.models.warm_up import measure_binding, warm_up
from modules.monitoring.resources import effective_cpus, worker_count

ROWS = (1, 2, 4, 8, 16, 32)
MOST_DIFFERENCE = 1e-5
LEAST_SHARE = 0.97
LEAST_CPU_RATIO = 2.0
MOST_FIRST_RATIO = 1.5
_HOP_MS = ALONE_SERVICE_S * 1e3 / 4
"""Calls that are shorter share a hop to a worker, as they do when recordings are searched for speech: there a hop may
last four times as long while nobody else waits, but then a slot would have too few."""

_LOAD = 0.1
_LOADS = 7
_STEADY_S = 0.05


def report(*, seconds: float = 1.0) -> bool:
    """Print everything; whether all limits are kept."""
    with tempfile.TemporaryDirectory() as folder:
        under_test = [*subjects(Path(folder)), encoder(Path(folder))]
        good = [
            _together(under_test),
            anyio.run(partial(_throughput, under_test, seconds=seconds)),
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
        model, rows = subject.model(), 8
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


async def _throughput(under_test: Sequence[Subject], *, seconds: float) -> bool:
    """Rows a second at the knee on the engine's workers, beside bare loops with every thread setting, in turn."""
    async with WorkerThreads(worker_count(effective_cpus())) as pool:
        return min([await _share_of_bare(subject, pool, seconds=seconds) for subject in under_test]) >= LEAST_SHARE


async def _share_of_bare(subject: Subject, pool: WorkerThreads, *, seconds: float) -> float:
    """What calls of the model on the workers give, as a share of the best bare loop; and calls of its stage."""
    model = subject.model()
    best = knee(costs_of(model.run, {rows: subject.feeds(rows) for rows in ROWS}, seconds=seconds / 4))
    feeds, stage = subject.feeds(best.rows), stage_call(subject, model, best.rows)
    calls, stage_calls = (max(1, round(_HOP_MS / ms)) for ms in (best.call_ms, best.call_ms * stage.rows / best.rows))
    cpus = range(1, pool.count + 1)
    with ExitStack() as opened:
        loops = {
            f"{intra} intra-op, {threads} threads, spinning {'on' if spins else 'off'}": opened.enter_context(
                BareThreads(bare(subject.path, intra, spins=spins), feeds, best.rows, threads, spins=spins)
            ).slot
            for intra, threads, spins in product(cpus, cpus, (False, True))
            if intra > 1 or not spins
        }
        first, second = await finalists(loops)
        sides: dict[str, Side] = {
            first: loops[first],
            "calls": on_pool(pool, partial(model.run, feeds), calls=calls, rows=best.rows),
            second: loops[second],
            "stage": on_pool(pool, stage.call, calls=stage_calls, rows=stage.rows),
        }
        turns = await in_turn(sides, least=LEAST_SHARE, ours="calls", theirs=(first, second))
    winner = turns.hardest("calls", (first, second))
    ratio = turns.ratio("calls", winner)
    print(
        f"{subject.name}, {best.rows} rows a call (knee): {turns.rate('calls'):,.0f} rows/s on {pool.count} workers; "
        f"best of {len(loops)} bare loops {turns.rate(winner):,.0f} ({winner}): {ratio} (at least {LEAST_SHARE}); as a "
        f"stage, with what it does beside the model: {turns.ratio('stage', winner)}"
    )
    return ratio.median


def _light_load(under_test: Sequence[Subject], *, seconds: float) -> bool:
    """CPU time a result with calls of one row a tenth of the time, beside ONNX Runtime as it comes."""
    ratios = []
    for subject in under_test:
        feeds = subject.feeds(1)
        model = subject.model()
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
    model, calls = subject.model(), {rows: subject.feeds(rows) for rows in ROWS}
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
        found = measure_binding(subject.model(), subject.feeds(8))
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
