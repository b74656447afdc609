"""`onbeat run`: recordings in, transcripts out."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.config import ConfigFile
from engine.cli.dashboard import DashboardWish
from engine.cli.folder_run import Order, carry_out
from engine.cli.model_options import Asr, Channel, Language, Stages, VoskDownload, VoskModel, WorkerCount
from engine.cli.progress import ProgressKind
from engine.cli.run_options import Isolate, MaxAttempts, MaxFileSeconds, Overwrite, Resume, RetryFailed, Watch
from engine.config_sources import load_config
from engine.jobs.place import Start
from engine.jobs.request import JobRequest
from engine.stage_config import load_stages
from modules.audio.formats import TranscriptFormat
from modules.errors import ConfigError

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
    show: Annotated[
        ProgressKind, typer.Option("--progress", help="How progress is shown on stderr.", rich_help_panel=_OUTPUT)
    ] = ProgressKind.AUTO,
    dashboard: DashboardWish = False,
    recursive: Annotated[bool, typer.Option(help="Look into folders in folders.")] = True,
    glob: Annotated[
        str | None, typer.Option("--glob", help="Only files whose name matches, such as '*.wav'.", show_default=False)
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first file that fails.")] = False,
    resume: Resume = True,
    overwrite: Overwrite = False,
    retry_failed: RetryFailed = False,
    watch: Watch = False,
    max_attempts: MaxAttempts = None,
    max_file_s: MaxFileSeconds = None,
    isolate: Isolate = None,
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
    stages: Stages = None,
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
        "stages": stages,
        "workers": workers,
        "max_attempts": max_attempts,
        "max_file_s": max_file_s,
        "isolate": isolate,
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
        retry_failed=retry_failed,
        watch=watch,
        described_in=loaded.file,
    )
    start = Start.of(resume=resume, overwrite=overwrite)
    described = load_stages(loaded.file, workers=loaded.config.workers) if loaded.file else None
    raise typer.Exit(carry_out(Order(loaded.config, request, output, start, show, dashboard, described)))


def _formats(text: str | None, *, default: list[TranscriptFormat]) -> list[TranscriptFormat]:
    if text is None:
        return default
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in list(TranscriptFormat):
            raise ConfigError(f"unknown format {name!r}; there are {', '.join(TranscriptFormat)}")
    return [TranscriptFormat(name) for name in names]
