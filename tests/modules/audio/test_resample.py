"""Resampling in pieces gives, to the bit, what resampling the whole gives."""

from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.audio.resample import ResampleQuality, Resampler
from modules.errors import AudioError, ConfigError

NOISE: NDArray[np.float32] = (np.random.default_rng(3).standard_normal(20_000) * 0.2).astype(np.float32)
RATES = st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
QUALITIES = st.sampled_from(["QQ", "LQ", "MQ", "HQ", "VHQ"])


def resampled(resampler: Resampler, buffer: AudioBuffer, cuts: list[int]) -> list[AudioBuffer]:
    """What comes out when the buffer is fed in the pieces between the cuts."""
    edges = [0, *sorted(cuts), buffer.frames]
    fed = [out for a, b in pairwise(edges) for out in resampler.feed(buffer.cut(a, b))]
    return [*fed, *resampler.finish()]


@settings(deadline=None)
@given(
    st.tuples(RATES, RATES),
    QUALITIES,
    st.integers(0, 20_000),
    st.lists(st.integers(0, 20_000), max_size=8),
    st.floats(0, 1e5),
)
def test_pieces_equal_the_whole_to_the_bit(
    rates: tuple[int, int], quality: ResampleQuality, frames: int, cuts: list[int], start_s: float
) -> None:
    """For any rates, quality and cuts, empty pieces included; times go on without a gap."""
    in_rate, out_rate = rates
    whole = AudioBuffer(NOISE[:frames], in_rate, start_s)
    out = resampled(Resampler(in_rate, out_rate, quality), whole, [min(cut, frames) for cut in cuts])
    joined = np.concatenate([np.empty(0, np.float32), *(buffer.samples for buffer in out)])
    expected = whole.samples if in_rate == out_rate else soxr.resample(whole.samples, in_rate, out_rate, quality)
    assert np.array_equal(joined, expected)
    for before, after in pairwise(out):
        assert after.start_s == pytest.approx(before.end_s, abs=1e-6)
    assert all(buffer.sample_rate == out_rate for buffer in out)
    assert not out or out[0].start_s == start_s


def test_equal_rates_pass_without_a_copy() -> None:
    """The very buffer comes back."""
    buffer = AudioBuffer(NOISE, 16_000)
    resampler = Resampler(16_000, 16_000)
    assert resampler.feed(buffer)[0] is buffer
    assert list(resampler.finish()) == []


def test_one_channel_of_a_stereo_buffer_need_not_lie_in_a_row() -> None:
    """A view with gaps gives the same as its copy."""
    stereo = AudioBuffer(NOISE.reshape(-1, 2), 48_000)
    view = stereo.mono(1)
    assert not view.samples.flags.c_contiguous
    out = resampled(Resampler(48_000, 16_000), view, [100])
    expected = soxr.resample(view.samples.copy(), 48_000, 16_000, "HQ")
    assert np.array_equal(np.concatenate([buffer.samples for buffer in out]), expected)


def test_a_session_without_input_ends_empty() -> None:
    """No sound in, none out, and a cancel does nothing."""
    resampler = Resampler(8_000, 16_000)
    resampler.cancel()
    assert list(resampler.finish()) == []
    assert repr(resampler) == "<Resampler 8000 to 16000 Hz, 0 frames out>"


def test_other_rates_and_stereo_are_refused() -> None:
    """Feeding the wrong buffer would give wrong sound."""
    resampler = Resampler(8_000, 16_000)
    for wrong in (AudioBuffer(NOISE, 16_000), AudioBuffer(NOISE.reshape(-1, 2), 8_000)):
        with pytest.raises(AudioError, match="takes mono buffers at that rate"):
            resampler.feed(wrong)


def test_rates_and_qualities_that_there_are_not_are_refused() -> None:
    """The text says what is allowed."""
    with pytest.raises(ConfigError, match="1 to 768000 Hz, got 0"):
        Resampler(0, 16_000)
    with pytest.raises(ConfigError, match="one of QQ, LQ, MQ, HQ, VHQ, got 'best'"):
        Resampler(8_000, 16_000, "best")  # type: ignore[arg-type]


def test_times_jump_where_samples_were_dropped() -> None:
    """What comes after a gap is placed after the gap."""
    resampler = Resampler(32_000, 16_000)
    before = AudioBuffer(np.zeros(32_000, np.float32), 32_000, start_s=1.0)
    after = AudioBuffer(np.zeros(32_000, np.float32), 32_000, start_s=5.0)
    out = [*resampler.feed(before), *resampler.feed(after), *resampler.finish()]
    assert out[0].start_s == pytest.approx(1.0)
    assert out[-1].end_s == pytest.approx(6.0)
