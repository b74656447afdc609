"""The sections of the live dashboard, each from the frozen data alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from modules.monitoring.compliance import Standing
from modules.monitoring.dashboard import Dashboard
from modules.monitoring.trend import Direction
from modules.monitoring.windows import StageWindow, Window
from modules.monitoring.wording import counted, in_ms, percent

SHOWN_WINDOWS = 60
"""Windows in the row of p99s: a minute at one a second."""

_SHOWN_STAGES = 5
_LABEL_COLUMNS = 9
_BAR_COLUMNS = 16
_LEVELS, _ASCII_LEVELS = "▁▂▃▄▅▆▇█", "._-=+*#@"
_NEAR = 0.8  # of a limit: from here on it is yellow
_WORTH_A_WORD = 0.005  # of the time: less would be shown as 0 %
_MB = 2**20

_PROMISES = {
    "p99_chunk_latency_ms": "chunk latency",
    "pipeline_latency_ms": "pipeline",
    "memory_mb": "memory",
    "cpu_percent": "CPU",
    "throughput_chunks_per_s": "throughput",
}
_STANDINGS = {
    Standing.BROKEN: ("broken", "bold red"),
    Standing.KEPT: ("kept", "green"),
    Standing.UNKNOWN: ("cannot be told", "dim"),
}


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is said: lines a sentence may take, and how many sentences of each sort."""

    sentence_lines: int
    alerts: int
    advice: int
    decisions: int


def streams(shown: Dashboard) -> RenderableType:
    """How many there are of what."""
    state = shown.state
    told = [f"{counted(state.streams_open, 'stream')} open"] if state.streams_open else ["no live streams"]
    if state.streams_open is None:
        told = [] if shown.totals.counts.chunks else told
    if state.streams_suspended:
        told.append(f"{state.streams_suspended:,} suspended")
    if state.streams_open and state.chunks_waiting is not None:
        told.append(f"{counted(state.chunks_waiting, 'chunk')} waiting")
    if shown.totals.recorded_audio_s:
        factor = shown.recent.recorded_factor if shown.recent else 0.0
        told.append(f"recordings at {factor:,.1f}x real time")
    return Text(", ".join(told) or "live streams")


def latency(shown: Dashboard) -> RenderableType | None:
    """Quantiles against the target and the last minute; nothing when only recordings are worked on."""
    target_ms, counts = shown.target.p99_chunk_latency_ms, shown.totals.counts
    if not counts.chunks and shown.totals.folder:
        return None
    rows = _rows()
    recent = shown.recent.latency if shown.recent else None
    if recent is None:
        quiet = "nothing was answered of late" if counts.answered else "no live chunk yet"
        rows.add_row("p99", Text(f"{quiet}; the target is {target_ms:g} ms", style="dim"))
    else:
        p99_ms = recent.p99_s * 1e3
        said = Text.assemble((f"{p99_ms:,.0f} ms", f"bold {_style(p99_ms / target_ms)}"), f" of {target_ms:g} ms")
        rows.add_row("p99", _beside(_bar(p99_ms, target_ms), said.append(_going(shown))))
        rows.add_row("a minute", Sparkline(shown.windows, target_ms))
        p50_ms, p95_ms, max_ms = (seconds * 1e3 for seconds in (recent.p50_s, recent.p95_s, recent.max_s))
        rows.add_row("latency", f"p50 {p50_ms:,.0f} ms, p95 {p95_ms:,.0f} ms, max {max_ms:,.0f} ms")
    if counts.chunks:
        rows.add_row("on time", _on_time(shown))
    return rows


def _going(shown: Dashboard) -> str:
    """Where p99 goes, when that is beyond chance."""
    going = next((trend for trend in shown.trends if trend.name == "p99_latency_ms"), None)
    if going is None or going.per_minute is None or going.direction is Direction.STEADY:
        return ""
    return f", {going.direction} by {abs(going.per_minute):,.0f} ms/min"


