"""A stage that is described and not programmed: speech in a recording, found by a model that a settings file names."""

import asyncio
import tempfile
from pathlib import Path

import soundfile

from engine import AsyncAudioProcessor, BatchProcessingConfig, EventType
from engine.stage_config import StageSet, load_stages
from modules.stages.vad_silero import packaged_model

SETTINGS = """
[stage.speech]
kind = "generic"
model = "{model}"
rate_hz = 16000
window_s = 0.036          # 32 ms, and the 4 ms before them that this model wants to hear
hop_s = 0.032
lead_s = 0.004
inputs = {{ input = "audio", state = "state:stateN", sr = "rate" }}
outputs = {{ output = "scores" }}
labels = "speech.txt"
min_s = 0.3
"""


def described(folder: Path) -> StageSet:
    """The stages of an `onbeat.toml` in that folder, with the voice detector that comes with Onbeat."""
    (folder / "speech.txt").write_text("Speech\n")
    (folder / "onbeat.toml").write_text(SETTINGS.format(model=packaged_model().as_posix()))
    return load_stages(folder / "onbeat.toml")


async def main() -> None:
    """Print when somebody speaks."""
    samples, rate = soundfile.read(Path(__file__).parent / "audio" / "welcome.wav", dtype="float32")
    with tempfile.TemporaryDirectory() as folder:
        stages = described(Path(folder)).build("speech")
        async with (
            AsyncAudioProcessor(BatchProcessingConfig(asr="none")) as processor,
            processor.open_stream(rate, stages=stages, max_buffered_s=60) as stream,
        ):
            await stream.push(samples)
            stream.end_input()
            async for event in stream:
                if event.type is EventType.FINAL:
                    print(f"{event.start_s:6.2f} s to {event.end_s:6.2f} s {event.text}")


asyncio.run(main())
