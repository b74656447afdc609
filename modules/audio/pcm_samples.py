"""Uncompressed samples as they lie in a file, as arrays: views where their encoding is one of ours, else converted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.audio.pcm_layout import Encoding, SampleForm

PIECE_FRAMES = 1 << 14
"""So many frames are converted at once: what comes between file and result then stays in a cache of the CPU."""

_DTYPES = {
    Encoding.U8: "u1",
    Encoding.S8: "i1",
    Encoding.S16: "i2",
    Encoding.S24: "i4",
    Encoding.S32: "i4",
    Encoding.F32: "f4",
    Encoding.F64: "f8",
}
_U8_MIDDLE, _U8_STEP = np.float32(128.0), np.float32(2.0**-7)


def as_pcm16(raw: NDArray[np.uint8], form: SampleForm) -> NDArray[np.int16] | None:
    """The bytes of whole frames of 16-bit samples as these, a view if it can be; `None` for other encodings."""
    if form.encoding is not Encoding.S16:
        return None
    samples = _written(raw, form)
    return samples if samples.flags.aligned and samples.dtype.isnative else samples.astype(np.int16)


def as_floats(raw: NDArray[np.uint8], form: SampleForm) -> NDArray[np.float32]:
    """The bytes of whole frames as float32 in ±1: a view of floats that are so already, else converted."""
    if form.encoding is Encoding.F32:
        samples = _written(raw, form)
        if samples.flags.aligned and samples.dtype.isnative:
            return samples
    frames = len(raw) // form.frame_bytes
    floats = np.empty(frames if form.channels == 1 else (frames, form.channels), np.float32)
    fill(floats, raw, form)
    return floats


def fill(floats: NDArray[np.float32], raw: NDArray[np.uint8], form: SampleForm) -> None:
    """Convert the bytes of as many frames as `floats` has."""
    for start in range(0, len(floats), PIECE_FRAMES):
        piece = floats[start : start + PIECE_FRAMES]
        first = start * form.frame_bytes
        _convert(piece, _written(raw[first : first + len(piece) * form.frame_bytes], form))


def _written(raw: NDArray[np.uint8], form: SampleForm) -> NDArray[Any]:
    """Of shape (frames,) for mono or (frames, channels), in their own byte order; 24-bit samples as 32-bit ones."""
    if form.encoding is Encoding.S24:
        samples = _widened(raw, is_big_endian=form.is_big_endian)
    else:
        samples = raw.view((">" if form.is_big_endian else "<") + _DTYPES[form.encoding])
    return samples if form.channels == 1 else samples.reshape(-1, form.channels)


def _convert(floats: NDArray[np.float32], samples: NDArray[Any]) -> None:
    if samples.dtype == np.uint8:
        np.subtract(samples, _U8_MIDDLE, out=floats, dtype=np.float32)
        np.multiply(floats, _U8_STEP, out=floats)
    elif samples.dtype.kind == "i":
        np.multiply(samples, np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize)), out=floats, dtype=np.float32)
    else:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and whoever asks for it is told
            floats[...] = samples


def _widened(raw: NDArray[np.uint8], *, is_big_endian: bool) -> NDArray[np.int32]:
    """24-bit samples in the upper bytes of 32-bit ones."""
    three = raw.reshape(-1, 3)
    four = np.zeros((len(three), 4), np.uint8)
    for number in range(3):  # all three in one go take numpy eight times as long
        four[:, 3 - number if is_big_endian else 1 + number] = three[:, number]
    return four.view("<i4")[:, 0]
