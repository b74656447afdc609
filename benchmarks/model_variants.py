"""What variants of models are worth, and how fast a talker-shaped model is beside what the machine can do at most."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.model_loops import on_workers
from benchmarks.model_material import HIDDEN, VOCABULARY, Subject, product_graph, talker, tokens
from modules.models.model_bench import cost_of
from modules.models.onnx import OnnxModel, OnnxOptions
from modules.models.optimizer import ModelOptimizer, OptimizerReport
from modules.models.verdict import Kind, Verdict
from modules.monitoring.resources import effective_cpus, worker_count

CLAIMED_TOKENS_PER_S = 11_654
CLAIMED_50_TOKENS_MS = 4.29
"""What a comparable system says of its talker."""

_SQUARES = (1024, 2048, 4096)


def variants(under_test: Sequence[Subject], folder: Path, *, seconds: float) -> bool:
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
    reached = {False: 0.0, True: 0.0}  # operations a second, of bytes or of floats
    for name, file in files.items():
        model, wide = OnnxModel(file), OnnxModel(file, OnnxOptions(intra_op_threads=cpus))
        fifty_ms, wide_ms = (cost_of(each.run, tokens(50), rows=50, seconds=seconds).call_ms for each in (model, wide))
        at_once = on_workers(partial(model.run, tokens(256)), seconds, calls=1, rows=256, workers=cpus)
        of_bytes, rate = name.startswith("int8"), at_once * operations / 1e9
        reached[of_bytes] = max(reached[of_bytes], at_once * operations)
        print(
            f"talker {name}: {at_once:,.0f} tokens/s on {cpus} workers ({rate:,.0f} G operations/s), 50 tokens in "
            f"{fifty_ms:.1f} ms on one thread, {wide_ms:.1f} on {cpus}; claimed elsewhere: "
            f"{CLAIMED_TOKENS_PER_S:,} tokens/s, {CLAIMED_50_TOKENS_MS} ms"
        )
    print(f"the claim needs {CLAIMED_TOKENS_PER_S * operations / 1e9:,.0f} G operations/s")
    for of_bytes in (False, True):
        squares = [product_graph(folder, size, of_bytes=of_bytes) for size in _SQUARES]
        sized = zip(squares, _SQUARES, strict=True)
        square_rates = [_operations_per_s(square, size, workers=cpus, seconds=seconds) for square, size in sized]
        peak = max(reached[of_bytes], *square_rates)
        print(
            f"the machine's best product of {squares[0].name}: {peak / 1e9:,.0f} G operations/s on {cpus} threads (of "
            f"squares of {_SQUARES[0]} to {_SQUARES[-1]}: {max(square_rates) / 1e9:,.0f}), at most "
            f"{peak / operations:,.0f} tokens/s of this talker"
        )


def _operations_per_s(square: Subject, size: int, *, workers: int, seconds: float) -> float:
    """Multiplications and additions a second of a product of two square matrices, a thread a call or all for one."""
    products = max(
        on_workers(partial(OnnxModel(square.path).run, square.feeds(1)), seconds, calls=1, rows=1, workers=workers),
        1e3
        / cost_of(
            OnnxModel(square.path, OnnxOptions(intra_op_threads=workers)).run, square.feeds(1), rows=1, seconds=seconds
        ).call_ms,
    )
    return 2 * size**3 * products
