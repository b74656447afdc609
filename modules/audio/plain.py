"""Which recordings are plain enough to be decoded in this process: a pure look at the first bytes of a file."""

import struct

from modules.audio.buffer import MAX_CHANNELS
from modules.audio.sound_limits import USUAL_LIMITS

_PLAIN_CODINGS = frozenset({1, 3, 6, 7, 0xFFFE})  # integers, floats, A-law, mu-law, and any of them at length
_RIFF = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHI")
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # what programs write that do not know the length yet

_FLAC_START = b"fLaC"
_STREAM_INFO = struct.Struct(">4sI2H3s3sQ")  # RFC 9639, section 8.2: the first block, of 34 bytes
_STREAM_INFO_HEADS = (34, 34 | 1 << 31)  # its type is 0; the topmost bit says that no block follows


def is_plain(head: bytes, size_bytes: int) -> bool:
    """Whether a file of this size that begins so is uncompressed WAV, or FLAC, and claims nothing that cannot be.

    Of all decoders theirs are the simplest: there is next to nothing in them that a file could harm.
    """
    return _is_plain_wav(head, size_bytes) or _is_plain_flac(head, size_bytes)


def _is_plain_wav(head: bytes, size_bytes: int) -> bool:
    """Whether the sound begins within `head` and ends within the file; other chunks may come before it."""
    if len(head) < _RIFF.size:
        return False
    riff, _, wave = _RIFF.unpack_from(head)
    at, is_known = _RIFF.size, False
    while (riff, wave) == (b"RIFF", b"WAVE") and at + _CHUNK.size <= len(head):
        name, size = _CHUNK.unpack_from(head, at)
        at += _CHUNK.size
        if name == b"data":
            return is_known and (size in _UNKNOWN_SIZES or at + size <= size_bytes)
        if name == b"fmt " and at + _FORMAT.size <= len(head):
            coding, channels, rate = _FORMAT.unpack_from(head, at)
            is_known = coding in _PLAIN_CODINGS and 1 <= channels <= MAX_CHANNELS and rate > 0
        at += size + size % 2
    return False


def _is_plain_flac(head: bytes, size_bytes: int) -> bool:
    """Whether it holds no more sound for its size than digital silence would."""
    if len(head) < _STREAM_INFO.size:
        return False
    start, block, _, _, _, _, packed = _STREAM_INFO.unpack_from(head)
    if start != _FLAC_START or block not in _STREAM_INFO_HEADS:
        return False
    rate, channels, frames = packed >> 44, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1
    return bool(rate > 0 and 2 * channels * frames <= USUAL_LIMITS.max_expansion * size_bytes)
