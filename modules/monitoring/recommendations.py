"""What would help, in plain words with the numbers that say so. Pure: it is given one window and the target."""

from modules.monitoring.engine_state import BatchState, EngineState
from modules.monitoring.memory_share import memory_share
from modules.monitoring.pressure import CpuCause
from modules.monitoring.targets import PerformanceTarget
from modules.monitoring.windows import Window
from modules.monitoring.wording import counted, in_ms, percent

_EXPLAINED = 0.5
"""Waiting and service of all stages that are less than this share of p99 do not explain it."""

_MEMORY_SHORT = 0.9


def recommendations(target: PerformanceTarget, window: Window) -> tuple[str, ...]:
    """What to do about what was seen in the window, the most pressing first; nothing when all is well."""
    found = (
        _late(target, window),
        _failed(window),
        _dropped(window),
        _suspended(window),
        _memory(target, window.state),
        *(_batch(batch) for batch in window.state.batches),
    )
    return tuple(words for words in found if words)


def _late(target: PerformanceTarget, window: Window) -> str:
    if window.latency is None or window.latency.p99_s * 1e3 <= target.p99_chunk_latency_ms:
        return ""
    p99 = f"p99 is {in_ms(window.latency.p99_s)}"
    if not window.stages:
        return f"{p99}, but no stage was told of: where the time goes is not known."
    waiting = max(window.stages, key=lambda stage: stage.queue.p99_s)
    working = max(window.stages, key=lambda stage: stage.service.p99_s)
    explained_s = sum(stage.queue.p99_s + stage.service.p99_s for stage in window.stages)
    if explained_s < _EXPLAINED * window.latency.p99_s:
        times = _times("any stage", waiting.queue.p99_s, working.service.p99_s)
        return (
            f"{p99}, but {times}: the rest is spent outside the workers. "
            "Whoever keeps the event loop busy, or reads a stream's events late, should do so on a thread."
        )
    if waiting.queue.p99_s >= working.service.p99_s:
        times = _times(waiting.stage, waiting.queue.p99_s, waiting.service.p99_s)
        return f"{p99} because chunks wait for a worker: {times}. {_more_workers(window)}"
    times = _times(working.stage, working.queue.p99_s, working.service.p99_s)
    return f"{p99} because calls take long: {times}. {_shorter_calls(window, working.stage)}"


def _times(stage: str, queue_s: float, service_s: float) -> str:
    return f"99 of 100 calls of {stage} wait at most {in_ms(queue_s)} and take at most {in_ms(service_s)}"


def _more_workers(window: Window) -> str:
    seen = window.state.resources
    match seen.cpu_cause:
        case CpuCause.QUOTA:
            return f"{seen.describe()} Raise the quota, or admit fewer streams."
        case CpuCause.NEIGHBOUR:
            return f"{seen.describe()} Give this process CPUs of its own, or admit fewer streams."
        case CpuCause.OWN_WORK | CpuCause.UNKNOWN:
            return f"{seen.describe()} Admit fewer streams, take a smaller model, or add a machine."
        case CpuCause.NOTHING:
            return f"{seen.describe()} {_idle_cpus(window)}"


def _idle_cpus(window: Window) -> str:
    """What to say when chunks wait although the CPUs are not all used."""
    workers, cpus = window.state.plan.workers, window.state.resources.cpus
    if workers is not None and cpus is not None and workers + 1 <= cpus:
        return f"Only {workers} of {cpus:g} CPUs have a worker: leave `workers` to Onbeat."
    return "A stage that waits for something else, or holds the interpreter lock, keeps the workers."


def _shorter_calls(window: Window, stage: str) -> str:
    for batch in window.state.batches:
        if batch.kind == stage and batch.knee and batch.mean_batch is not None and batch.mean_batch > 2 * batch.knee:
            return f"{batch.mean_batch:.0f} chunks share a call, {batch.knee} would do: lower `max_batch`."
    return "Take a smaller or a quantised model, or shorter chunks."


def _failed(window: Window) -> str:
    failed = window.counts.failed
    return f"{counted(failed, 'chunk')} failed: the `error` events of their streams say why." if failed else ""


def _dropped(window: Window) -> str:
    if not window.counts.dropped:
        return ""
    return (
        f"Samples were dropped {counted(window.counts.dropped, 'time')}, since more came than was processed: "
        "admit fewer streams, or give them a longer `max_buffered_s` if this was a burst."
    )


def _suspended(window: Window) -> str:
    suspended, open_now = window.state.streams_suspended, window.state.streams_open
    if not suspended:
        return ""
    others = "the others" if open_now is None else f"the other {max(0, open_now - suspended):,}"
    held = f"{counted(suspended, 'stream')} suspended so that {others} stay on time"
    return f"{held}: add a machine, or take a smaller model."


def _memory(target: PerformanceTarget, state: EngineState) -> str:
    used = memory_share(target, state)
    if used is None or used.share < _MEMORY_SHORT:
        return ""
    return f"{percent(used.share)} of {used.of} are in use: raise {used.setting}, or lower `max_streams`."


def _batch(batch: BatchState) -> str:
    if not batch.cap or not batch.knee or batch.cap >= batch.knee:
        return ""
    return f"Calls of {batch.kind} may share {batch.cap} chunks, {batch.knee} would be best: raise `max_batch`."