class Sparkline:
    """A cell a window, the last ones that fit: its p99, red above the target, empty where nothing was answered.

    Full height is the target, or the highest value where one is above it.
    """

    def __init__(self, windows: Sequence[Window], target_ms: float) -> None:
        """Show the last `SHOWN_WINDOWS` at most."""
        self._target_ms = target_ms
        self._p99s = [window.latency.p99_s * 1e3 if window.latency else None for window in windows[-SHOWN_WINDOWS:]]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as there are windows."""
        del console
        return Measurement(1, max(1, len(self._p99s))).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One line."""
        del console
        levels = _ASCII_LEVELS if options.ascii_only else _LEVELS
        full = max([self._target_ms, *(p99 for p99 in self._p99s if p99 is not None)])
        row = Text(no_wrap=True, overflow="crop")
        for p99 in self._p99s[-options.max_width :]:
            level = " " if p99 is None else levels[min(len(levels) - 1, int(p99 / full * len(levels)))]
            row.append(level, None if p99 is None else _style(p99 / self._target_ms))
        yield row


def _on_time(shown: Dashboard) -> Text:
    counts, percent = shown.totals.counts, 100 * shown.totals.on_time_fraction
    style = "green" if percent >= 99 else "bold red"  # noqa: PLR2004 - what a p99 promises
    lost = [f"{count:,} {what}" for count, what in ((counts.failed, "failed"), (counts.dropped, "dropped")) if count]
    speed = f", {shown.recent.answered_per_s:,.0f} a second" if shown.recent else ""
    rest = "".join(f", {each}" for each in lost)
    return Text.assemble((_percent(percent), style), f" of {counts.chunks:,} chunks{speed}{rest}")


def _percent(percent: float) -> str:
    """Two places, and never 100 where one was missed."""
    return "100 %" if percent == 100 else f"{min(percent, 99.99):.2f} %"  # noqa: PLR2004 - all of them


def machine(shown: Dashboard) -> RenderableType:
    """CPUs, memory and the plan in force."""
    rows = _rows()
    seen = shown.state.resources
    if seen.cpus is None or seen.own_cpus is None:
        rows.add_row("CPUs", Text("not known", style="dim"))
    else:
        told = [f"{seen.own_cpus:.2f} of {seen.cpus:g}"]
        told += [] if seen.neighbour_cpus is None else [f"others {seen.neighbour_cpus:.2f}"]
        shares = (("waiting", seen.run_queue_wait), ("throttled", seen.throttled))
        told += [f"{what} {percent(share)}" for what, share in shares if share and share >= _WORTH_A_WORD]
        rows.add_row("CPUs", _beside(_bar(seen.own_cpus, seen.cpus), Text(", ".join(told))))
    own_mb = None if seen.unique_set_bytes is None else seen.unique_set_bytes / _MB
    if seen.memory_used_bytes is not None and seen.memory_limit_bytes is not None:
        used_mb, limit_mb = seen.memory_used_bytes / _MB, seen.memory_limit_bytes / _MB
        own = "" if own_mb is None else f", own {own_mb:,.0f} MB"
        rows.add_row("memory", _beside(_bar(used_mb, limit_mb), Text(f"{used_mb:,.0f} of {limit_mb:,.0f} MB{own}")))
    elif own_mb is not None:
        rows.add_row("memory", f"own {own_mb:,.0f} MB")
    if plan := _plan(shown):
        rows.add_row("plan", plan)
    return rows


def _plan(shown: Dashboard) -> str:
    plan = shown.state.plan
    told = (
        f"chunks of {plan.chunk_s:g} s" if plan.chunk_s is not None else "",
        counted(plan.workers, "worker") if plan.workers is not None else "",
        f"at most {counted(plan.admitted_streams, 'stream')}" if plan.admitted_streams is not None else "",
        f"recordings {percent(plan.folder_share)}" if plan.folder_share is not None else "",
        "no partials" if plan.partials is False else "",
        "no new streams" if plan.accepts_streams is False else "",
        *plan.rungs,
    )
    return ", ".join(part for part in told if part)


