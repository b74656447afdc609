"""A stage of one's own: the loudness of three live streams, chunk by chunk, in model calls that the streams share."""

import asyncio
from collections.abc import Sequence

import numpy as np

from engine import AsyncAudioProcessor, AudioBuffer, BatchProcessingConfig, EventType

RATE_HZ = 16_000


class Loudness:
    """A `BatchStage`: a chunk in, its loudness out, in dB of full scale. A batch holds chunks of any streams."""

    def process(self, batch: Sequence[AudioBuffer]) -> list[float]:
        """One number for each chunk, in the same order."""
        powers = [float(np.mean(np.square(chunk.samples))) for chunk in batch]
        return [10 * float(np.log10(power + 1e-12)) for power in powers]


async def listen(processor: AsyncAudioProcessor, stage: Loudness, amplitude: float) -> str:
    """The loudness of a second of a tone, a number a chunk of 0.2 s."""
    tone = amplitude * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)
    async with processor.open_stream(RATE_HZ, stages=[stage]) as stream:
        await stream.push(tone)
        stream.end_input()
        return " ".join([f"{event.value:6.1f}" async for event in stream if event.type is EventType.FINAL])


async def main() -> None:
    """Print a line a stream."""
    stage = Loudness()
    amplitudes = (1.0, 0.1, 0.01)
    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none")) as processor:
        lines = await asyncio.gather(*(listen(processor, stage, amplitude) for amplitude in amplitudes))
    for amplitude, line in zip(amplitudes, lines, strict=True):
        print(f"amplitude {amplitude:4.2f}: {line} dB")


asyncio.run(main())
