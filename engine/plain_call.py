"""`process_audio_file`: one recording as a plain call, for programs without an event loop."""

import asyncio

import anyio

from engine.config import BatchProcessingConfig
from engine.processor import AsyncAudioProcessor
from modules.audio.source import Source
from modules.results import FileResult


def process_audio_file(source: Source, config: BatchProcessingConfig | None = None) -> FileResult:
    """The transcript of one recording, as a plain call.

    Raises `DecodeError` and `ModelError`; `RuntimeError` inside a running event loop, where `process_file` is awaited.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return anyio.run(_process_one, source, config)
    raise RuntimeError(
        "process_audio_file() would block the running event loop: await AsyncAudioProcessor.process_file()"
    )


async def _process_one(source: Source, config: BatchProcessingConfig | None) -> FileResult:
    async with AsyncAudioProcessor(config) as processor:
        return await processor.process_file(source)
