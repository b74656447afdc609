"""What `onbeat bench` says: what is measured, and the answer, in sentences."""

from engine.config import BatchProcessingConfig
from modules.measuring.report_words import amount, duration, interval, number
from modules.measuring.results import Machine, ScenarioResult, Side
from modules.stages.recognisers import RecogniserWish, choose


def begun(config: BatchProcessingConfig, seconds: float) -> str:
    """What is about to be measured. Raises `ModelError` where there is no recogniser such as the settings want."""
    wish = RecogniserWish(
        asr=config.asr, vosk_model=config.vosk_model, vosk_download=config.vosk_download, language=config.language
    )
    choice = choose(wish)
    model = f" ({choice.model.name})" if choice.model else ""
    what = "voice detection alone" if choice.backend == "none" else f"recogniser {choice.backend}{model}"
    return (
        f"measuring {what}, p99 chunk latency at most {number(config.p99_chunk_latency_ms)} ms, "
        f"for about {duration(seconds)}; leave the machine alone meanwhile"
    )


def answer(found: ScenarioResult, machine: Machine) -> list[str]:
    """The answer, how good it is, and what to know of it: a sentence a line."""
    side = found.sides[0] if found.sides else Side("onbeat")
    streams = side.figure("streams")
    return [
        _carried(streams.value if streams else 0.0, found, machine),
        *_latencies(side),
        *_buffers(side),
        *(f"{note[:1].upper()}{note[1:]}." for note in found.notes),
        *_doubts(found),
    ]


def _carried(streams: float, found: ScenarioResult, machine: Machine) -> str:
    limits = [plot.limit for plot in found.plots if plot.name == "p99_over_streams" and plot.limit]
    within = f"within {number(limits[0])} ms" if limits else "on time"
    if is_too_short(found):
        return "The time was too short to say how many streams this machine carries: give it more with --seconds."
    if not streams:
        return f"This machine does not carry a single such stream: fewer than 99 of 100 chunks are answered {within}."
    a_cpu = f", {number(streams / machine.effective_cpus)} a CPU" if machine.effective_cpus > 1 else ""
    noun = "stream" if streams == 1 else "streams"
    return f"This machine carries {number(streams)} live {noun} at once{a_cpu}: 99 of 100 chunks are answered {within}."


def is_too_short(found: ScenarioResult) -> bool:
    """Whether some streams were answered in time in a trial, and still no number was found."""
    streams = found.sides[0].figure("streams") if found.sides else None
    if streams and streams.value:
        return False
    tried = [plot for plot in found.plots if plot.name == "p99_over_streams" and plot.limit]
    return any(p99_ms <= (plot.limit or 0.0) for plot in tried for line in plot.lines for _, p99_ms in line.points)


def _latencies(side: Side) -> list[str]:
    """The quantiles at that load, as far as they were measured."""
    told = []
    for figure in side.figures:
        if figure.name in ("p99", "p50", "on time"):
            spread = f" ({interval(figure)})" if interval(figure) else ""
            told.append(f"{figure.name} {amount(figure.value, figure.unit)}{spread}")
    return [f"With so many: {', '.join(told)}."] if told else []


def _buffers(side: Side) -> list[str]:
    """How often the buffer pool had a block, a line for each walk that leases."""
    return [
        f"Buffer pool: {amount(figure.value, figure.unit)} of {figure.note} found a block."
        for figure in side.figures
        if figure.name.startswith("pool hits")
    ]


def _doubts(found: ScenarioResult) -> list[str]:
    if not found.invalid:
        return []
    return [f"NOT TO BE TRUSTED: {'; '.join(found.invalid)}. Close what else runs here and measure again."]
