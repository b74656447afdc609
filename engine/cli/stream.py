"""`onbeat stream`: one live input, its text as it is spoken."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.to_thread
import typer

from engine.cli.config import ConfigFile
from engine.cli.live_inputs import LiveInput, file_input, microphone_input, raw_input
from engine.cli.model_options import Asr, Channel, Language, VoskDownload, VoskModel, WorkerCount
from engine.cli.native import quiet_libraries
from engine.cli.signals import run_interruptible
from engine.config_sources import LoadedConfig, load_config
from engine.processor import AsyncAudioProcessor
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
    workers: WorkerCount = None,
    asr: Asr = None,
    vosk_model: VoskModel = None,
    vosk_download: VoskDownload = None,
    language: Language = None,
    channel: Channel = None,
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
        "workers": workers,
        "chunk_s": chunk_s,
    }
    loaded = load_config(arguments, config_file=config)
    live = _input(source, rate=rate, channels=channels, realtime=realtime)
    with quiet_libraries(wanted=loaded.config.vosk_log_level >= 0):
        run_interruptible(lambda: _stream(live, loaded))


async def _stream(live: LiveInput, loaded: LoadedConfig) -> None:
    async with AsyncAudioProcessor(loaded.config) as processor, live.opened() as opened:
        options: dict[str, Any] = {"overload": "drop_oldest"} if live.is_unstoppable else {}
        async with (
            processor.open_stream(opened.sample_rate, **options) as stream,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_push_all, stream, opened.blocks)
            await _show(stream)


async def _push_all(stream: LiveStream, blocks: AsyncIterator[Any]) -> None:
    async for block in blocks:
        await stream.push(block)
    stream.end_input()


async def _show(stream: LiveStream) -> None:
    """Print events: text for a person, JSON lines for a program."""
    show = _as_text if sys.stdout.isatty() else _as_json
    async for event in stream:
        text = show(event)
        if text:
            await anyio.to_thread.run_sync(_write, text)  # a slow reader must not stop the loop


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
