"""`AudioBuffer` agrees with plain numpy, never copies where a view will do, and refuses what is no audio."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from modules.audio.buffer import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ, AudioBuffer
from modules.errors import AudioError

RATES = st.integers(1, MAX_SAMPLE_RATE_HZ)
SHAPES = st.one_of(st.tuples(st.integers(0, 50)), st.tuples(st.integers(0, 50), st.integers(1, 5)))
FLOATS = hnp.arrays(np.float32, SHAPES, elements=st.floats(-1, 1, width=32))


@given(FLOATS, RATES, st.integers(0, 60), st.integers(0, 60), st.floats(0, 1e4))
def test_a_cut_is_numpys_slice_and_a_view(
    samples: NDArray[np.float32], rate: int, start: int, end: int, start_s: float
) -> None:
    """The samples of the slice, in the same memory, at the right time."""
    cut = AudioBuffer(samples, rate, start_s).cut(start, end)
    assert np.array_equal(cut.samples, samples[start:end])
    assert cut.samples.base is not None
    assert cut.start_s == start_s + start / rate
    assert cut.end_s == pytest.approx(cut.start_s + cut.frames / rate)


@given(FLOATS, RATES, st.floats(1e-6, 10))
def test_blocks_put_together_are_the_whole(samples: NDArray[np.float32], rate: int, block_s: float) -> None:
    """Each is full but the last, and each begins where the one before ends."""
    blocks = list(AudioBuffer(samples, rate).blocks(block_s))
    assert np.array_equal(np.concatenate([samples[:0], *(block.samples for block in blocks)]), samples)
    assert len({block.frames for block in blocks[:-1]}) <= 1
    assert all(after.start_s == pytest.approx(before.end_s) for before, after in pairwise(blocks))


@given(FLOATS)
def test_mono_is_the_mean_or_the_channel(samples: NDArray[np.float32]) -> None:
    """A channel is a view; the mean is numpy's in float32."""
    buffer = AudioBuffer(samples, 8_000, 1.5)
    columns = samples[:, None] if samples.ndim == 1 else samples
    assert np.array_equal(buffer.mono().samples, columns.mean(axis=1, dtype=np.float32))
    for channel in range(buffer.channels):
        one = buffer.mono(channel)
        assert np.array_equal(one.samples, columns[:, channel])
        assert one.start_s == 1.5
        assert not one.frames or np.shares_memory(one.samples, samples)
    with pytest.raises(AudioError, match="counted from 0"):
        buffer.mono(buffer.channels)


@given(hnp.arrays(st.sampled_from([np.int16, np.int32]), SHAPES))
def test_of_scales_integers_to_full_scale(samples: NDArray[np.int16] | NDArray[np.int32]) -> None:
    """int16 exactly, int32 as near as float32 comes."""
    buffer = AudioBuffer.of(samples, 8_000)
    full_scale = -float(np.iinfo(samples.dtype).min)
    assert np.array_equal(buffer.samples, (samples.astype(np.float64) / full_scale).astype(np.float32))
    assert buffer.samples.dtype == np.float32


@given(FLOATS)
def test_of_takes_floats_as_they_are(samples: NDArray[np.float32]) -> None:
    """float32 without a copy, float64 rounded."""
    assert AudioBuffer.of(samples, 8_000).samples is samples
    assert np.array_equal(AudioBuffer.of(samples.astype(np.float64), 8_000).samples, samples)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_of_refuses_what_is_not_finite(value: float) -> None:
    """One bad sample would spoil all that a recogniser remembers."""
    with pytest.raises(AudioError, match="NaN or infinite"):
        AudioBuffer.of(np.array([0.0, value], np.float32), 8_000)


@pytest.mark.parametrize("samples", [np.zeros(3, np.uint8), np.zeros(3, np.complex64), np.array(["a"])])
def test_of_refuses_other_types(samples: NDArray[np.generic]) -> None:
    """Unsigned samples have no zero that we could know."""
    with pytest.raises(AudioError, match="float16/32/64, int16 or int32"):
        AudioBuffer.of(samples, 8_000)


