"""What every knob of an ONNX session does on this machine, measured: the proof that it is in force.

Each knob is set both ways on a small graph and something countable is compared: threads, nodes of the rewritten graph,
bytes kept, CPU time. It takes a few seconds, keeps some memory, and settles the arena of the process: run it in a
process of its own (`onbeat models knobs` does).
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from modules.models.knob_counts import MIB, SMALL, WIDTH, KnobCounts
from modules.models.onnx import providers
from modules.models.onnx_options import ArenaGrowth, Execution, GraphLevel, IoBinding, OnnxOptions, Provider
from modules.models.warm_up import warm_up

_ROWS: Final = 2048
_ARENA_BYTES: Final = 96 * MIB
_ARENA: Final = OnnxOptions(arena_growth=ArenaGrowth.AS_REQUESTED, max_arena_bytes=_ARENA_BYTES, memory_pattern=False)
"""The one arena of the process, on which its growth and its limit are measured."""

_IN_A_FRESH_HEAP: Final = ("arena_growth",)
"""Counted first: the allocator would serve an arena from a hole that sessions left, and nothing would be reserved."""

_PLAIN: Final = OnnxOptions(memory_pattern=False)
_SIDE_BY_SIDE: Final = OnnxOptions(execution=Execution.PARALLEL, memory_pattern=False, inter_op_threads=2)


@dataclass(frozen=True, slots=True)
class KnobEffect:
    """One knob, measured: what was counted with it set one way and the other; `None` where nothing could be counted."""

    knob: str
    counted: str
    without: float | None
    with_it: float | None
    is_shown: bool

    def __str__(self) -> str:
        values = " -> ".join("?" if value is None else f"{value:g}" for value in (self.without, self.with_it))
        return f"{self.knob}: {self.counted}: {values}{'' if self.is_shown else ' (no effect shown)'}"


def knob_effects() -> tuple[KnobEffect, ...]:
    """Every setting of `OnnxOptions` with its measured effect. Raises `ModelError` when a model cannot be loaded."""
    with tempfile.TemporaryDirectory() as folder:
        counts = KnobCounts(Path(folder))
        in_order = sorted(_EFFECTS, key=lambda knob: knob not in _IN_A_FRESH_HEAP)
        found = {knob: _EFFECTS[knob](counts) for knob in in_order}
        return tuple(found[field.name] for field in fields(OnnxOptions))


def _effect(knob: str, counted: str, pair: tuple[float | None, float | None], *, by: float) -> KnobEffect:
    """Shown when the second count is larger by at least `by`, or smaller by at least `-by`."""
    first, second = pair
    gained = None if first is None or second is None else second - first
    shown = gained is not None and (gained >= by if by > 0 else gained <= by)
    return KnobEffect(knob, counted, first, second, shown)


def _intra_op(counts: KnobCounts) -> KnobEffect:
    pair = (counts.threads(OnnxOptions()), counts.threads(OnnxOptions(intra_op_threads=3)))
    return _effect("intra_op_threads", "threads a session adds, 1 -> 3", pair, by=2)


def _spinning(counts: KnobCounts) -> KnobEffect:
    quiet, spinning = (OnnxOptions(intra_op_threads=2, spinning=spins) for spins in (False, True))
    pair = (counts.idle_cpu_ms(quiet), counts.idle_cpu_ms(spinning))
    return _effect("spinning", "CPU ms in a pause of 20 ms after a call, off -> on", pair, by=1)


def _inter_op(counts: KnobCounts) -> KnobEffect:
    pair = (counts.threads(_SIDE_BY_SIDE), counts.threads(replace(_SIDE_BY_SIDE, inter_op_threads=4)))
    return _effect("inter_op_threads", "threads a session adds, 2 -> 4", pair, by=2)


def _execution(counts: KnobCounts) -> KnobEffect:
    pair = (counts.threads(_PLAIN), counts.threads(_SIDE_BY_SIDE))
    return _effect("execution", "threads a session adds, sequential -> parallel", pair, by=1)


def _graph_level(counts: KnobCounts) -> KnobEffect:
    pair = (counts.nodes(GraphLevel.OFF), counts.nodes(GraphLevel.ALL))
    return _effect("graph_level", "nodes of the rewritten graph, off -> all", pair, by=-1)


def _memory_pattern(counts: KnobCounts) -> KnobEffect:
    pair = (counts.kept_mib(_PLAIN, [_ROWS] * 2), counts.kept_mib(OnnxOptions(), [_ROWS] * 2))
    return _effect("memory_pattern", "MiB kept after two calls, off -> on", pair, by=1)


def _arena(counts: KnobCounts) -> KnobEffect:
    rows = [4 * _ROWS]  # 32 MiB an array: more than malloc keeps
    pair = (counts.kept_mib(replace(_PLAIN, arena=False), rows), counts.kept_mib(_PLAIN, rows))
    return _effect("arena", "MiB kept after a call, off -> on", pair, by=4)


def _arena_growth(counts: KnobCounts) -> KnobEffect:
    """A session's own arena grows by 64 MiB for an array of 40; that of the process is set up to grow as requested."""
    rows = 40 * MIB // (4 * WIDTH)
    pair = (counts.reserved_mib(_PLAIN, rows), counts.reserved_mib(_ARENA, rows))
    return _effect("arena_growth", "MiB reserved for an output of 40, power of two -> as requested", pair, by=-16)


