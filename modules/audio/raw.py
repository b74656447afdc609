"""Raw PCM: samples without a header, as they arrive."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from modules.audio.buffer import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ, AudioBuffer
from modules.errors import ConfigError

_BYTES_PER_SAMPLE = 2


class Readable(Protocol):
    """What raw samples are read from: a binary file, or whatever gives bytes as they come."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, nothing at the end."""
        ...


def raw_blocks(file: Readable, rate: int, channels: int, *, block_s: float) -> Iterator[AudioBuffer]:
    """Buffers of at most `block_s` seconds of little-endian 16-bit PCM at `rate` Hz, as soon as there is any.

    Bytes that do not make up a whole frame at the end are left out. Raises `ConfigError` for a rate or a number of
    channels that cannot be.
    """
    if not 1 <= channels <= MAX_CHANNELS:
        raise ConfigError(f"channels must be 1 to {MAX_CHANNELS}, got {channels}")
    if not 1 <= rate <= MAX_SAMPLE_RATE_HZ:
        raise ConfigError(f"sample_rate must be 1 to {MAX_SAMPLE_RATE_HZ} Hz, got {rate}")
    frame = _BYTES_PER_SAMPLE * channels
    size = max(1, round(block_s * rate)) * frame
    read = getattr(file, "read1", file.read)  # what is there, without waiting for all that was asked for
    rest = b""
    frames = 0
    while data := read(size):
        whole = (len(rest) + len(data)) // frame * frame
        samples, rest = (rest + data)[:whole], (rest + data)[whole:]
        if whole:
            array = np.frombuffer(samples, "<i2")
            shaped = array if channels == 1 else array.reshape(-1, channels)
            yield AudioBuffer.of(shaped, rate, start_s=frames / rate)
            frames += whole // frame
