"""Where the samples of a Core Audio Format file lie. Format: Apple's "Core Audio Format Specification 1.0"."""

import math
import struct

from modules.audio.buffer import MAX_SAMPLE_RATE_HZ
from modules.audio.chunk_walk import CAF_CHUNKS, chunks
from modules.audio.pcm_layout import Claim, Header, PcmLayout, SampleForm, floating, integer
from modules.errors import CannotMap

_DESC = struct.Struct(">d4sIIIII")  # rate, coding, flags, bytes and frames a packet, channels, bits
_IS_FLOAT, _IS_LITTLE_ENDIAN = 1, 2
_EDIT_COUNT_BYTES = 4
_TO_THE_END = -1


def caf_layout(header: Header) -> PcmLayout | None:
    """The layout, or `None` when this is no CAF. Raises `CannotMap` for samples that are not plain."""
    if header[:4] != b"caff":
        return None
    form: SampleForm | None = None
    for chunk in chunks(header, 8, CAF_CHUNKS):
        if chunk.name == b"desc":
            form = _form(header[chunk.start : chunk.start + _DESC.size])
        elif chunk.name == b"data":
            if form is None:
                raise CannotMap("its samples come before what describes them")
            claimed = None if chunk.size == _TO_THE_END else max(0, chunk.size - _EDIT_COUNT_BYTES)
            return PcmLayout.found("CAF", form, Claim(chunk.start + _EDIT_COUNT_BYTES, claimed, len(header)))
    raise CannotMap("it has no samples")


def _form(fields: bytes) -> SampleForm:
    if len(fields) < _DESC.size:
        raise CannotMap("the chunk that describes its samples is cut short")
    rate, coding, flags, packet_bytes, packet_frames, channels, _ = _DESC.unpack(fields)
    if coding != b"lpcm":
        raise CannotMap(f"it holds sound in coding {coding.decode('latin-1')!r}, no plain samples")
    if packet_frames != 1 or not channels or packet_bytes % channels:
        raise CannotMap(f"it has packets of {packet_bytes} bytes for {packet_frames} frames of {channels} channels")
    sample_bytes = packet_bytes // channels
    encoding = floating(sample_bytes) if flags & _IS_FLOAT else integer(sample_bytes)
    hz = round(rate) if math.isfinite(rate) and abs(rate) <= MAX_SAMPLE_RATE_HZ else 0
    return SampleForm(hz, channels, encoding, is_big_endian=not flags & _IS_LITTLE_ENDIAN)
