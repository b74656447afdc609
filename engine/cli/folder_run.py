"""A folder run from its order to its exit code, as `onbeat run` and `onbeat jobs resume` both have it."""

import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from engine.cli.crash_note import CrashNote
from engine.cli.dashboard import DashboardTally, followed, live_dashboard
from engine.cli.exits import Exit, Interrupted
from engine.cli.native import quiet_libraries
from engine.cli.progress import ProgressKind, Tally, progress
from engine.cli.signals import run_interruptible
from engine.cli.standard_output import OneFormat, StandardOutput
from engine.cli.supervisor import supervise
from engine.config import BatchProcessingConfig
from engine.jobs.outputs import RESULTS_NAME
from engine.jobs.place import JobPlace, Start
from engine.jobs.request import JobOutput, JobRequest
from engine.jobs.work import OnHang
from engine.processor import AsyncAudioProcessor
from engine.stage_config import StageSet
from modules.errors import ConfigError, ModelError
from modules.results import Summary


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, where the results go (`None` is stdout), and how progress is shown."""

    config: BatchProcessingConfig
    request: JobRequest
    output: Path | None
    start: Start = Start.RESUME
    show: ProgressKind = ProgressKind.AUTO
    dashboard: bool = False
    stages: StageSet | None = None
    """Those that the setting `stages` names, as `onbeat.toml` describes them."""

    def check(self) -> None:
        """Raise `ConfigError` for what cannot be run, before anything is begun."""
        self.request.check()
        if self.output is None and (self.request.watch or self.request.retry_failed):
            raise ConfigError("--watch and --retry-failed need a folder that keeps the journal: add -o DIR")
        if self.output is None and len(self.request.formats) > 1:
            raise ConfigError("several formats need a folder to go to: add -o DIR")
        if self.dashboard and self.show is not ProgressKind.AUTO:
            raise ConfigError("--dashboard shows progress itself: leave out --progress")


def carry_out(order: Order) -> Exit:
    """Run it and report. Raises `OnbeatError`, of which `Interrupted` is one."""
    order.check()
    output = order.output
    with ExitStack() as stack:
        target: JobOutput | JobPlace = _standard_output(order.request)
        note: CrashNote | None = None
        if output is not None:
            crashes = supervise()
            target = stack.enter_context(JobPlace(output, Start.RESUME if crashes else order.start))
            if crashes and not target.in_hand.left:
                raise ModelError(f"native code crashed while no recording was in hand: {target.crash}")
            note = stack.enter_context(CrashNote(target.crash_file))
        stack.enter_context(quiet_libraries(wanted=order.config.vosk_log_level >= 0))
        tally, summary = _run(order, target, note.hung if note else None)
    if output is not None:
        _show(tally)
    _report(summary, tally, output)
    return _exit_code(summary, order.request.paths)


def _run(order: Order, target: JobOutput | JobPlace, on_hang: OnHang | None) -> tuple[Tally, Summary]:
    display = live_dashboard("onbeat run") if order.dashboard else None
    tally = DashboardTally(display) if display else progress(order.show)
    processor = AsyncAudioProcessor(order.config, stages=order.stages)

    async def main() -> Summary:
        async with processor, followed(display, processor.monitor):
            with tally:
                return await processor.run_job(order.request, target, tally, on_hang)

    try:
        return tally, run_interruptible(main, drain=processor.drain)
    except Interrupted:
        if order.output is not None and (order.output / RESULTS_NAME).exists():
            typer.echo(f"what was finished is in {order.output / RESULTS_NAME}; run it again to go on", err=True)
        raise


def _standard_output(request: JobRequest) -> JobOutput:
    return OneFormat(as_text=False) if request.formats else StandardOutput(as_text=sys.stdout.isatty())


def _show(tally: Tally) -> None:
    """The first transcripts, a line each, in the order in which they were finished."""
    width = max(40, shutil.get_terminal_size((120, 24)).columns)
    for result in tally.first:
        typer.echo(_clipped(f"{result.path} ({result.duration_s:.1f} s, {result.backend}): {result.text}", width))
    if (more := tally.recognised - len(tally.first)) > 0:
        typer.echo(f"and {more} more")


def _clipped(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 3]}..."


def _report(summary: Summary, tally: Tally, output: Path | None) -> None:
    """The summary in words: on stdout when the results are in a folder, else on stderr beside them."""
    place = f"; results in {output / RESULTS_NAME}" if output else ""
    before = f"; {tally.kept} of them were done before" if tally.kept else ""
    typer.echo(
        f"{summary.files} files: {summary.ok} ok, {summary.failed} failed, {summary.skipped} skipped; "
        f"{summary.audio_s:.1f} s of audio in {summary.wall_s:.1f} s, {summary.realtime_factor:.1f}x real time"
        f"{before}{place}",
        err=output is None,
    )
    if tally.kept_failed:
        typer.echo(
            f"{tally.kept_failed} failed in an earlier run and were not tried again: "
            f"`onbeat jobs show {output}` says why, `onbeat jobs retry-failed {output}` tries them again",
            err=True,
        )


def _exit_code(summary: Summary, paths: Sequence[Path]) -> Exit:
    if summary.failed:
        return Exit.SOME_FAILED
    if summary.ok:
        return Exit.WELL
    where = ", ".join(str(path) for path in paths)
    typer.echo(f"onbeat: error: no recording found in {where}: {summary.skipped} files looked at", err=True)
    return Exit.FAILED
