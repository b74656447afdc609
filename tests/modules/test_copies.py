"""How often a sample is copied on its way: the counts of docs/memory.md, stage by stage.

A stage that hands on a view of what it got has not copied; one that computes new samples had to.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.audio.downmix import Downmix
from modules.audio.grains import GrainCutter
from modules.audio.resample import Resampler
from modules.batching.intake import Intake
from modules.batching.segments import SegmentRules
from modules.models.onnx import OnnxModel
from modules.stages.fused import OneStream
from modules.stages.segmenter import CuttingSession, SpeechPiece, WholeGrains
from modules.stages.vad_silero import GRAIN_FRAMES, Heard, SileroDetector, packaged_model
from tests.fakes import ramp, write_wav

RATE_HZ = 16_000
BLOCK_FRAMES = 5 * RATE_HZ

Payload = AudioBuffer | Heard | SpeechPiece
Feed = Callable[[AudioBuffer], Sequence[Payload]]


def samples_of(payload: Payload) -> NDArray[Any]:
    """The samples in whatever a stage gives, as it has them."""
    audio = payload if isinstance(payload, AudioBuffer) else payload.audio
    return audio.samples if audio.pcm16 is None else audio.pcm16


def is_copied(feed: Feed, payload: AudioBuffer) -> bool:
    """Whether the stage gives anything that is not a view of what it got."""
    before = samples_of(payload)
    outputs = feed(payload)
    assert outputs
    return not all(np.may_share_memory(samples_of(output), before) for output in outputs)


def grains_after(rest_frames: int) -> Feed:
    """The stage that cuts whole grains, with so many frames left over from before."""
    stage = WholeGrains().open()
    stage.feed(ramp(rest_frames / RATE_HZ))
    return stage.feed


def cutting_after(probability: float) -> Feed:
    """The stage that cuts segments, after a second of so likely speech; all that is fed then is speech."""
    session = CuttingSession(SegmentRules())
    session.feed(Heard(ramp(1.024), np.full(32, probability, np.float32)))
    return lambda audio: session.feed(Heard(audio, np.full(audio.frames // GRAIN_FRAMES, 0.9, np.float32)))


@pytest.fixture(scope="module")
def detector() -> SileroDetector:
    """The voice detector."""
    return SileroDetector(OnnxModel(packaged_model()))


@pytest.mark.parametrize(
    ("feed", "channels", "copies"),
    [
        (Downmix(None).feed, 1, False),
        (Downmix(1).feed, 2, False),
        (Downmix(None).feed, 2, True),
        (Resampler(RATE_HZ, RATE_HZ).feed, 1, False),
        (Resampler(RATE_HZ, 8_000).feed, 1, True),
        (grains_after(0), 1, False),
        (grains_after(7), 1, True),
        (cutting_after(0.9), 1, False),
        (cutting_after(0.0), 1, True),
    ],
    ids=[
        "mono stays as it is",
        "one channel is a view",
        "a mean of channels is new",
        "the same rate stays as it is",
        "another rate is new",
        "whole grains are a view",
        "a rest before them is joined",
        "speech in speech is a view",
        "the padding before speech is joined",
    ],
)
def test_a_stage_copies_only_where_it_makes_new_samples(feed: Feed, channels: int, *, copies: bool) -> None:
    """One line of the table in docs/memory.md each."""
    samples = ramp(5.12).samples
    payload = AudioBuffer(samples if channels == 1 else np.stack([samples, samples], axis=1), RATE_HZ)
    assert is_copied(feed, payload) is copies


def test_the_detector_hands_on_what_it_heard(detector: SileroDetector) -> None:
    """Its model gets a copy, with the context of each grain; the audio itself goes on untouched."""
    assert not is_copied(OneStream(detector).feed, ramp(0.512))


def test_a_recording_is_copied_twice_before_its_first_stage(tmp_path: Path) -> None:
    """Once by the decoder's library, once into a block; blocks are handed on, none is looked at twice."""
    audio = ramp(12.0)
    with open_audio(write_wav(tmp_path / "x.wav", audio)) as reader:
        blocks = list(reader.blocks(5.0))
    assert [block.frames for block in blocks] == [BLOCK_FRAMES, BLOCK_FRAMES, 2 * RATE_HZ]
    for block in blocks[:2]:
        base = block.samples.base
        assert base is not None
        assert base.shape == (BLOCK_FRAMES, 1)  # the block itself: it was filled in place, and is not part of another
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), audio.samples)


def test_a_recording_in_memory_is_not_copied_at_all() -> None:
    """Its blocks are views of the caller's array."""
    audio = ramp(12.0)
    assert all(np.may_share_memory(block.samples, audio.samples) for block in audio.blocks(5.0))


@pytest.mark.parametrize("pushes", [1, 10])
def test_live_samples_are_copied_when_pushed_and_when_a_chunk_has_several_pushes(pushes: int) -> None:
    """The first copy is there because the caller may use its array again; a chunk that is one push is that push."""
    given = (ramp(0.2).samples * 32_768).astype(np.int16)
    intake = Intake()
    taken = [AudioBuffer.copied(part, RATE_HZ) for part in np.split(given, pushes)]
    for number, part in enumerate(taken):
        assert not np.may_share_memory(samples_of(part), given)
        intake.push(part.placed(number * part.duration_s), 0.0)
    chunk = intake.take(len(given))
    assert chunk is not None
    assert np.may_share_memory(samples_of(chunk.audio), samples_of(taken[0])) is (pushes == 1)
    assert np.array_equal(samples_of(chunk.audio), given)


def test_16_bit_samples_reach_a_recogniser_as_they_came() -> None:
    """Downmix, resampler at the same rate and grains are views of the chunk; bytes are then made of each grain."""
    chunk = AudioBuffer.copied((ramp(0.4).samples * 32_768).astype(np.int16), RATE_HZ)
    (mono,) = Downmix(None).feed(chunk)
    (same,) = Resampler(RATE_HZ, RATE_HZ).feed(mono)
    assert same.pcm16 is not None
    grains = GrainCutter(3_200, np.int16).push(same.pcm16)
    assert len(grains) == 2
    assert all(np.may_share_memory(grain, samples_of(chunk)) for grain in grains)
    assert chunk._samples is None  # nobody has asked for floats
