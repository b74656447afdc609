"""Where the samples of an AIFF or AIFF-C file lie.

Formats: Apple's "Audio Interchange File Format 1.3" and "AIFF-C", draft of 1991; `sowt`, `in24`, `in32` and the floats
as QuickTime writes them.
"""

import math
import struct
from dataclasses import replace

from modules.audio.chunk_walk import RIFX_CHUNKS, chunks
from modules.audio.pcm_layout import Claim, Encoding, Header, PcmLayout, SampleForm, floating, integer
from modules.errors import CannotMap

_COMM = struct.Struct(">hIhHQ")  # channels, frames, bits, and the rate as an 80-bit float
_SSND_BYTES = 8  # offset and block size before the samples
_RATE_BIAS = 16_383 + 63
_MAX_RATE_EXPONENT = 32


def aiff_layout(header: Header) -> PcmLayout | None:
    """The layout, or `None` when this is no AIFF. Raises `CannotMap` for samples that are not plain."""
    if header[:4] != b"FORM" or header[8:12] not in (b"AIFF", b"AIFC"):
        return None
    found: tuple[SampleForm, int] | None = None
    claim: Claim | None = None
    for chunk in chunks(header, 12, RIFX_CHUNKS):
        if chunk.name == b"COMM" and found is None:
            fields = header[chunk.start : chunk.start + min(chunk.size, _COMM.size + 4)]
            found = _form(fields, is_plain=header[8:12] == b"AIFF")
        elif chunk.name == b"SSND" and claim is None:
            offset = int.from_bytes(header[chunk.start : chunk.start + 4], "big")
            before = _SSND_BYTES + offset
            size = chunk.size - before if chunk.size >= before else None  # never filled in: the writer was interrupted
            claim = Claim(chunk.start + before, size, len(header))
        if found and claim:
            break
    if found is None:
        raise CannotMap("its header says nothing of the format of its samples")
    form, frames = found
    if claim is None:
        raise CannotMap("it has no samples")
    layout = PcmLayout.found("AIFF", form, claim)
    if frames == layout.frames:
        return layout
    return replace(layout, lies=(*layout.lies, f"claims {frames} frames where {layout.frames} are there"))


def _form(fields: bytes, *, is_plain: bool) -> tuple[SampleForm, int]:
    """What the `COMM` chunk says: the form of the samples, and how many frames it claims."""
    if len(fields) < _COMM.size:
        raise CannotMap("the chunk that describes its samples is cut short")
    channels, frames, bits, exponent, mantissa = _COMM.unpack_from(fields)
    coding = b"NONE" if is_plain else fields[_COMM.size : _COMM.size + 4]
    encoding, is_big_endian = _encoding(coding, -(-bits // 8))
    return SampleForm(_rate(exponent, mantissa), channels, encoding, is_big_endian), frames


def _encoding(coding: bytes, sample_bytes: int) -> tuple[Encoding, bool]:
    """The encoding, and whether it is big-endian."""
    if coding in (b"NONE", b"none", b"twos"):
        return integer(sample_bytes), True
    if coding == b"sowt":
        return integer(sample_bytes), False
    known = {b"raw ": Encoding.U8, b"in24": Encoding.S24, b"in32": Encoding.S32}
    if coding in known:
        return known[coding], True
    if coding.lower() in (b"fl32", b"fl64"):
        return floating(int(coding[2:]) // 8), True
    raise CannotMap(f"it holds sound in coding {coding.decode('latin-1')!r}, no plain samples")


def _rate(exponent: int, mantissa: int) -> int:
    """An 80-bit float as whole Hz; 0 for what is no rate."""
    power = exponent - _RATE_BIAS
    return round(math.ldexp(mantissa, power)) if power <= _MAX_RATE_EXPONENT - 63 else 0
