"""`AudioBuffer`: samples in memory with their rate and their place in the stream. Cutting gives views."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modules.errors import AudioError

MAX_SAMPLE_RATE_HZ = 768_000
MAX_CHANNELS = 64

_FULL_SCALE = {np.dtype(np.int16): np.float32(2.0**-15), np.dtype(np.int32): np.float32(2.0**-31)}


@dataclass(frozen=True, slots=True, eq=False)
class AudioBuffer:
    """Float32 samples of shape (frames,) for mono or (frames, channels), in [-1, 1] for a full-scale signal.

    `sample_rate` is in Hz; `start_s` is where the first frame stands in its stream, in seconds.
    Raises `AudioError` for another type, shape or rate. The samples are not copied and must not be changed.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    start_s: float = 0.0

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim not in (1, 2):
            raise AudioError(
                f"samples must be float32 of shape (frames,) or (frames, channels), "
                f"got {self.samples.dtype} of shape {self.samples.shape}; AudioBuffer.of() converts"
            )
        self.check_rate(self.sample_rate)
        if self.samples.ndim > 1 and not 1 <= self.samples.shape[1] <= MAX_CHANNELS:
            raise AudioError(f"channels must be 1 to {MAX_CHANNELS}, got {self.samples.shape[1]}")

    @staticmethod
    def check_rate(sample_rate: int) -> None:
        """Raise `AudioError` for a rate in Hz that no buffer can have."""
        if not 1 <= sample_rate <= MAX_SAMPLE_RATE_HZ:
            raise AudioError(f"sample_rate must be 1 to {MAX_SAMPLE_RATE_HZ} Hz, got {sample_rate}")

    @classmethod
    def silence(cls, frames: int, sample_rate: int, *, start_s: float = 0.0) -> Self:
        """Zeros, mono."""
        return cls(np.zeros(frames, np.float32), sample_rate, start_s)

    @classmethod
    def copied(cls, samples: NDArray[Any], sample_rate: int) -> Self:
        """As `of`, but sharing no memory with `samples`, which the caller may use again."""
        buffer = cls.of(samples, sample_rate)
        if buffer.samples is samples or np.may_share_memory(buffer.samples, samples):
            return cls(buffer.samples.copy(), sample_rate)
        return buffer

    @classmethod
    def of(cls, samples: NDArray[Any], sample_rate: int, *, start_s: float = 0.0) -> Self:
        """Make a buffer from float or signed integer samples; floats are taken as they are, integers scaled to ±1.

        Raises `AudioError` for other types and shapes, and for NaN or infinite values.
        """
        array = np.asarray(samples)
        if scale := _FULL_SCALE.get(array.dtype):
            return cls(np.multiply(array, scale, dtype=np.float32), sample_rate, start_s)  # integers are finite
        if array.dtype in (np.float16, np.float64):
            array = array.astype(np.float32)
        elif array.dtype != np.float32:
            raise AudioError(f"samples must be float16/32/64, int16 or int32, got {array.dtype}")
        if not np.isfinite(array).all():
            raise AudioError("samples hold NaN or infinite values; clean them before processing")
        return cls(array, sample_rate, start_s)

    @property
    def frames(self) -> int:
        """Samples per channel."""
        return int(self.samples.shape[0])

    @property
    def channels(self) -> int:
        """1 for mono."""
        return 1 if self.samples.ndim == 1 else int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    @property
    def end_s(self) -> float:
        """Where the frame after the last would stand in the stream, in seconds."""
        return self.start_s + self.duration_s

    def cut(self, start: int, end: int | None = None) -> "AudioBuffer":
        """Frames `start` to `end` (not included) as a view; `start_s` moves along."""
        assert start >= 0, start
        return AudioBuffer(self.samples[start:end], self.sample_rate, self.start_s + start / self.sample_rate)

    @staticmethod
    def joined(parts: Sequence["AudioBuffer"]) -> "AudioBuffer":
        """Consecutive buffers of one stream as one; a single one is returned as it is."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return AudioBuffer(np.concatenate([part.samples for part in parts]), first.sample_rate, first.start_s)

    def blocks(self, block_s: float) -> Iterator["AudioBuffer"]:
        """Consecutive views of `block_s` seconds, the last one shorter."""
        step = max(1, round(block_s * self.sample_rate))
        for start in range(0, self.frames, step):
            yield self.cut(start, start + step)

    def mono(self, channel: int | None = None) -> "AudioBuffer":
        """One channel: the mean of all of them, or number `channel` from 0, as a view where there is no need to mix.

        Raises `AudioError` when there is no such channel.
        """
        if channel is not None and not 0 <= channel < self.channels:
            raise AudioError(f"channel {channel} asked for, but the audio has {self.channels} (counted from 0)")
        if self.samples.ndim == 1:
            return self
        if channel is not None or self.channels == 1:
            return AudioBuffer(self.samples[:, channel or 0], self.sample_rate, self.start_s)
        return AudioBuffer(self.samples.mean(axis=1, dtype=np.float32), self.sample_rate, self.start_s)
