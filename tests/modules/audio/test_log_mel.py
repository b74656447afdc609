"""Log-mel features are YAMNet's to the last digits, and do not depend on what comes after them."""

import builtins
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.audio.log_mel import LogMel, LogMelOptions
from modules.errors import ModelError

pytest.importorskip("kaldi_native_fbank", reason="needs the extra onbeat[mel]")

RATE_HZ = 16_000


def noise(seconds: float) -> NDArray[np.float32]:
    """The same noise every time."""
    return (np.random.default_rng(7).standard_normal(round(seconds * RATE_HZ)) * 0.1).astype(np.float32)


def by_hand(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """YAMNet's features as its `features.py` writes them, in plain NumPy."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160]
    spectrum = np.abs(np.fft.rfft(frames * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)), 512))

    def mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1127.0 * np.log1p(hz / 700.0)

    edges = np.linspace(mel(np.array(125.0)), mel(np.array(7500.0)), 66)
    bins = mel(np.arange(257) * RATE_HZ / 512)[:, np.newaxis]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return np.log(spectrum @ bank + 0.001)


def test_the_features_are_those_of_yamnet() -> None:
    """Within float32 of what its own formulas give."""
    samples = noise(0.975)
    features = LogMel(LogMelOptions(), RATE_HZ).frames(samples)
    assert features.shape == (96, 64)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, by_hand(samples), atol=2e-4)


def test_a_frame_is_the_same_whatever_follows_it() -> None:
    """Frames lie wholly inside the samples; less than a frame gives none."""
    mel, samples = LogMel(LogMelOptions(), RATE_HZ), noise(1.0)
    np.testing.assert_array_equal(mel.frames(samples)[:40], mel.frames(samples[: 400 + 39 * 160]))
    assert mel.frames(samples[:399]).shape == (0, 64)


def test_kaldis_own_features_have_another_scale() -> None:
    """The preset of recognisers: 80 bands of power of 16-bit samples."""
    features = LogMel(LogMelOptions.kaldi(), RATE_HZ).frames(noise(1.0))
    assert features.shape == (98, 80)
    assert 5 < features.mean() < 25


@pytest.mark.parametrize(
    ("field", "value"),
    [("bins", 0), ("hop_ms", 0.0), ("frame_ms", 5.0), ("low_hz", 9000.0), ("preemphasis", 1.0), ("floor", 0.0)],
)
def test_wrong_options_are_refused(field: str, value: float) -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match=field):
        LogMelOptions(**{field: value})  # type: ignore[arg-type] # numbers all


def test_bands_above_half_the_rate_are_refused() -> None:
    """There is nothing to hear."""
    with pytest.raises(ModelError, match="high_hz = 7500 is above half the rate of 8000 Hz"):
        LogMel(LogMelOptions(), 8_000)


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs it who has no model that hears log-mel."""
    found = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as the builtin
        if name == "kaldi_native_fbank":
            raise ImportError(name)
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ModelError, match=r"install onbeat\[mel\]"):
        LogMel(LogMelOptions(), RATE_HZ)
