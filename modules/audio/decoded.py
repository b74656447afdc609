"""`Decoded`: sound as a decoder's door gives it. Each door is one file that alone imports its library."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ
from modules.errors import DecodeError

Piece: TypeAlias = NDArray[np.float32]
"""Consecutive frames, float32 of shape (frames, channels), C-contiguous, at least one frame, owned by the receiver."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A recording that a decoder has opened: `sample_rate` in Hz, `channels`, and its `pieces`, made as they are asked.

    Taking a piece raises `DecodeError` when the decoder breaks off. Raises `DecodeError` for rates and channels that
    no recording has: headers are not trusted.
    """

    sample_rate: int
    channels: int
    pieces: Iterator[Piece]

    def __post_init__(self) -> None:
        if not 1 <= self.sample_rate <= MAX_SAMPLE_RATE_HZ:
            raise DecodeError(f"sample rate of {self.sample_rate} Hz, allowed are 1 to {MAX_SAMPLE_RATE_HZ}")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise DecodeError(f"{self.channels} channels, allowed are 1 to {MAX_CHANNELS}")


Opener: TypeAlias = Callable[[BinaryIO], AbstractContextManager[Decoded]]
"""A door: opens a seekable file that stands at its beginning. Raises only `DecodeError`."""