@pytest.mark.parametrize(
    ("shape", "rate", "text"),
    [
        ((), 8_000, "shape"),
        ((2, 2, 2), 8_000, "shape"),
        ((4, 0), 8_000, "channels must be 1 to"),
        ((4, MAX_CHANNELS + 1), 8_000, "channels must be 1 to"),
        ((4,), 0, "sample_rate must be 1 to"),
        ((4,), MAX_SAMPLE_RATE_HZ + 1, "sample_rate must be 1 to"),
    ],
)
def test_a_buffer_is_valid_on_birth(shape: tuple[int, ...], rate: int, text: str) -> None:
    """The text names the field, the value and what is allowed."""
    with pytest.raises(AudioError, match=text):
        AudioBuffer(np.zeros(shape, np.float32), rate)


def test_a_buffer_says_its_length() -> None:
    """In frames, in seconds and where it ends."""
    buffer = AudioBuffer(np.zeros((4_000, 2), np.float32), 8_000, 2.0)
    assert (buffer.frames, buffer.channels, buffer.duration_s, buffer.end_s) == (4_000, 2, 0.5, 2.5)


def test_a_buffer_of_16_bits_keeps_them_until_floats_are_asked_for() -> None:
    """Cut, joined or placed elsewhere it still has them, and its floats are exact."""
    pcm = np.arange(-500, 500, dtype=np.int16)
    buffer = AudioBuffer.of(pcm, 16_000)
    parts = [buffer.cut(0, 300), buffer.cut(300).placed(300 / 16_000)]
    joined = AudioBuffer.joined(parts)
    assert joined.pcm16 is not None
    np.testing.assert_array_equal(joined.pcm16, pcm)
    np.testing.assert_array_equal(joined.samples, pcm.astype(np.float32) / 32_768)
    assert AudioBuffer.of(joined.samples, 16_000).pcm16 is None


def test_floats_and_16_bits_join_as_floats() -> None:
    """A stream may be pushed both."""
    pcm = AudioBuffer.of(np.full(10, 16_384, np.int16), 100)
    floats = AudioBuffer(np.full(10, 0.25, np.float32), 100, start_s=0.1)
    joined = AudioBuffer.joined([pcm, floats])
    assert joined.pcm16 is None
    assert joined.samples.tolist() == [0.5] * 10 + [0.25] * 10


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.int32])
def test_a_copy_does_not_see_what_the_caller_writes_later(dtype: type[np.generic]) -> None:
    """A driver may use its block again as soon as it was pushed."""
    block: NDArray[Any] = np.ones((4, 2), dtype)
    buffer = AudioBuffer.copied(block, 100)
    before = buffer.samples.copy()
    block[:] = 0
    np.testing.assert_array_equal(buffer.samples, before)
    assert buffer.channels == 2


def test_buffers_with_a_gap_between_them_join_at_the_place_of_the_last() -> None:
    """What comes after dropped samples keeps its time."""
    before = AudioBuffer(np.zeros(100, np.float32), 100, start_s=0.0)
    after = AudioBuffer(np.zeros(100, np.float32), 100, start_s=4.0)
    assert AudioBuffer.joined([before, after]).end_s == pytest.approx(5.0)
    assert AudioBuffer.joined([before, after.placed(1.0)]).start_s == 0.0


@given(
    st.lists(st.floats(width=32) | st.sampled_from([np.inf, -np.inf, np.nan, 3e38, -3e38, 1.7e38]), max_size=40),
    st.booleans(),
)
def test_a_copy_is_refused_exactly_where_a_sample_is_not_finite(values: list[float], is_stereo: bool) -> None:  # noqa: FBT001 - drawn
    """However it is checked; and it shares no memory with what was given."""
    samples = np.array(values, np.float32)
    samples = np.stack([samples, samples[::-1]], axis=1) if is_stereo else samples
    if not np.isfinite(samples).all():
        with pytest.raises(AudioError, match="NaN or infinite"):
            AudioBuffer.copied(samples, 8_000)
        return
    kept = AudioBuffer.copied(samples, 8_000).samples
    assert np.array_equal(kept, samples)
    assert kept.shape == samples.shape
    assert not np.may_share_memory(kept, samples)