def _max_arena(counts: KnobCounts) -> KnobEffect:
    counted = f"outputs of {_ARENA_BYTES // MIB + 32} MiB refused, none -> a limit of {_ARENA_BYTES // MIB} MiB"
    rows = (_ARENA_BYTES + 32 * MIB) // (4 * WIDTH)
    pair = (counts.refusals(_PLAIN, rows), counts.refusals(_ARENA, rows))
    return _effect("max_arena_bytes", counted, pair, by=1)


def _arena_shrink(counts: KnobCounts) -> KnobEffect:
    rows = [1, 4 * _ROWS]  # what the first call reserves is never given back
    pair = (counts.kept_mib(_PLAIN, rows), counts.kept_mib(replace(_PLAIN, arena_shrink=True), rows))
    return _effect("arena_shrink", "MiB kept after two calls, off -> on", pair, by=-4)


def _prepacking(counts: KnobCounts) -> KnobEffect:
    off, on = (counts.call_cpu_ms(OnnxOptions(prepacking=packs)) for packs in (False, True))
    return KnobEffect("prepacking", "CPU ms of a call of few rows, off -> on", off, on, on < 0.8 * off)


def _io_binding(counts: KnobCounts) -> KnobEffect:
    """With binding the library writes to the caller's address, which needs no other array of that size."""
    pair = (counts.written_by_library(IoBinding.OFF), counts.written_by_library(IoBinding.ON))
    return _effect("io_binding", "calls that made no output array of their own, off -> on", pair, by=1)


def _warm_up_passes(counts: KnobCounts) -> KnobEffect:
    models = [counts.model(SMALL, OnnxOptions(warm_up_passes=passes)) for passes in (1, 4)]
    once, often = (float(len(warm_up(model, [{"rows": 3}])[0].passes_ms)) for model in models)
    return _effect("warm_up_passes", "runs of a shape class, 1 -> 4", (once, often), by=3)


def _graph_cache(counts: KnobCounts) -> KnobEffect:
    options = OnnxOptions(graph_cache=counts.folder / "graphs")
    first, second = (float(counts.model(SMALL, options).from_graph_cache) for _ in range(2))
    return _effect("graph_cache", "graphs read from the cache, first load -> second", (first, second), by=1)


def _provider(counts: KnobCounts) -> KnobEffect:
    """The CPU is in force where it is asked for; one that is not installed is refused, and not replaced in silence."""
    missing = next(provider for provider in Provider if provider not in providers())
    pair = (counts.refusals(OnnxOptions(), 1), counts.refusals(OnnxOptions(provider=missing), 1))
    return _effect("provider", f"loads refused, {Provider.CPU} -> {missing}", pair, by=1)


_EFFECTS: Final[dict[str, Callable[[KnobCounts], KnobEffect]]] = {
    "intra_op_threads": _intra_op,
    "spinning": _spinning,
    "inter_op_threads": _inter_op,
    "execution": _execution,
    "graph_level": _graph_level,
    "memory_pattern": _memory_pattern,
    "arena": _arena,
    "arena_growth": _arena_growth,
    "max_arena_bytes": _max_arena,
    "arena_shrink": _arena_shrink,
    "prepacking": _prepacking,
    "io_binding": _io_binding,
    "warm_up_passes": _warm_up_passes,
    "graph_cache": _graph_cache,
    "provider": _provider,
}
