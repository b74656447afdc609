"""`open_audio`: any recording as buffers of samples, whoever can decode it. The decoders' doors are next to this file.

Decoders are chosen by trying, in order of their cost, never by the name of a file. A header is a claim: nothing is
allocated from one, and all there is gets read whatever it says.
"""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO

import numpy as np

from modules.audio.buffer import AudioBuffer
from modules.audio.decode_ffmpeg import open_with_ffmpeg
from modules.audio.decode_pyav import open_with_pyav
from modules.audio.decode_soundfile import open_with_soundfile
from modules.audio.decoded import Opener, Piece
from modules.audio.relay import Relay
from modules.audio.sound_limits import USUAL_LIMITS, SoundBound, SoundLimits
from modules.audio.source import Source, name_of, open_source, printable
from modules.errors import ConfigError, DecodeError

_OPENERS: dict[str, Opener] = {
    "soundfile": open_with_soundfile,
    "pyav": open_with_pyav,
    "ffmpeg": open_with_ffmpeg,
}
MAX_IN_PLACE_BYTES = 1 << 24
"""Blocks up to so many bytes are made first and filled piece by piece; 5 s of a usual recording are a tenth of it."""

DECODERS = tuple(_OPENERS)
"""The names of the decoders, cheapest first: a clip's first audio takes about 1 ms, 3 ms and 45 ms."""


class AudioReader:
    """A recording that is open: its `sample_rate` in Hz, its `channels`, and its samples, once, from front to back."""

    def __init__(self, name: str, relay: Relay, bound: SoundBound) -> None:
        self._name = printable(name)
        self._relay = relay
        self._bound = bound
        self._pieces = relay.pieces()
        self._frames = 0
        self.sample_rate = relay.sample_rate
        self.channels = relay.channels

    def __repr__(self) -> str:
        return (
            f"<AudioReader {self._name}: {self.sample_rate} Hz, {self.channels} channels, "
            f"at {self._frames / self.sample_rate:.3f} s, {self.decoder}>"
        )

    @property
    def decoder(self) -> str:
        """Who decodes now: `soundfile`, `pyav` or `ffmpeg`; another takes over where one breaks off."""
        return self._relay.decoder

    def blocks(self, block_s: float) -> Iterator[AudioBuffer]:
        """Consecutive buffers of `block_s` seconds, the last one shorter, each decoded when it is asked for.

        Raises `ConfigError` for a `block_s` that is not above 0, and `DecodeError` when the recording breaks off, holds
        NaN or infinite samples or more sound than a recording may.
        """
        if not 0 < block_s < math.inf:
            raise ConfigError(f"block_s must be above 0 and finite, got {block_s}")
        return self._blocks(max(1, round(block_s * self.sample_rate)))

    def _blocks(self, block_frames: int) -> Iterator[AudioBuffer]:
        for samples in _cut(self._pieces, block_frames):
            start_s = self._frames / self.sample_rate
            if not np.isfinite(samples).all():
                raise DecodeError(
                    f"cannot decode {self._name}: NaN or infinite samples at {start_s:.3f} s or soon after"
                )
            self._frames += len(samples)
            if why := self._bound.exceeded(self._frames / self.sample_rate, 2 * samples.shape[1] * self._frames):
                raise DecodeError(f"cannot decode {self._name}: {why}")
            yield AudioBuffer(samples if self.channels > 1 else samples[:, 0], self.sample_rate, start_s)


@contextmanager
def open_audio(
    source: Source, *, decoders: Sequence[str] = DECODERS, limits: SoundLimits = USUAL_LIMITS
) -> Iterator[AudioReader]:
    """The recording in `source`, open inside the block, from the first of `decoders` that gets audio out of it.

    Raises `DecodeError` with one line that says what each decoder said, `ConfigError` for a decoder that there is not,
    and `TypeError` for what is no source.
    """
    name = name_of(source)
    openers = _openers(decoders)
    with open_source(source) as file, Relay(name, file, openers) as relay:
        yield AudioReader(name, relay, SoundBound(limits, _size_of(file)))


def _size_of(file: BinaryIO) -> int:
    """The bytes of a seekable file, which goes on where it stands."""
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    return size


def _openers(decoders: Sequence[str]) -> dict[str, Opener]:
    unknown = [decoder for decoder in decoders if decoder not in _OPENERS]
    if unknown or not decoders:
        raise ConfigError(f"decoders must be some of {', '.join(_OPENERS)}, got {', '.join(decoders) or 'none'}")
    return {decoder: _OPENERS[decoder] for decoder in decoders}


def _cut(pieces: Iterator[Piece], block_frames: int) -> Iterator[Piece]:
    """The same frames in blocks of `block_frames`; at most one block and one piece are held."""
    block: Piece | None = None
    filled = 0
    for piece in pieces:
        if 4 * piece.shape[1] * block_frames > MAX_IN_PLACE_BYTES:
            yield from _gathered(chain([piece], pieces), block_frames)
            return
        start = 0
        while start < len(piece):
            block = np.empty((block_frames, piece.shape[1]), np.float32) if block is None else block
            taken = min(block_frames - filled, len(piece) - start)
            block[filled : filled + taken] = piece[start : start + taken]
            filled, start = filled + taken, start + taken
            if filled == block_frames:
                full, block, filled = block, None, 0
                yield full
                del full  # whoever has it decides how long it lives
    if block is not None:
        yield block[:filled].copy()


def _gathered(pieces: Iterator[Piece], block_frames: int) -> Iterator[Piece]:
    """As `_cut`, for blocks so large that none is made before there is enough to fill it."""
    held: list[Piece] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count < block_frames:
            continue
        joined = _joined(held)
        whole = count // block_frames * block_frames
        for start in range(0, whole, block_frames):
            yield joined[start : start + block_frames]
        held, count = [joined[whole:].copy()], count - whole
    if count:
        yield _joined(held)


def _joined(pieces: list[Piece]) -> Piece:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
