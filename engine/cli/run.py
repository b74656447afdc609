"""`onbeat run`: recordings in, transcripts out."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Annotated

import typer

from engine.cli.config import ConfigFile
from engine.cli.exits import Exit
from engine.cli.model_options import Asr, Channel, Language, VoskDownload, VoskModel, WorkerCount
from engine.cli.native import quiet_libraries
from engine.cli.progress import ProgressKind, Tally, progress
from engine.cli.signals import Interrupted, run_interruptible
from engine.config_sources import load_config
from engine.jobs.outputs import RESULTS_NAME, OutputFolder
from engine.jobs.run import JobOutput, JobRequest
from engine.processor import AsyncAudioProcessor
from modules.audio.formats import TranscriptFormat
from modules.errors import ConfigError
from modules.results import Status, Summary
from modules.results_json import file_from_json

_OUTPUT = "Output"


def run_command(
    paths: Annotated[list[Path], typer.Argument(help="Recordings, and folders of recordings.", show_default=False)],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the results; without it they go to stdout.",
            rich_help_panel=_OUTPUT,
            show_default=False,
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="txt, json, srt, vtt, tsv; several with commas. With -o: txt.",
            rich_help_panel=_OUTPUT,
            show_default=False,
        ),
    ] = None,
    word_times: Annotated[
        bool, typer.Option("--word-times", help="One line, row or subtitle a word.", rich_help_panel=_OUTPUT)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results that are there already.", rich_help_panel=_OUTPUT)
    ] = False,
    show: Annotated[
        ProgressKind, typer.Option("--progress", help="How progress is shown on stderr.", rich_help_panel=_OUTPUT)
    ] = ProgressKind.AUTO,
    recursive: Annotated[bool, typer.Option(help="Look into folders in folders.")] = True,
    glob: Annotated[
        str | None, typer.Option("--glob", help="Only files whose name matches, such as '*.wav'.", show_default=False)
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first file that fails.")] = False,
    workers: WorkerCount = None,
    asr: Asr = None,
    vosk_model: VoskModel = None,
    vosk_download: VoskDownload = None,
    language: Language = None,
    segmenting: Annotated[
        str | None,
        typer.Option(
            help="on cuts at silences; off feeds a file to one recogniser.", rich_help_panel="Models", show_default="on"
        ),
    ] = None,
    channel: Channel = None,
    config: ConfigFile = None,
) -> None:
    """Transcribe recordings: `onbeat run calls/ -o transcripts/`.

    Exit codes: 0 all well, 1 the run failed, 2 wrong usage, 3 some files failed, 130 interrupted, 143 terminated.
    """
    chosen = _formats(formats, default=[TranscriptFormat.TXT] if output else [])
    arguments = {
        "asr": asr,
        "vosk_model": vosk_model,
        "vosk_download": vosk_download,
        "language": language,
        "segmenting": segmenting,
        "channel": channel,
        "workers": workers,
    }
    loaded = load_config(arguments, config_file=config)
    request = JobRequest(
        paths,
        formats=chosen,
        recursive=recursive,
        glob=glob,
        fail_fast=fail_fast,
        word_times=word_times,
        exclude=output,
    )
    request.check()
    target = _target(output, chosen, overwrite=overwrite)

    with quiet_libraries(wanted=loaded.config.vosk_log_level >= 0):
        tally = progress(show)

        async def main() -> Summary:
            async with AsyncAudioProcessor(loaded.config) as processor:
                with tally:
                    return await processor.run_job(request, target, tally)

        try:
            summary = run_interruptible(main)
        except Interrupted:
            if output is not None and (output / RESULTS_NAME).exists():
                typer.echo(f"what was finished is in {output / RESULTS_NAME}", err=True)
            raise
    if output is not None:
        _show(tally)
    _report(summary, output)
    raise typer.Exit(_exit_code(summary, paths))


class StandardOutput:
    """A job's output without a folder: JSON lines for programs, text for people, or one transcript format."""

    def __init__(self, *, as_text: bool) -> None:
        """Write JSON lines, or the text of each recording when `as_text`."""
        self._as_text = as_text

    def write(self, relative: PurePath, text: str) -> None:
        """Print a transcript."""
        del relative
        sys.stdout.write(text)
        sys.stdout.flush()

    def append(self, line: str) -> None:
        """Print a line of results."""
        if not self._as_text:
            sys.stdout.write(f"{line}\n")
        elif line.startswith('{"type":"file"'):
            result = file_from_json(line)
            if result.status is Status.OK:
                sys.stdout.write(f"{result.path}\n  {result.text or '(nothing was said)'}\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Stdout stays open."""


class _OneFormat(StandardOutput):
    """Only the transcripts go to stdout."""

    def append(self, line: str) -> None:
        """No JSON between subtitles."""


def _target(output: Path | None, formats: Sequence[TranscriptFormat], *, overwrite: bool) -> JobOutput:
    if output is not None:
        folder = OutputFolder(output, overwrite=overwrite)
        folder.prepare()
        return folder
    if len(formats) > 1:
        raise ConfigError("several formats need a folder to go to: add -o DIR")
    return _OneFormat(as_text=False) if formats else StandardOutput(as_text=sys.stdout.isatty())


def _formats(text: str | None, *, default: list[TranscriptFormat]) -> list[TranscriptFormat]:
    if text is None:
        return default
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in list(TranscriptFormat):
            raise ConfigError(f"unknown format {name!r}; there are {', '.join(TranscriptFormat)}")
    return [TranscriptFormat(name) for name in names]


def _show(tally: Tally) -> None:
    """The first transcripts, a line each, in the order in which they were finished."""
    width = max(40, shutil.get_terminal_size((120, 24)).columns)
    for result in tally.first:
        typer.echo(_clipped(f"{result.path} ({result.duration_s:.1f} s, {result.backend}): {result.text}", width))
    if (more := tally.counts[Status.OK] - len(tally.first)) > 0:
        typer.echo(f"and {more} more")


def _clipped(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 3]}..."


def _report(summary: Summary, output: Path | None) -> None:
    """The summary in words: on stdout when the results are in a folder, else on stderr beside them."""
    place = f"; results in {output / RESULTS_NAME}" if output else ""
    typer.echo(
        f"{summary.files} files: {summary.ok} ok, {summary.failed} failed, {summary.skipped} skipped; "
        f"{summary.audio_s:.1f} s of audio in {summary.wall_s:.1f} s, {summary.realtime_factor:.1f}x real time{place}",
        err=output is None,
    )


def _exit_code(summary: Summary, paths: Sequence[Path]) -> Exit:
    if summary.failed:
        return Exit.SOME_FAILED
    if summary.ok:
        return Exit.WELL
    where = ", ".join(str(path) for path in paths)
    typer.echo(f"onbeat: error: no recording found in {where}: {summary.skipped} files looked at", err=True)
    return Exit.FAILED
