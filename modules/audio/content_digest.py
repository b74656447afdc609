"""What audio is the same: a digest of a recording's bytes, or of samples in memory with their rate and shape."""

import hashlib
import io
from typing import cast

import numpy as np

from modules.audio.buffer import AudioBuffer
from modules.audio.source import Source, open_source


def content_digest(content: Source | AudioBuffer) -> str | None:
    """SHA-256 in hexadecimal; `None` for a file object that can be read only once. Raises `DecodeError`.

    Samples and the recording that they came from have different digests, and so have 16-bit samples and floats.
    """
    if isinstance(content, AudioBuffer):
        return _of_samples(content)
    if hasattr(content, "read") and not _can_be_read_again(content):
        return None
    with open_source(content) as file:
        file.seek(0)
        return hashlib.file_digest(cast("io.BytesIO", file), "sha256").hexdigest()


def _of_samples(buffer: AudioBuffer) -> str:
    samples = buffer.samples if buffer.pcm16 is None else buffer.pcm16
    total = hashlib.sha256(f"{samples.dtype} {samples.shape} {buffer.sample_rate} {buffer.start_s!r}\n".encode())
    total.update(np.ascontiguousarray(samples).data)
    return total.hexdigest()


def _can_be_read_again(file: object) -> bool:
    seekable = getattr(file, "seekable", None)
    return seekable is not None and not isinstance(file, io.TextIOBase) and bool(seekable())
