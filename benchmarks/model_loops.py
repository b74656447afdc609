"""Loops around a call: on the engine's workers and at a light load; and sessions of bare ONNX Runtime."""

import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import onnxruntime

from engine.throughput import rows_per_s


def on_workers(call: Callable[[], object], seconds: float, *, calls: int, rows: int, workers: int) -> float:
    """Rows a second on the engine's worker threads, short calls several a hop as the grains of a chunk are."""

    def hop() -> None:
        for _ in range(calls):
            call()

    return anyio.run(partial(rows_per_s, hop, rows=calls * rows, workers=workers, seconds=seconds))


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
