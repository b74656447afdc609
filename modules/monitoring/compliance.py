"""Whether each promise of a `PerformanceTarget` is kept, broken, or cannot be told. Pure: it is given the windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from modules.monitoring.snapshot import ChunkCounts
from modules.monitoring.targets import PerformanceTarget, is_p99_refuted, is_p99_shown, samples_needed
from modules.monitoring.windows import Slice, Window, counts_of, latency_of
from modules.monitoring.wording import counted

CLAIM_CHUNKS = 2010
"""Chunks a claim about latency looks back on, where history has them: so many still show a p99 with ten misses."""

MEAN_WINDOWS = 10
"""Windows over which CPU share and throughput are averaged."""

_MB = 2**20


class Standing(StrEnum):
    """How a promise stands."""

    KEPT = "kept"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Promise:
    """One field of the target by its name, what it asks for, what was measured in its unit, and why it stands so."""

    name: str
    target: float
    measured: float | None
    standing: Standing
    why: str


def promises(target: PerformanceTarget, judged: Sequence[Slice], windows: Sequence[Window]) -> tuple[Promise, ...]:
    """How all promises stand after these windows, oldest first; `judged` are the slices that latency is judged by."""
    counts, latency = counts_of(judged), latency_of(judged)
    p99_ms = latency.quantile(0.99) * 1e3 if latency.count else None
    return (
        _chunk_latency(target, counts, p99_ms),
        _pipeline_latency(target, counts, p99_ms, windows[-1].state.plan.chunk_s if windows else None),
        _memory(target, windows),
        _cpu(target, windows[-MEAN_WINDOWS:]),
        _throughput(target, windows[-MEAN_WINDOWS:]),
    )


def _chunk_latency(target: PerformanceTarget, counts: ChunkCounts, p99_ms: float | None) -> Promise:
    misses = counts.late + counts.failed + counts.dropped
    standing, why = _p99_standing(misses, counts.chunks, f"{target.p99_chunk_latency_ms:g} ms")
    return Promise("p99_chunk_latency_ms", target.p99_chunk_latency_ms, p99_ms, standing, why)


def _pipeline_latency(
    target: PerformanceTarget, counts: ChunkCounts, p99_ms: float | None, chunk_s: float | None
) -> Promise:
    """The chunk's own length is inside this one: from its first sample to its result."""
    name, limit_ms = "pipeline_latency_ms", target.pipeline_latency_ms
    if chunk_s is None:
        return Promise(name, limit_ms, None, Standing.UNKNOWN, "the chunk length is not known")
    misses = counts.pipeline_late + counts.failed + counts.dropped
    standing, why = _p99_standing(misses, counts.chunks, f"{limit_ms:g} ms with the {chunk_s:g} s of the chunk itself")
    return Promise(name, limit_ms, None if p99_ms is None else p99_ms + chunk_s * 1e3, standing, why)


def _p99_standing(misses: int, chunks: int, limit: str) -> tuple[Standing, str]:
    if not chunks:
        return Standing.UNKNOWN, "there was no live chunk"
    seen = f"{misses:,} of {counted(chunks, 'chunk')} missed {limit}"
    if is_p99_shown(misses, chunks):
        return Standing.KEPT, seen
    if is_p99_refuted(misses, chunks):
        return Standing.BROKEN, seen
    if chunks * 0.01 > misses or not misses:
        return Standing.UNKNOWN, f"{seen}; to be sure takes {samples_needed(misses):,} chunks"
    return Standing.UNKNOWN, f"{seen}; that may be chance"


def _memory(target: PerformanceTarget, windows: Sequence[Window]) -> Promise:
    name, limit_mb = "memory_mb", target.memory_mb
    state = windows[-1].state if windows else None
    own_bytes = state.resources.unique_set_bytes if state else None
    if state is None or own_bytes is None:
        return Promise(name, limit_mb, None, Standing.UNKNOWN, "this process's own memory is not known")
    beside_mb = max(0, own_bytes - (state.model_bytes or 0)) / _MB
    if beside_mb <= limit_mb:
        return Promise(name, limit_mb, beside_mb, Standing.KEPT, f"{beside_mb:,.0f} MB are its own")
    if state.model_bytes is None:
        why = f"{beside_mb:,.0f} MB are its own, but how much of them the models are is not known"
        return Promise(name, limit_mb, beside_mb, Standing.UNKNOWN, why)
    return Promise(name, limit_mb, beside_mb, Standing.BROKEN, f"{beside_mb:,.0f} MB are its own, beside the models")


def _cpu(target: PerformanceTarget, windows: Sequence[Window]) -> Promise:
    used = [(window.state.resources.own_cpus, window.state.resources.cpus) for window in windows]
    shares = [own / cpus for own, cpus in used if own is not None and cpus]
    if not shares:
        why = "the CPU time of this process is not known"
        return Promise("cpu_percent", target.cpu_percent, None, Standing.UNKNOWN, why)
    percent = 100 * sum(shares) / len(shares)
    standing = Standing.KEPT if percent <= target.cpu_percent else Standing.BROKEN
    why = f"this process used {percent:.0f} % of the effective CPUs"
    return Promise("cpu_percent", target.cpu_percent, percent, standing, why)


def _throughput(target: PerformanceTarget, windows: Sequence[Window]) -> Promise:
    """Broken only where more was asked for: an engine with little to do answers little."""
    name, asked = "throughput_chunks_per_s", target.throughput_chunks_per_s
    if not windows:
        return Promise(name, asked, None, Standing.UNKNOWN, "nothing was measured yet")
    counts = counts_of(windows)
    per_s = counts.answered / sum(window.duration_s for window in windows)
    answered = f"{per_s:,.1f} chunks were answered a second"
    if per_s >= asked:
        return Promise(name, asked, per_s, Standing.KEPT, answered)
    waiting = min((window.state.chunks_waiting or 0 for window in windows), default=0)
    if waiting or counts.failed or counts.dropped:
        lost = f"{waiting:,} or more waited all the time, {counts.failed:,} failed, {counts.dropped:,} were dropped"
        return Promise(name, asked, per_s, Standing.BROKEN, f"{answered}; {lost}")
    return Promise(name, asked, per_s, Standing.UNKNOWN, f"{answered}; no more came")
