"""Where the samples of a WAV file lie: RIFF, big-endian RIFX, RF64 and BW64 with 64-bit sizes, and Sony's Wave64.

Formats: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0", EBU Tech 3306 (RF64), ITU-R BS.2088
(BW64), and "Sony Pictures Digital Wave 64" for the names of its chunks.
"""

import struct
from dataclasses import dataclass

from modules.audio.chunk_walk import RIFF_CHUNKS, RIFX_CHUNKS, W64_CHUNKS, Chunk, ChunkForm, chunks, looks_like_chunk
from modules.audio.pcm_layout import Claim, Encoding, Header, PcmLayout, SampleForm, floating, integer
from modules.errors import CannotMap

_OPEN_SIZE = 0xFFFFFFFF  # what a 32-bit size says that is not known, or stands in `ds64`
_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_CODINGS = {0x0002: "ADPCM", 0x0006: "A-law", 0x0007: "mu-law", 0x0011: "IMA ADPCM", 0x0031: "GSM", 0x0055: "MP3"}
_SUBFORMAT_AT = 24
_SUBFORMAT = "IHH8s"  # a GUID: the coding, then always the same
_SUBFORMAT_END = (0x0000, 0x0010, bytes.fromhex("800000aa00389b71"))
_W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
_W64_END = bytes.fromhex("f3acd3118cd100c04f8edb8a")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between the four."""

    container: str
    chunks: ChunkForm
    first_chunk: int = 12
    is_big_endian: bool = False


def wav_layout(header: Header) -> PcmLayout | None:
    """The layout, or `None` when this is none of them. Raises `CannotMap` for samples that are not plain."""
    kind = _kind(header)
    if kind is None:
        return None
    form: SampleForm | None = None
    sound: Chunk | None = None
    long_size: int | None = None
    lies: tuple[str, ...] = ()
    for chunk in chunks(header, kind.first_chunk, kind.chunks):
        name = chunk.name[:4]
        if name == b"ds64":
            long_size = _long_size(header, chunk)
        elif name == b"fmt " and form is None:
            form, lies = _form(header[chunk.start : chunk.start + min(chunk.size, 64)], kind)
        elif name == b"data" and sound is None:
            sound = chunk
        if form and sound:
            break
    if form is None or sound is None:
        raise CannotMap(f"its header says nothing of {'samples' if form else 'their format'}")
    claimed, doubt = _claimed(header, sound, kind, long_size)
    claim = Claim(sound.start, claimed, len(header))
    return PcmLayout.found(kind.container, form, claim, lies=(*lies, *doubt))


def _kind(header: Header) -> _Kind | None:
    start = header[:40]
    if start[:16] == _W64_RIFF and start[24:28] == b"wave" and start[28:] == _W64_END:
        return _Kind("W64", W64_CHUNKS, first_chunk=40)
    if start[8:12] != b"WAVE":
        return None
    kinds = {
        b"RIFF": _Kind("WAV", RIFF_CHUNKS),
        b"RIFX": _Kind("WAV", RIFX_CHUNKS, is_big_endian=True),
        b"RF64": _Kind("RF64", RIFF_CHUNKS),
        b"BW64": _Kind("RF64", RIFF_CHUNKS),
    }
    return kinds.get(start[:4])


def _form(fields: bytes, kind: _Kind) -> tuple[SampleForm, tuple[str, ...]]:
    """What the `fmt ` chunk says, and what it says wrongly."""
    order = ">" if kind.is_big_endian else "<"
    if len(fields) < struct.calcsize("HHIIHH"):
        raise CannotMap("the chunk that describes its samples is cut short")
    coding, channels, rate, _, frame_bytes, bits = struct.unpack_from(f"{order}HHIIHH", fields)
    if coding == _EXTENSIBLE:
        coding = _subformat(fields, order)
    if coding not in (_PCM, _FLOAT):
        raise CannotMap(f"it holds {_CODINGS.get(coding, f'sound in coding 0x{coding:04x}')}, no plain samples")
    sample_bytes = -(-bits // 8)
    lies: tuple[str, ...] = ()
    if channels and frame_bytes % channels == 0 and frame_bytes // channels >= sample_bytes:
        sample_bytes = frame_bytes // channels
    else:
        lies = (f"claims frames of {frame_bytes} bytes for {channels} channels of {bits} bits",)
    if coding == _FLOAT:
        encoding = floating(sample_bytes)
    else:
        encoding = Encoding.U8 if sample_bytes == 1 else integer(sample_bytes)
    return SampleForm(rate, channels, encoding, is_big_endian=kind.is_big_endian), lies


def _subformat(fields: bytes, order: str) -> int:
    if len(fields) < _SUBFORMAT_AT + struct.calcsize(order + _SUBFORMAT):
        raise CannotMap("the chunk that describes its samples is cut short")
    coding, *end = struct.unpack_from(order + _SUBFORMAT, fields, _SUBFORMAT_AT)
    if tuple(end) != _SUBFORMAT_END:
        raise CannotMap("it holds sound in a coding that is not known")
    return int(coding)


def _long_size(header: Header, chunk: Chunk) -> int | None:
    fields = header[chunk.start : chunk.start + 16]
    return int(struct.unpack("<QQ", fields)[1]) if len(fields) == struct.calcsize("<QQ") else None


def _claimed(header: Header, sound: Chunk, kind: _Kind, long_size: int | None) -> tuple[int | None, tuple[str, ...]]:
    """How many bytes of samples the header claims, `None` for all there are, and why that is doubtful."""
    if kind.chunks is W64_CHUNKS:
        return (sound.size, ()) if sound.size >= 0 else (None, ("claims less than no samples",))
    if sound.size == _OPEN_SIZE:
        if kind.container == "RF64" and long_size:
            return long_size, ()
        return None, ("leaves open how many samples there are",)
    if sound.size == 0 and sound.start < len(header) and not looks_like_chunk(header, sound.start, kind.chunks):
        return None, (f"claims that there are no samples where {len(header) - sound.start} bytes follow",)
    return sound.size, ()