def alerts(shown: Dashboard, detail: Detail) -> RenderableType:
    """What has been bad for a while, the longest first."""
    if not shown.alerts:
        return sentences("alerts", [Text("none", style="dim")], detail) or Text("")
    now_s = shown.windows[-1].end_s if shown.windows else 0.0
    told = [
        Text.assemble((f"{alert.name} for {now_s - alert.since_s:,.0f} s: ", "bold red"), alert.words)
        for alert in shown.alerts[: detail.alerts]
    ]
    if (more := len(shown.alerts) - detail.alerts) > 0:
        told.append(Text(f"and {more} more: {', '.join(alert.name for alert in shown.alerts[detail.alerts :])}"))
    return sentences("alerts", told, detail) or Text("")


def stages(shown: Dashboard) -> RenderableType | None:
    """A row a stage: of live streams first, then of recordings."""
    recent, batches = shown.recent, {batch.kind: batch for batch in shown.state.batches}
    live = {stage.stage: stage for stage in recent.stages} if recent else {}
    rows = Table(box=None, pad_edge=False, padding=(0, 0, 0, 2), header_style="dim", expand=True)
    rows.add_column("stage", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("calls/s", "wait p99", "p50", "p99", *(("batch", "knee", "cap") if batches else ())):
        rows.add_column(name, justify="right", no_wrap=True)
    for name in list(dict.fromkeys((*live, *batches)))[:_SHOWN_STAGES]:
        batch = batches.get(name)
        sizes = (batch.mean_batch, batch.knee, batch.cap) if batch else (None, None, None)
        rows.add_row(name, *_times(live.get(name), recent), *(map(_size, sizes) if batches else ()))
    for stage in recent.folder if recent else ():
        rows.add_row(f"{stage.stage} of recordings", *_times(stage, recent))
    return rows if rows.row_count else None


def _times(stage: StageWindow | None, recent: Window | None) -> tuple[str, str, str, str]:
    if stage is None or recent is None:
        return ("", "", "", "")
    wait, p50, p99 = (in_ms(seconds) for seconds in (stage.queue.p99_s, stage.service.p50_s, stage.service.p99_s))
    return (f"{stage.service.count / recent.duration_s:,.0f}", wait, p50, p99)


def _size(size: float | None) -> str:
    return "" if size is None else f"{size:g}" if isinstance(size, int) else f"{size:.1f}"


def promises(shown: Dashboard) -> RenderableType:
    """How the promises stand, by how they stand."""
    told = Text()
    for standing, (word, style) in _STANDINGS.items():
        if names := [_PROMISES[promise.name] for promise in shown.promises if promise.standing is standing]:
            told.append("; " if told else "").append(f"{word}: {', '.join(names)}", style)
    rows = _rows()
    rows.add_row("promises", told)
    return rows


def sentences(label: str, told: Sequence[str | Text], detail: Detail) -> RenderableType | None:
    """Sentences under a label, none longer than the detail allows."""
    if not told:
        return None
    rows = _rows()
    for number, sentence in enumerate(told):
        words = sentence if isinstance(sentence, Text) else Text(sentence)
        rows.add_row("" if number else label, Clipped(words, detail.sentence_lines))
    return rows


class Clipped:
    """A sentence on a limited number of lines; what does not fit ends in an ellipsis."""

    def __init__(self, words: Text, max_lines: int) -> None:
        """Show `words` on `max_lines` at most."""
        self._words = words
        self._max_lines = max_lines

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as the words."""
        return Measurement.get(console, options, self._words)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines."""
        lines = self._words.wrap(console, options.max_width)
        kept = list(lines[: self._max_lines])
        if len(lines) > len(kept):
            kept[-1].truncate(options.max_width - 1)
            kept[-1].rstrip()
            kept[-1].append("…")
        yield from kept


def _rows() -> Table:
    rows = Table.grid(padding=(0, 1, 0, 0))
    rows.add_column(style="dim", min_width=_LABEL_COLUMNS, no_wrap=True)
    rows.add_column()
    return rows


def _beside(bar: ProgressBar, words: Text) -> RenderableType:
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_row(bar, words)
    return rows


def _bar(value: float, limit: float) -> ProgressBar:
    style = _style(value / limit)
    return ProgressBar(limit, min(value, limit), width=_BAR_COLUMNS, complete_style=style, finished_style=style)


def _style(share: float) -> str:
    """Of a limit that is used up so far."""
    return "red" if share > 1 else "yellow" if share > _NEAR else "green"
