"""What is bad and what is well in the last windows, each with an upper threshold and a lower one. Pure."""

from collections.abc import Sequence

from modules.monitoring.alerts import Condition
from modules.monitoring.memory_share import memory_share
from modules.monitoring.pressure import CpuCause
from modules.monitoring.targets import PerformanceTarget, is_p99_refuted
from modules.monitoring.windows import Window, counts_of
from modules.monitoring.wording import counted, in_ms, percent

LATE_WINDOWS = 10
"""Windows over which late chunks are counted."""

_STANDING_BAD, _STANDING_WELL = 0.2, 0.05  # of the target, waited by every single chunk
_MEMORY_BAD, _MEMORY_WELL = 0.9, 0.8  # of the limit
_THROTTLED_BAD, _THROTTLED_WELL = 0.05, 0.01  # of the quota's periods
_SOON_S = 2.0
_LASTING_S = 3.0


def conditions(target: PerformanceTarget, windows: Sequence[Window]) -> tuple[Condition, ...]:
    """How everything that may raise an alert stood in the last of these windows, oldest first; there must be one."""
    last = windows[-1]
    return (
        _late(target, windows[-LATE_WINDOWS:]),
        _lost("failing", "failed", last.counts.failed, last),
        _lost("dropping", "dropped", last.counts.dropped, last),
        _stalled(last),
        _standing(target, last),
        _suspended(last),
        _memory(target, last),
        _throttled(last),
        _neighbour(last),
    )


def _late(target: PerformanceTarget, windows: Sequence[Window]) -> Condition:
    """Bad when the misses are too many to be chance, well when they are no more than a p99 allows."""
    counts = counts_of(windows)
    misses = counts.late + counts.failed + counts.dropped
    span_s = windows[-1].end_s - windows[0].start_s
    words = f"{misses:,} of the {counted(counts.chunks, 'chunk')} of the last {span_s:.0f} s missed"
    is_bad = True if is_p99_refuted(misses, counts.chunks) else _well(misses <= counts.chunks * 0.01)
    return Condition("late", is_bad, f"{words} {target.p99_chunk_latency_ms:g} ms", _SOON_S)


def _lost(name: str, happened: str, chunks: int, window: Window) -> Condition:
    return Condition(name, chunks > 0, f"{counted(chunks, 'chunk')} {happened} in {window.duration_s:.1f} s")


def _stalled(window: Window) -> Condition:
    waiting = window.state.chunks_waiting
    is_bad = None if waiting is None else waiting > 0 and not window.counts.answered
    return Condition("stalled", is_bad, f"no chunk was answered while {waiting or 0:,} waited", _LASTING_S)


def _standing(target: PerformanceTarget, window: Window) -> Condition:
    waited_s, limit_s = window.standing_wait_s, target.p99_chunk_latency_ms / 1e3
    words = f"every chunk waited {in_ms(waited_s or 0)} or more for a worker: the queue does not empty"
    return Condition(
        "standing queue", _between(waited_s, _STANDING_BAD * limit_s, _STANDING_WELL * limit_s), words, _LASTING_S
    )


def _suspended(window: Window) -> Condition:
    suspended = window.state.streams_suspended
    words = f"{counted(suspended or 0, 'stream')} suspended: there is more to do than this machine can"
    return Condition("suspended", None if suspended is None else suspended > 0, words)


def _memory(target: PerformanceTarget, window: Window) -> Condition:
    used = memory_share(target, window.state)
    if used is None:
        return Condition("memory", None, "how much memory is in use is not known", _LASTING_S)
    words = f"{percent(used.share)} of {used.of} are in use"
    return Condition("memory", _between(used.share, _MEMORY_BAD, _MEMORY_WELL), words, _LASTING_S)


def _throttled(window: Window) -> Condition:
    share = window.state.resources.throttled
    words = f"the CPU quota was used up early in {percent(share or 0)} of its periods"
    return Condition("throttled", _between(share, _THROTTLED_BAD, _THROTTLED_WELL), words, _LASTING_S)


def _neighbour(window: Window) -> Condition:
    seen = window.state.resources
    is_bad = None if seen.cpu_cause is CpuCause.UNKNOWN else seen.cpu_cause is CpuCause.NEIGHBOUR
    return Condition("neighbour", is_bad, seen.describe(), _LASTING_S)


def _between(value: float | None, bad_above: float, well_below: float) -> bool | None:
    if value is None:
        return None
    return True if value > bad_above else _well(value < well_below)


def _well(is_well: bool) -> bool | None:  # noqa: FBT001 - it answers one question
    return False if is_well else None
