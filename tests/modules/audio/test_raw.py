"""Samples without a header, as a pipe delivers them."""

import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.raw import raw_blocks
from modules.errors import ConfigError


class Pipe:
    """A file that has at once what came in one piece, however much was asked for, and waits only in `read`."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def read1(self, size: int) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def read(self, size: int) -> bytes:
        raise AssertionError(f"waits until {size} bytes are there")


def pipe(pcm: bytes, cuts: list[int]) -> Pipe:
    """The bytes, arriving in pieces."""
    edges = [0, *sorted(cuts), len(pcm)]
    return Pipe([pcm[start:end] for start, end in pairwise(edges)])


@given(
    values=st.lists(st.integers(-32_768, 32_767), max_size=60),
    channels=st.integers(1, 3),
    cuts=st.lists(st.integers(0, 120), max_size=10),
    odd=st.booleans(),
)
def test_samples_are_the_same_however_the_bytes_arrive(
    values: list[int],
    channels: int,
    cuts: list[int],
    odd: bool,  # noqa: FBT001 - drawn
) -> None:
    """Also in the middle of a sample; bytes that make up no frame at the end are left out."""
    pcm = np.array(values, "<i2").tobytes() + b"\x07" * odd
    blocks = list(raw_blocks(pipe(pcm, cuts), 1_000, channels, block_s=0.01))
    whole = len(values) // channels
    expected = (np.array(values[: whole * channels]) / 32_768).astype(np.float32).reshape(whole, channels)
    heard = [block.samples.reshape(-1, channels) for block in blocks]
    assert np.array_equal(np.concatenate(heard) if heard else expected[:0], expected)
    frames = 0
    for block in blocks:
        assert 1 <= block.frames <= 10
        assert (block.channels, block.sample_rate) == (channels, 1_000)
        assert block.start_s == pytest.approx(frames / 1_000)
        frames += block.frames


def test_what_is_there_is_not_kept_waiting_for_more() -> None:
    """A block is given as soon as there is any of it."""
    blocks = raw_blocks(pipe(bytes(2_000), [20]), 1_000, 1, block_s=1.0)
    assert next(blocks).frames == 10


def test_a_file_without_partial_reads_is_read_in_blocks() -> None:
    """Whatever gives bytes will do."""

    class Plain:
        def __init__(self) -> None:
            self.rest = bytes(50)

        def read(self, size: int) -> bytes:
            given, self.rest = self.rest[:size], self.rest[size:]
            return given

    blocks = list(raw_blocks(Plain(), 1_000, 1, block_s=0.02))
    assert [block.frames for block in blocks] == [20, 5]


def test_nothing_gives_nothing() -> None:
    """An input may be empty."""
    assert list(raw_blocks(io.BytesIO(), 16_000, 1, block_s=0.1)) == []


@pytest.mark.parametrize(
    ("rate", "channels", "named"),
    [(0, 1, "sample_rate"), (10**7, 1, "sample_rate"), (8_000, 0, "channels"), (8_000, 65, "channels")],
)
def test_rates_and_channels_that_cannot_be_are_refused(rate: int, channels: int, named: str) -> None:
    """The value and the range are in the text."""
    with pytest.raises(ConfigError, match=f"{named} must be 1 to"):
        next(raw_blocks(io.BytesIO(b"1234"), rate, channels, block_s=0.1))
