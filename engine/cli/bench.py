"""`onbeat bench`: how many live streams this machine carries with these models, measured in a minute."""

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.bench.capacity import SECONDS, CapacityWish, measure_capacity
from engine.cli.bench_chart import StreamsAgainstP99
from engine.cli.bench_outputs import BenchOutputs
from engine.cli.bench_words import answer, begun, is_too_short
from engine.cli.config import ConfigFile
from engine.cli.exits import Exit
from engine.cli.model_options import Asr, Language, Stages, VoskDownload, VoskModel, WorkerCount
from engine.cli.native import quiet_libraries
from engine.cli.signals import run_interruptible
from engine.config_sources import load_config
from engine.stage_config import load_stages
from engine.version import __version__
from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.errors import ConfigError
from modules.measuring.results import Report, ScenarioResult
from modules.measuring.this_machine import this_machine, versions

MAX_SOUND_S = 60.0
"""So much of a recording is sent, over and over."""

MIN_SOUND_S = 1.0

_LEAST_S, _MOST_S = 10.0, 3600.0
_OUTPUT = "Output"

OutputFile = Path | None


def bench_command(
    recording: Annotated[
        Path | None,
        typer.Argument(help="What the streams say, over and over; else made-up speech.", show_default=False),
    ] = None,
    *,
    seconds: Annotated[float, typer.Option(min=_LEAST_S, max=_MOST_S, help="About how long to measure.")] = SECONDS,
    target_ms: Annotated[
        float | None, typer.Option(help="Chunk latency promised for 99 of 100 chunks.", show_default="300")
    ] = None,
    json_file: Annotated[
        OutputFile, typer.Option("--json", help="Write the report as JSON.", rich_help_panel=_OUTPUT)
    ] = None,
    html_file: Annotated[
        OutputFile, typer.Option("--html", help="Write the report as a page.", rich_help_panel=_OUTPUT)
    ] = None,
    png_file: Annotated[
        OutputFile, typer.Option("--png", help="Write the picture of streams and p99.", rich_help_panel=_OUTPUT)
    ] = None,
    workers: WorkerCount = None,
    asr: Asr = None,
    vosk_model: VoskModel = None,
    vosk_download: VoskDownload = None,
    language: Language = None,
    stages: Stages = None,
    config: ConfigFile = None,
) -> None:
    """Measure how many live streams this machine carries at once: `onbeat bench --vosk-model DIR`.

    Loads are tried until one is too much. Exit codes: 0 measured, 1 failed, or measured but not to be trusted because
    the machine was busy with something else, 2 wrong usage, 130 interrupted.
    """
    outputs = BenchOutputs(json_file, html_file, png_file)
    outputs.check()
    arguments = {
        "p99_chunk_latency_ms": target_ms,
        "workers": workers,
        "asr": asr,
        "vosk_model": vosk_model,
        "vosk_download": vosk_download,
        "language": language,
        "stages": stages,
    }
    loaded = load_config(arguments, config_file=config)
    sound = _sound(recording) if recording else None
    machine, started = this_machine(), datetime.now(UTC).isoformat(timespec="seconds")
    _tell(begun(loaded.config, seconds))
    described = load_stages(loaded.file) if loaded.file else None
    wish = CapacityWish(seconds=seconds, sound=sound, stages=described)
    with quiet_libraries(wanted=loaded.config.vosk_log_level >= 0):
        found = run_interruptible(lambda: measure_capacity(loaded.config, wish, _tell))
    report = Report(
        machine,
        started,
        mode="bench",
        seconds=found.seconds,
        onbeat=__version__,
        command=shlex.join(["onbeat", *sys.argv[1:]]),
        versions=versions(),
        scenarios=(found,),
    )
    _show(found, report)
    for path in outputs.write(report):
        _tell(f"written: {path}")
    if not found.is_valid or is_too_short(found):
        raise typer.Exit(Exit.FAILED)


def _sound(recording: Path) -> AudioBuffer:
    """The recording's first minute. Raises `ConfigError` where there is none to speak of, and `DecodeError`."""
    if not recording.is_file():
        raise ConfigError(f"no such file: {recording}; give a recording, or none for made-up speech")
    with open_audio(recording) as opened:
        sound = next(iter(opened.blocks(MAX_SOUND_S)), None)
    if sound is None or sound.duration_s < MIN_SOUND_S:
        raise ConfigError(f"{recording} is too short: streams need at least {MIN_SOUND_S:g} s of something to say")
    return sound


def _tell(sentence: str) -> None:
    typer.echo(f"onbeat: {sentence}", err=True)


def _show(found: ScenarioResult, report: Report) -> None:
    """The answer in words; on a terminal under a picture."""
    plot = next((plot for plot in found.plots if plot.name == "p99_over_streams" and plot.limit), None)
    if plot is not None and sys.stdout.isatty():
        Console().print(StreamsAgainstP99(plot))
        typer.echo()
    typer.echo("\n".join(answer(found, report.machine)))
