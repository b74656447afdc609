"""Transcribe the sample recordings from an asyncio program, several at once, and print them as they finish."""

import asyncio
from pathlib import Path

from engine import AsyncAudioProcessor, Status

SAMPLES = Path(__file__).parent / "audio"


async def main() -> None:
    """Print a line a recording."""
    recordings = sorted(path for path in SAMPLES.iterdir() if path.suffix in {".wav", ".flac", ".m4a"})
    async with AsyncAudioProcessor() as processor:
        async for result in processor.process_files(recordings):
            said = result.text if result.status is Status.OK else f"failed: {result.error}"
            print(f"{Path(result.path).name:24} {result.duration_s:5.1f} s  {said}")


asyncio.run(main())
