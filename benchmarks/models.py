"""Models: what the door costs beside bare ONNX Runtime, what its defaults save, warm-up, INT8 variants, the talker."""

import gc
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import anyio
import onnxruntime

from benchmarks.model_material import (
    HIDDEN,
    VOCABULARY,
    Feeds,
    Subject,
    encoder,
    product_graph,
    subjects,
    talker,
    tokens,
)
from engine.throughput import rows_per_s
from modules.models.model_bench import cost_of, knee
from modules.models.onnx import OnnxModel, OnnxOptions
from modules.models.optimizer import ModelOptimizer, OptimizerReport
from modules.models.shapes import ShapeClasses
from modules.models.verdict import Kind, Verdict
from modules.models.warm_up import measure_binding, warm_up
from modules.monitoring.resources import effective_cpus, worker_count

ROWS = (1, 2, 4, 8, 16, 32)
LEAST_SHARE = 0.97
LEAST_CPU_RATIO = 2.0
MOST_FIRST_RATIO = 1.5
CLAIMED_TOKENS_PER_S = 11_654
CLAIMED_50_TOKENS_MS = 4.29
"""What a comparable system says of its talker."""

_HOP_MS = 10.0
_LOAD = 0.1
_SQUARES = (1024, 2048, 4096)


def report(*, seconds: float = 1.0, rounds: int = 5) -> bool:
    """Print everything; whether all limits are kept."""
    with tempfile.TemporaryDirectory() as folder:
        under_test = [*subjects(), encoder(Path(folder))]
        good = [
            _throughput(under_test, seconds=seconds, rounds=rounds),
            _light_load(under_test, seconds=seconds),
            _first_requests(under_test),
            _binding(under_test),
            _variants(under_test, Path(folder), seconds=seconds),
            _knobs(),
        ]
    return all(good)


def _throughput(under_test: Sequence[Subject], *, seconds: float, rounds: int) -> bool:
    """Rows a second at the knee on the engine's workers, beside bare loops with every thread setting, in turn."""
    cpus = worker_count(effective_cpus())
    settings = list(product(range(1, cpus + 1), range(1, cpus + 1), (False, True)))  # intra-op, threads, spinning
    shares = []
    for subject in under_test:
        model = OnnxModel(subject.path)
        best = knee([cost_of(model.run, subject.feeds(rows), rows=rows, seconds=seconds / 4) for rows in ROWS])
        feeds, calls = subject.feeds(best.rows), max(1, round(_HOP_MS / best.call_ms))
        ours = partial(_on_workers, partial(model.run, feeds), calls=calls, rows=best.rows, workers=cpus)
        bare = {
            (intra, threads, spins): partial(_bare_loop, _bare(subject.path, intra, spins=spins), feeds, threads)
            for intra, threads, spins in settings
        }
        found = {setting: loop(seconds / 2) * best.rows for setting, loop in bare.items()}
        winner = max(found, key=found.__getitem__)
        pairs = [_both(ours, bare[winner], seconds, is_ours_first=number % 2 == 0) for number in range(rounds)]
        pairs = [(a, b * best.rows) for a, b in pairs]
        share = statistics.median(a / b for a, b in pairs)
        shares.append(share)
        print(
            f"{subject.name}, {best.rows} rows a call (knee): {statistics.median(a for a, _ in pairs):,.0f} rows/s on "
            f"{cpus} workers; best bare loop {statistics.median(b for _, b in pairs):,.0f} ({winner[0]} intra-op, "
            f"{winner[1]} threads, spinning {'on' if winner[2] else 'off'}): {share:.3f} (at least {LEAST_SHARE})"
        )
    return min(shares) >= LEAST_SHARE


def _both(
    ours: Callable[[float], float], bare: Callable[[float], float], seconds: float, *, is_ours_first: bool
) -> tuple[float, float]:
    """Each side once, the order changing from round to round."""
    if is_ours_first:
        return ours(seconds), bare(seconds)
    second = bare(seconds)
    return ours(seconds), second


