"""Find speech without recognising it: one line a stretch, from samples in memory."""

import asyncio
from pathlib import Path

import soundfile

from engine import AsyncAudioProcessor, BatchProcessingConfig

SAMPLE = Path(__file__).parent / "audio" / "welcome.wav"


async def main() -> None:
    """Print the stretches of speech of one sample."""
    samples, rate = soundfile.read(SAMPLE, dtype="float32")
    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none")) as processor:
        result = await processor.process(samples, sample_rate=rate)
    for segment in result.segments:
        print(f"{segment.start_s:6.2f} s to {segment.end_s:6.2f} s")


asyncio.run(main())
