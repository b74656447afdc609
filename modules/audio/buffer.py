"""`AudioBuffer`: samples in memory with their rate and their place in the stream. Cutting gives views."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modules.errors import AudioError

MAX_SAMPLE_RATE_HZ = 768_000
MAX_CHANNELS = 64

_PCM16_STEP = np.float32(2.0**-15)
_PCM32_STEP = np.float32(2.0**-31)
_FEW_SAMPLES = 1 << 16
"""Of more than these a copy that holds the interpreter lock would keep others waiting."""

_LARGEST = (0x7F, 0xFF)  # top bytes of NaN, infinity and what is above 1.7e38
_TOP_BYTE = slice(3, None, 4) if sys.byteorder == "little" else slice(0, None, 4)  # of each float32: sign and exponent
_FEW_CHANNELS = 7  # numpy adds so many one after the other, as is done here; more in another order


class AudioBuffer:
    """Float32 samples of shape (frames,) for mono or (frames, channels), in [-1, 1] for a full-scale signal.

    `sample_rate` is in Hz; `start_s` is where the first frame stands in its stream, in seconds. Nothing of it changes.
    Raises `AudioError` for another type, shape or rate. The samples are not copied and must not be changed.
    A buffer made from 16-bit samples keeps them as `pcm16` and makes floats when somebody asks: a recogniser that takes
    16 bits never does, and the event loop, on which samples are pushed, never converts.
    """

    __slots__ = ("_given", "_sample_rate", "_samples", "_start_s")

    def __init__(self, samples: NDArray[np.float32], sample_rate: int, start_s: float = 0.0) -> None:
        if samples.dtype != np.float32:
            raise AudioError(
                f"samples must be float32 of shape (frames,) or (frames, channels), "
                f"got {samples.dtype} of shape {samples.shape}; AudioBuffer.of() converts"
            )
        self._given: NDArray[Any] = samples
        self._samples: NDArray[np.float32] | None = samples
        self._place(sample_rate, start_s)

    def __repr__(self) -> str:
        return (
            f"<AudioBuffer {self.frames} frames, {self.channels} channels, {self._sample_rate} Hz, "
            f"from {self._start_s:.3f} s>"
        )

    @classmethod
    def of_pcm16(cls, samples: NDArray[np.int16], sample_rate: int, start_s: float = 0.0) -> Self:
        """A buffer of 16-bit samples, which become floats when they are asked for."""
        buffer = cls.__new__(cls)
        buffer._given = samples
        buffer._samples = None
        buffer._place(sample_rate, start_s)
        return buffer

    def _place(self, sample_rate: int, start_s: float) -> None:
        shape = self._given.shape
        if len(shape) not in (1, 2):
            raise AudioError(f"samples must be of shape (frames,) or (frames, channels), got shape {shape}")
        if len(shape) > 1 and not 1 <= shape[1] <= MAX_CHANNELS:
            raise AudioError(f"channels must be 1 to {MAX_CHANNELS}, got {shape[1]}")
        self.check_rate(sample_rate)
        self._sample_rate = sample_rate
        self._start_s = start_s

    @property
    def samples(self) -> NDArray[np.float32]:
        """The samples as float32."""
        if self._samples is None:
            self._samples = np.multiply(self._given, _PCM16_STEP, dtype=np.float32)
        return self._samples

    @property
    def pcm16(self) -> NDArray[np.int16] | None:
        """The 16-bit samples it was made from, if it was."""
        return self._given if self._given.dtype == np.int16 else None

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self._sample_rate

    @property
    def start_s(self) -> float:
        """Where the first frame stands in the stream, in seconds."""
        return self._start_s

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
    def copied(cls, samples: NDArray[Any], sample_rate: int, *, start_s: float = 0.0) -> Self:
        """As `of`, but sharing no memory with `samples`, which the caller may use again."""
        if isinstance(samples, np.ndarray) and samples.flags.c_contiguous and samples.size <= _FEW_SAMPLES:
            # Through bytes: what numpy does with an array lets go of the interpreter lock, and on an event loop beside
            # busy workers getting it back takes longer than the work.
            is_pcm16 = samples.dtype == np.int16
            if is_pcm16 or samples.dtype == np.float32:
                kept_bytes = samples.tobytes()
                kept = np.frombuffer(kept_bytes, samples.dtype).reshape(samples.shape)
                if is_pcm16:
                    return cls.of_pcm16(kept, sample_rate, start_s)
                if not _may_hold_infinity(kept_bytes):
                    return cls(kept, sample_rate, start_s)
        buffer = cls.of(samples, sample_rate, start_s=start_s)
        if not np.may_share_memory(buffer._given, samples):
            return buffer
        return buffer._like(buffer._given.copy(), start_s)

    @classmethod
    def of(cls, samples: NDArray[Any], sample_rate: int, *, start_s: float = 0.0) -> Self:
        """Make a buffer from float or signed integer samples; floats are taken as they are, integers scaled to ±1.

        Raises `AudioError` for other types and shapes, and for NaN or infinite values.
        """
        array = np.asarray(samples)
        if array.dtype == np.int16:
            return cls.of_pcm16(array, sample_rate, start_s)
        if array.dtype == np.int32:
            return cls(np.multiply(array, _PCM32_STEP, dtype=np.float32), sample_rate, start_s)  # integers are finite
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
        return len(self._given)

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames,) or (frames, channels)."""
        return self._given.shape

    @property
    def channels(self) -> int:
        """1 for mono."""
        return 1 if self._given.ndim == 1 else int(self._given.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self._given) / self._sample_rate

    @property
    def end_s(self) -> float:
        """Where the frame after the last would stand in the stream, in seconds."""
        return self._start_s + self.duration_s

    def cut(self, start: int, end: int | None = None) -> Self:
        """Frames `start` to `end` (not included) as a view; `start_s` moves along."""
        assert start >= 0, start
        return self._like(self._given[start:end], self._start_s + start / self._sample_rate)

    def kept(self) -> Self:
        """The same samples in memory of their own: for who keeps a few of many, since a view keeps all of its block."""
        return self._like(self._given.copy(), self._start_s)

    def placed(self, start_s: float) -> Self:
        """The same samples at another place in the stream."""
        return self._like(self._given, start_s)

    def _like(self, samples: NDArray[Any], start_s: float) -> Self:
        """Other samples of the same kind and rate; what was checked once is not checked again."""
        other = type(self).__new__(type(self))
        other._given = samples
        other._samples = None if self._samples is not self._given else samples
        other._sample_rate = self._sample_rate
        other._start_s = start_s
        return other

    @staticmethod
    def joined(parts: Sequence["AudioBuffer"]) -> "AudioBuffer":
        """Consecutive buffers of one stream as one; a single one is returned as it is.

        Where samples are missing between them, the last one keeps its place and the others move up to it.
        """
        first, last = parts[0], parts[-1]
        if len(parts) == 1:
            return first
        before_s = sum(part.frames for part in parts[:-1]) / first._sample_rate
        gap_s = last._start_s - first._start_s - before_s
        start_s = first._start_s + (gap_s if gap_s > 0.5 / first._sample_rate else 0.0)
        if all(part.pcm16 is not None for part in parts):
            return first._like(np.concatenate([part._given for part in parts]), start_s)
        return AudioBuffer(np.concatenate([part.samples for part in parts]), first._sample_rate, start_s)

    def blocks(self, block_s: float) -> Iterator[Self]:
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
        if self._given.ndim == 1:
            return self
        if channel is not None or self.channels == 1:
            return self._like(self._given[:, channel or 0], self._start_s)
        return AudioBuffer(_mean(self.samples), self.sample_rate, self.start_s)


def _mean(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of all channels; of few, column by column: numpy's own takes 40 times as long for two."""
    channels = samples.shape[1]
    if channels > _FEW_CHANNELS:
        mean: NDArray[np.float32] = samples.mean(axis=1, dtype=np.float32)
        return mean
    total = samples[:, 0] + samples[:, 1]
    for channel in range(2, channels):
        total += samples[:, channel]
    total /= np.float32(channels)
    return total


def _may_hold_infinity(floats: bytes) -> bool:
    """Whether a float32 among them may be NaN or infinite: all but the largest exponents say that it is not."""
    top = floats[_TOP_BYTE]
    return _LARGEST[0] in top or _LARGEST[1] in top