def _light_load(under_test: Sequence[Subject], *, seconds: float) -> bool:
    """CPU time a result with calls of one row a tenth of the time, beside ONNX Runtime as it comes."""
    ratios = []
    for subject in under_test:
        feeds = subject.feeds(1)
        model = OnnxModel(subject.path)
        pause_s = cost_of(model.run, feeds, rows=1, seconds=seconds / 4).call_ms / 1e3 / _LOAD
        plain = _bare_defaults(subject.path)
        ours, theirs = [], []
        for _ in range(3):
            ours.append(_paced_cpu_ms(partial(model.run, feeds), pause_s, seconds))
            theirs.append(_paced_cpu_ms(partial(plain.run, None, feeds), pause_s, seconds))
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
    """The first request of every shape class after a warm-up, beside the steady median; five loads each."""
    worst = 0.0
    for subject in under_test:
        ratios = {}
        for shape in ShapeClasses(ROWS):
            feeds = subject.feeds(shape.rows)
            firsts = [_first_ms(subject, feeds) for _ in range(5)]
            warm = OnnxModel(subject.path)
            warm.run(feeds)
            steady_ms = cost_of(warm.run, feeds, rows=shape.rows, seconds=0.2).call_ms
            ratios[shape.rows] = statistics.median(firsts) / steady_ms
        worst = max(worst, *ratios.values())
        said = ", ".join(f"{rows} rows {ratio:.2f}" for rows, ratio in ratios.items())
        print(f"{subject.name}, first request after warm-up / steady median: {said} (at most {MOST_FIRST_RATIO})")
    return worst <= MOST_FIRST_RATIO


def _first_ms(subject: Subject, feeds: Feeds) -> float:
    """A fresh session, all classes warmed up, then one request with real input."""
    model = OnnxModel(subject.path)
    rate = {name: array for name, array in feeds.items() if not array.ndim}
    warm_up(model, [subject.sizes(shape.rows) for shape in ShapeClasses(ROWS)], given=rate)
    request = model.timed(feeds)
    assert request.warmed_up, feeds.keys()
    return request.inference_ms


def _binding(under_test: Sequence[Subject]) -> bool:
    for subject in under_test:
        found = measure_binding(OnnxModel(subject.path), subject.feeds(8))
        use = "used" if found.is_faster else "not used"
        print(f"{subject.name}, 8 rows, outputs bound: {found.plain_ms:.3f} -> {found.bound_ms:.3f} ms, {use}")
    return True


def _variants(under_test: Sequence[Subject], folder: Path, *, seconds: float) -> bool:
    """At least one INT8 model kept and a convolution model refused, by measurement; then the talker in figures."""
    optimizer = ModelOptimizer(folder / "variants")
    spelling = next(subject for subject in under_test if subject.name == "spelling CNN")
    head = talker(folder)
    reports = {subject.name: optimizer.optimize(subject.path, subject.replay(calls=40)) for subject in (spelling, head)}
    for name, found in reports.items():
        for verdict in found.verdicts:
            print(f"{name} {verdict.kind}: {_said_of(verdict)}")
    dynamic = {name: _verdict_on(found, Kind.INT8_DYNAMIC) for name, found in reports.items()}
    _talker(head, reports[head.name], folder / "variants", seconds=seconds)
    return dynamic[head.name] and not dynamic[spelling.name]


def _said_of(verdict: Verdict) -> str:
    gain = [] if verdict.gain is None else [f"{verdict.gain:.2f}x as fast"]
    error = [] if verdict.error is None else [f"error {verdict.error.relative_db:.1f} dB"]
    size = [f"{verdict.variant_bytes / verdict.original_bytes:.2f} of the size"] if verdict.variant_bytes else []
    return ", ".join([*gain, *error, *size, "kept" if verdict.kept else f"refused: {verdict.reason}"])


def _verdict_on(found: OptimizerReport, kind: Kind) -> bool:
    return next(verdict.kept for verdict in found.verdicts if verdict.kind is kind)


