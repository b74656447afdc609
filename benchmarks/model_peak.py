"""What this machine does at most, measured with work of its own in turn with the talker, and the talker beside it."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import numpy as np

from benchmarks.model_material import HIDDEN, VOCABULARY, product_graph, tokens
from benchmarks.model_turns import Side, Turns, on_pool, turn_by_turn
from engine.throughput import rows_per_s_on
from engine.workers import WorkerThreads
from modules.measuring.roofline import Peaks, Product
from modules.models.model_bench import cost_of
from modules.models.onnx import OnnxModel, OnnxOptions
from modules.monitoring.resources import effective_cpus, worker_count

CLAIMED_TOKENS_PER_S = 11_654
CLAIMED_50_TOKENS_MS = 4.29
"""What a comparable system says of its talker."""

_ELEMENT_BYTES = {"fp32": 4, "fp16": 2, "int8-dynamic": 1, "int8-static": 1}
_SQUARES = (512, 1024, 2048)
_COPIED_FLOATS = 32 << 20
_TOKENS, _FEW = 256, 50


def talker_report(files: Mapping[str, Path], folder: Path, *, seconds: float) -> None:
    """Tokens a second and milliseconds for 50 tokens of each file, beside what is claimed and what the machine can."""
    anyio.run(partial(_report, files, folder, seconds=seconds))


async def _report(files: Mapping[str, Path], folder: Path, *, seconds: float) -> None:
    async with WorkerThreads(worker_count(effective_cpus())) as pool:
        copying = await turn_by_turn({"copy": _copying(pool)}, seconds=seconds, turns=4)
        bytes_per_s = max(copying.rates["copy"])
        print(f"the machine copies memory with {bytes_per_s / 1e9:,.1f} GB/s, what is read and what is written")
        for of_bytes in (False, True):
            named = {name: file for name, file in files.items() if name.startswith("int8") == of_bytes}
            peaks_of = _squares(pool, folder, of_bytes=of_bytes)
            talkers: dict[str, Side] = {
                name: on_pool(pool, partial(OnnxModel(file).run, tokens(_TOKENS)), calls=1, rows=_TOKENS)
                for name, file in named.items()
            }
            turns = await turn_by_turn(peaks_of | talkers, seconds=seconds / 2, turns=8)
            best = max(peaks_of, key=lambda name: max(turns.rates[name]))
            peaks = Peaks(max(turns.rates[best]), bytes_per_s)
            what = "8-bit" if of_bytes else "FP32"
            print(f"the machine's {what} peak: {peaks.operations_per_s / 1e9:,.0f} G operations/s, {best}")
            for name, file in named.items():
                _print_talker(name, file, turns, peaks, seconds=seconds)
    claimed = Product(CLAIMED_TOKENS_PER_S, HIDDEN, VOCABULARY, 1).operations
    print(f"the claim of {CLAIMED_TOKENS_PER_S:,} tokens/s needs {claimed / 1e9:,.0f} G operations/s")


def _print_talker(name: str, file: Path, turns: Turns[str], peaks: Peaks, *, seconds: float) -> None:
    many, few = (Product(rows, HIDDEN, VOCABULARY, _ELEMENT_BYTES[name]) for rows in (_TOKENS, _FEW))
    most, best = many.most_rows_per_s(peaks), max(turns.rates[name])
    threads = (1, worker_count(effective_cpus()))
    models = [OnnxModel(file, OnnxOptions(intra_op_threads=count)) for count in threads]
    took = [cost_of(model.run, tokens(_FEW), rows=_FEW, seconds=seconds).call_ms for model in models]
    print(
        f"talker {name}: {turns.rate(name):,.0f} tokens/s, {best:,.0f} in the best turn: {best / most:.2f} of the "
        f"{most:,.0f} that the machine's {many.limit(peaks)} allows; claimed elsewhere {CLAIMED_TOKENS_PER_S:,}"
    )
    print(
        f"talker {name}: {_FEW} tokens in {took[0]:.1f} ms on one thread, {took[1]:.1f} on {threads[1]}; the machine's "
        f"{few.limit(peaks)} allows {few.least_s(peaks) * 1e3:.1f}; claimed elsewhere {CLAIMED_50_TOKENS_MS}"
    )


def _squares(pool: WorkerThreads, folder: Path, *, of_bytes: bool) -> dict[str, Side]:
    """Products of square matrices, none of the talker's shape: operations a second."""
    sides: dict[str, Side] = {}
    for size in _SQUARES:
        square = product_graph(folder, size, of_bytes=of_bytes)
        call = partial(OnnxModel(square.path).run, square.feeds(1))
        sides[f"ONNX Runtime, squares of {size}"] = on_pool(pool, call, calls=1, rows=2 * size**3)
        if not of_bytes:
            sides[f"BLAS, squares of {size}"] = partial(_in_a_thread, _blas(size), 2 * size**3)
    return sides


def _blas(size: int) -> Callable[[], object]:
    left, right = np.random.default_rng(5).standard_normal((2, size, size), np.float32)
    out = np.empty_like(left)
    return partial(np.matmul, left, right, out=out)


async def _in_a_thread(call: Callable[[], object], rows: int, seconds: float) -> float:
    """On one thread: the library has its own beside it."""
    async with WorkerThreads(1) as worker:
        return await rows_per_s_on(worker, call, rows=rows, seconds=seconds)


def _copying(pool: WorkerThreads) -> Side:
    """Arrays far larger than any cache, a pair for each worker: bytes read and written a second."""
    pairs = [np.ones((2, _COPIED_FLOATS), np.float32) for _ in range(pool.count)]

    def copy() -> None:
        free = pairs.pop()  # whoever copies has a pair of its own
        np.copyto(free[0], free[1])
        pairs.append(free)

    return on_pool(pool, copy, calls=1, rows=2 * _COPIED_FLOATS * 4)
