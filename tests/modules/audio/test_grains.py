"""Grains of a fixed length, and 16-bit PCM."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.grains import GrainCutter, to_pcm16

pieces = st.lists(st.integers(0, 40), max_size=12)


def counted(frames: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Samples that are all different, so that a lost or moved one shows."""
    return np.arange(frames, dtype=np.float32)


@given(pieces=pieces, grain_frames=st.integers(1, 50))
def test_what_was_pushed_comes_out_whole_and_in_order(pieces: list[int], grain_frames: int) -> None:
    """Every grain but the rest has exactly the length asked for, however the samples arrived."""
    samples = counted(sum(pieces))
    cutter = GrainCutter(grain_frames, np.float32)
    ends = list(accumulate(pieces))[:-1]
    grains = [grain for piece in np.split(samples, ends) for grain in cutter.push(piece)]
    rest = cutter.rest()
    assert {len(grain) for grain in grains} <= {grain_frames}
    assert len(rest) < grain_frames
    assert np.array_equal(np.concatenate([*grains, rest]), samples)


def test_a_cutter_is_empty_after_its_rest() -> None:
    """It can be used for the next stretch."""
    cutter = GrainCutter(4, np.float32)
    cutter.push(counted(3))
    assert len(cutter.rest()) == 3
    assert len(cutter.rest()) == 0
    assert [len(grain) for grain in cutter.push(counted(4))] == [4]


def test_whole_grains_are_views_and_a_joined_one_is_a_copy() -> None:
    """Only what straddles two pieces is copied, and the copy does not change later."""
    cutter = GrainCutter(4, np.float32)
    first, second = counted(6), counted(6) + 10
    (view,) = cutter.push(first)
    (joined, *_) = cutter.push(second)
    assert np.shares_memory(view, first)
    assert not np.shares_memory(joined, second)
    cutter.push(counted(4) + 100)
    assert joined.tolist() == [4, 5, 10, 11]


def test_a_cutter_says_how_full_it_is() -> None:
    """The state fits a line."""
    cutter = GrainCutter(4, np.float32)
    cutter.push(counted(5))
    assert repr(cutter) == "<GrainCutter 1 of 4 frames>"


def test_a_grain_has_at_least_one_frame() -> None:
    """A grain of nothing would never end."""
    with pytest.raises(ValueError, match="grain_frames must be at least 1, got 0"):
        GrainCutter(0, np.float32)


@given(st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_sixteen_bit_samples_survive_the_way_through_float(values: list[int]) -> None:
    """What was read from a 16-bit file reaches the recogniser unchanged."""
    original = np.array(values, dtype="<i2")
    assert to_pcm16((original / 32_768).astype(np.float32)) == original.tobytes()


@pytest.mark.parametrize(
    ("sample", "pcm"),
    [(1.0, 32_767), (7.5, 32_767), (-1.0, -32_768), (-3.0, -32_768), (0.6 / 32_768, 1), (0.5 / 32_768, 0)],
)
def test_samples_are_rounded_and_clipped(sample: float, pcm: int) -> None:
    """Loud samples do not wrap round, and half a step goes to the even side."""
    assert np.frombuffer(to_pcm16(np.array([sample], dtype=np.float32)), dtype="<i2").tolist() == [pcm]


def test_the_samples_handed_in_stay_as_they_are() -> None:
    """The conversion works on a copy."""
    samples = np.array([2.0, -2.0], dtype=np.float32)
    to_pcm16(samples)
    assert samples.tolist() == [2.0, -2.0]