def _talker(head: Subject, found: OptimizerReport, folder: Path, *, seconds: float) -> None:
    """Tokens a second and milliseconds for 50 tokens, beside what is claimed and what the machine can at most."""
    files = {"FP32": head.path} | {v.kind.value: folder / v.file for v in found.verdicts if v.file}
    cpus = worker_count(effective_cpus())
    operations = 2 * HIDDEN * VOCABULARY
    for name, file in files.items():
        model, wide = OnnxModel(file), OnnxModel(file, OnnxOptions(intra_op_threads=cpus))
        fifty_ms, wide_ms = (cost_of(each.run, tokens(50), rows=50, seconds=seconds).call_ms for each in (model, wide))
        at_once = _on_workers(partial(model.run, tokens(256)), seconds, calls=1, rows=256, workers=cpus)
        rate = at_once * operations / 1e9
        print(
            f"talker {name}: {at_once:,.0f} tokens/s on {cpus} workers ({rate:,.0f} G operations/s), 50 tokens in "
            f"{fifty_ms:.1f} ms on one thread, {wide_ms:.1f} on {cpus}; claimed elsewhere: "
            f"{CLAIMED_TOKENS_PER_S:,} tokens/s, {CLAIMED_50_TOKENS_MS} ms"
        )
    print(f"the claim needs {CLAIMED_TOKENS_PER_S * operations / 1e9:,.0f} G operations/s")
    for of_bytes in (False, True):
        squares = [product_graph(folder, size, of_bytes=of_bytes) for size in _SQUARES]
        sized = zip(squares, _SQUARES, strict=True)
        peak = max(_operations_per_s(square, size, workers=cpus, seconds=seconds) for square, size in sized)
        print(
            f"the machine's products of {squares[0].name}: {peak / 1e9:,.0f} G operations/s on {cpus} threads, at most "
            f"{peak / operations:,.0f} tokens/s of this talker"
        )


def _operations_per_s(square: Subject, size: int, *, workers: int, seconds: float) -> float:
    """Multiplications and additions a second of a product of two square matrices, a thread a call or all for one."""
    products = max(
        _on_workers(partial(OnnxModel(square.path).run, square.feeds(1)), seconds, calls=1, rows=1, workers=workers),
        1e3
        / cost_of(
            OnnxModel(square.path, OnnxOptions(intra_op_threads=workers)).run, square.feeds(1), rows=1, seconds=seconds
        ).call_ms,
    )
    return 2 * size**3 * products


def _knobs() -> bool:
    """In a process of its own, because it settles things for the whole of it."""
    command = [sys.executable, "-m", "engine", "models", "knobs"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    print(answer.stdout + answer.stderr, end="")
    return answer.returncode == 0


def _on_workers(call: Callable[[], object], seconds: float, *, calls: int, rows: int, workers: int) -> float:
    """Rows a second on the engine's worker threads, short calls several a hop as the grains of a chunk are."""

    def hop() -> None:
        for _ in range(calls):
            call()

    return anyio.run(partial(rows_per_s, hop, rows=calls * rows, workers=workers, seconds=seconds))


def _bare_loop(session: Any, feeds: Feeds, threads: int, seconds: float) -> float:  # noqa: ANN401 - untyped library
    """Calls a second of so many threads that do nothing else."""
    done = [0] * threads
    until_s = time.perf_counter() + seconds

    def loop(number: int) -> None:
        while time.perf_counter() < until_s:
            session.run(None, feeds)
            done[number] += 1

    started_s = time.perf_counter()
    running = [threading.Thread(target=loop, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(done) / (time.perf_counter() - started_s)


def _bare(path: Path, intra: int, *, spins: bool) -> Any:  # noqa: ANN401 - untyped library
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = intra
    settings.add_session_config_entry("session.intra_op.allow_spinning", "1" if spins else "0")
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def _bare_defaults(path: Path) -> Any:  # noqa: ANN401 - untyped library
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _paced_cpu_ms(call: Callable[[], object], period_s: float, seconds: float) -> float:
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


if __name__ == "__main__":
    sys.exit(0 if report() else 1)
