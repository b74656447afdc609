"""`onbeat stream`: one live input, its text as it is spoken."""

import sys
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.to_thread
import typer

from engine.cli.config import ConfigFile
from engine.cli.dashboard import DashboardWish, LiveDashboard, followed, live_dashboard
from engine.cli.live_inputs import LiveInput, file_input, microphone_input, raw_input
from engine.cli.model_options import Asr, Channel, DecisionFile, Language, Stages, VoskDownload, VoskModel, WorkerCount
from engine.cli.native import quiet_libraries
from engine.cli.signals import run_interruptible
from engine.cli.terminal import shares_terminal
from engine.config_sources import LoadedConfig, load_config
from engine.decision_log import DecisionLog
from engine.processor import AsyncAudioProcessor
from engine.stage_config import load_stages
from engine.stream import LiveStream
from modules.audio.buffer import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ
from modules.errors import ConfigError
from modules.events import EventType, StreamEvent
from modules.results_json import event_json

_CLEAR_LINE = "\r\x1b[K"


def stream_command(
    source: Annotated[str, typer.Argument(help="A file, - for stdin, or mic.", show_default=False)],
    *,
    realtime: Annotated[bool, typer.Option("--realtime", help="Read a file no faster than it was spoken.")] = False,
    rate: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_SAMPLE_RATE_HZ, help="stdin is raw 16-bit PCM at this rate in Hz, or the microphone's rate."
        ),
    ] = None,
    channels: Annotated[int, typer.Option(min=1, max=MAX_CHANNELS, help="Channels of raw PCM.")] = 1,
    chunk_s: Annotated[float | None, typer.Option(help="Chunk length in seconds.", show_default="0.2")] = None,
    dashboard: DashboardWish = False,
    decisions: DecisionFile = None,
    workers: WorkerCount = None,
    asr: Asr = None,
    vosk_model: VoskModel = None,
    vosk_download: VoskDownload = None,
    language: Language = None,
    channel: Channel = None,
    stages: Stages = None,
    config: ConfigFile = None,
) -> None:
    """Recognise while it is spoken: `onbeat stream talk.flac --realtime`.

    On a terminal the text appears as it is spoken; otherwise stdout gets JSON lines, one event each with its `type`:
    partial, final, endpoint, dropped, error, end. Without --rate, stdin may be any recording, which is read to its end
    first.
    """
    arguments = {
        "asr": asr,
        "vosk_model": vosk_model,
        "vosk_download": vosk_download,
        "language": language,
        "channel": channel,
        "stages": stages,
        "workers": workers,
        "chunk_s": chunk_s,
    }
    loaded = load_config(arguments, config_file=config)
    live = _input(source, rate=rate, channels=channels, realtime=realtime)
    with quiet_libraries(wanted=loaded.config.vosk_log_level >= 0):
        display = live_dashboard(f"onbeat stream {source}") if dashboard else None
        run_interruptible(lambda: _stream(live, loaded, display, decisions))


async def _stream(live: LiveInput, loaded: LoadedConfig, display: LiveDashboard | None, decisions: Path | None) -> None:
    with DecisionLog(decisions) if decisions else nullcontext() as log:
        described = load_stages(loaded.file, workers=loaded.config.workers) if loaded.file else None
        await _follow(live, AsyncAudioProcessor(loaded.config, observer=log, stages=described), display)


async def _follow(live: LiveInput, made: AsyncAudioProcessor, display: LiveDashboard | None) -> None:
    async with (
        made as processor,
        followed(display, processor.monitor),
        live.opened() as opened,
    ):
        options: dict[str, Any] = {"overload": "drop_oldest"} if live.is_unstoppable else {}
        async with (
            processor.open_stream(opened.sample_rate, **options) as stream,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_push_all, stream, opened.blocks)
            await _show(stream, display)


async def _push_all(stream: LiveStream, blocks: AsyncIterator[Any]) -> None:
    async for block in blocks:
        await stream.push(block)
    stream.end_input()


async def _show(stream: LiveStream, display: LiveDashboard | None) -> None:
    """Print events: text for a person, JSON lines for a program."""
    if display is not None and shares_terminal():
        await _show_above(stream, display)
        return
    show = _as_text if sys.stdout.isatty() else _as_json
    async for event in stream:
        text = show(event)
        if text:
            await anyio.to_thread.run_sync(_write, text)  # a slow reader must not stop the loop


async def _show_above(stream: LiveStream, display: LiveDashboard) -> None:
    """Print text for a person above the display, and in it what is being said."""
    saying = ""
    display.work = lambda: saying
    async for event in stream:
        text = _as_text(event).removeprefix(_CLEAR_LINE)
        saying = text if event.type is EventType.PARTIAL else ""
        if text.endswith("\n"):
            await anyio.to_thread.run_sync(display.tell, text.rstrip("\n"))


def _as_json(event: StreamEvent) -> str:
    return event_json(event) + "\n"


def _as_text(event: StreamEvent) -> str:
    if event.type is EventType.PARTIAL:
        return f"{_CLEAR_LINE}{event.text[-100:]}"
    if event.type is EventType.FINAL:
        said = event.text or f"speech from {event.start_s:.2f} s to {event.end_s:.2f} s"
        return f"{_CLEAR_LINE}{said}\n"
    if event.type is EventType.DROPPED:
        return f"{_CLEAR_LINE}({event.samples} samples were dropped)\n"
    if event.type is EventType.ERROR and event.error:
        return f"{_CLEAR_LINE}({event.error.message})\n"
    return ""


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _input(source: str, *, rate: int | None, channels: int, realtime: bool) -> LiveInput:
    if source == "mic":
        return microphone_input(rate or 16_000)
    if source == "-" and rate is not None:
        return raw_input(rate, channels)
    if source != "-" and not Path(source).is_file():
        raise ConfigError(f"no such file: {source}; give a file, - for stdin, or mic")
    return file_input(sys.stdin.buffer if source == "-" else Path(source), realtime=realtime)
