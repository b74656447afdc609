"""What a model hears has the shape that it wants, or is refused when it is put together."""

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.audio.log_mel import LogMel, LogMelOptions
from modules.errors import ModelError
from modules.models.array_model import Axes
from modules.stages.front_ends import LogMelPatches, Waveform
from modules.stages.windows import WindowRun, Windows, WindowShape

SHAPE = WindowShape.of_seconds(16_000, window_s=0.975, hop_s=0.48)


def run() -> WindowRun:
    """Three windows of noise."""
    samples = np.random.default_rng(0).standard_normal(SHAPE.frames + 2 * SHAPE.hop).astype(np.float32)
    return Windows(SHAPE).open().feed(AudioBuffer(samples * np.float32(0.1), 16_000))[0]


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ((), (3, 15_600)),
        (("N", 15_600), (3, 15_600)),
        ((None, None), (3, 15_600)),
        (("N", 1, "T"), (3, 1, 15_600)),
        ((1, "T", 1), (3, 15_600, 1)),
    ],
)
def test_samples_get_the_axes_of_the_model(axes: Axes, shape: tuple[int, ...]) -> None:
    """Axes of one where it has them."""
    rows = Waveform(SHAPE, axes).rows(run())
    assert rows.shape == shape
    np.testing.assert_array_equal(rows.reshape(3, -1), run().rows)


@pytest.mark.parametrize("axes", [("N", 16_000), ("N", "C", "T"), ("N", 2, 15_600), ("T",)])
def test_samples_that_do_not_fit_are_refused(axes: Axes) -> None:
    """Before any sound is heard."""
    with pytest.raises(ModelError, match=r"do not fit a model|without a batch axis"):
        Waveform(SHAPE, axes)


def mel() -> LogMel:
    """YAMNet's features."""
    pytest.importorskip("kaldi_native_fbank", reason="needs the extra onbeat[mel]")
    return LogMel(LogMelOptions(), 16_000)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ((), (3, 96, 64)),
        (("N", 96, 64), (3, 96, 64)),
        (("N", 64, 96), (3, 64, 96)),
        (("N", 1, None, 64), (3, 1, 96, 64)),
        (("N", 1, 64, "T"), (3, 1, 64, 96)),
    ],
)
def test_features_get_the_axes_of_the_model(axes: Axes, shape: tuple[int, ...]) -> None:
    """Frames before bins, or bins before frames, and an axis of one before both."""
    features = mel()
    rows = LogMelPatches(features, SHAPE, axes).rows(run())
    assert rows.shape == shape
    straight = rows.reshape(3, *shape[-2:])
    straight = straight if shape[-1] == 64 else straight.transpose(0, 2, 1)
    for row, window in zip(straight, run().rows, strict=True):
        np.testing.assert_allclose(row, features.frames(window), atol=1e-5)


@pytest.mark.parametrize("axes", [("N", 100, 64), ("N", 96, 80), ("N", 6_144)])
def test_features_that_do_not_fit_are_refused(axes: Axes) -> None:
    """With what there is and what is wanted."""
    with pytest.raises(ModelError, match="96 frames of 64 bins do not fit"):
        LogMelPatches(mel(), SHAPE, axes)


def test_a_hop_must_be_whole_frames_and_a_window_hold_one() -> None:
    """Else neighbouring windows could not share them."""
    with pytest.raises(ModelError, match="a hop of 100 samples is no whole number of frames of 160"):
        LogMelPatches(mel(), WindowShape(16_000, 800, 100))
    with pytest.raises(ModelError, match="a window of 320 samples holds no frame of 400"):
        LogMelPatches(mel(), WindowShape(16_000, 320, 160))
