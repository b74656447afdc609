"""The voice detector, with the real graph that comes with its package."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from modules.audio.buffer import AudioBuffer
from modules.errors import ModelError
from modules.models.onnx import OnnxModel
from modules.stages.vad_silero import GRAIN_FRAMES, SileroDetector, packaged_model


@pytest.fixture(scope="module")
def detector() -> SileroDetector:
    """The packaged detector."""
    return SileroDetector(OnnxModel(packaged_model()))


def noise(grains: int, seed: int) -> AudioBuffer:
    """Some grains of noise that comes and goes, so that the state matters."""
    generator = np.random.default_rng(seed)
    swell = np.sin(np.arange(grains * GRAIN_FRAMES) / 3_000) * 0.2
    return AudioBuffer((generator.standard_normal(grains * GRAIN_FRAMES) * swell).astype(np.float32), 16_000)


def test_streams_that_share_calls_get_what_they_would_get_alone(detector: SileroDetector) -> None:
    """Batching changes nothing but the last bits, whatever the lengths and their order."""
    streams = [noise(grains, seed) for seed, grains in enumerate((3, 9, 1, 9, 6))]
    _, together = detector.process([detector.initial_state() for _ in streams], streams)
    for stream, batched in zip(streams, together, strict=True):
        _, (alone,) = detector.process([detector.initial_state()], [stream])
        assert batched.audio is stream
        assert batched.probabilities.shape == (stream.frames // GRAIN_FRAMES,)
        np.testing.assert_allclose(batched.probabilities, alone.probabilities, atol=1e-5)


def test_the_state_carries_a_stream_on(detector: SileroDetector) -> None:
    """In one piece or in three, a stream gives the same probabilities to the bit."""
    whole = noise(12, 5)
    _, (at_once,) = detector.process([detector.initial_state()], [whole])
    state, parts = detector.initial_state(), []
    for start, end in ((0, 2), (2, 7), (7, 12)):
        part = whole.cut(start * GRAIN_FRAMES, end * GRAIN_FRAMES)
        (state,), (heard,) = detector.process([state], [part])
        parts.append(heard.probabilities)
    np.testing.assert_array_equal(np.concatenate(parts), at_once.probabilities)


def test_silence_is_no_speech(detector: SileroDetector) -> None:
    """Zeros stay far below any threshold."""
    silence = AudioBuffer(np.zeros(50 * GRAIN_FRAMES, np.float32), 16_000)
    _, (heard,) = detector.process([detector.initial_state()], [silence])
    assert heard.probabilities.max() < 0.2


def test_spoken_digits_are_speech_and_the_gaps_are_not(detector: SileroDetector, shared: Path) -> None:
    """The middle of nearly every spoken digit is heard."""
    name = "digits_00_george.flac"
    samples, _ = soundfile.read(shared / "strings" / name, dtype="float32")
    _, (heard,) = detector.process([detector.initial_state()], [AudioBuffer(samples, 16_000)])
    with (shared / "strings" / "times.tsv").open() as rows:
        words = [row for row in csv.DictReader(rows, delimiter="\t") if row["file"] == name]
    middles = [int((float(w["start"]) + float(w["end"])) / 2 * 16_000) // GRAIN_FRAMES for w in words]
    assert np.mean(heard.probabilities[middles] > 0.5) > 0.95


def test_another_graph_is_refused_with_its_inputs_named(shared: Path) -> None:
    """A wrong model is an error when it is loaded, not when it runs."""
    with pytest.raises(ModelError, match="no Silero v5 graph: its inputs are"):
        SileroDetector(OnnxModel(shared / "models" / "onnx" / "dtln_1.onnx"))
