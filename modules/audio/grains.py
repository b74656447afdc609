"""Fixed grains of samples and the 16-bit PCM that recognisers take, so that results never depend on how audio was cut.

No sample rate and no library's name is known here: a stage says how many frames its grain has.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Sample = TypeVar("Sample", np.float32, np.int16)

_PCM16_SCALE = 32_768.0
_PCM16_MIN, _PCM16_MAX = -32_768.0, 32_767.0


class GrainCutter(Generic[Sample]):
    """Samples pushed in pieces of any length come out in grains of exactly `grain_frames`, none lost, none moved.

    At most one grain is copied and kept between pushes; grains that lie whole inside one piece are views of it.
    """

    __slots__ = ("_filled", "_grain_frames", "_pending")

    def __init__(self, grain_frames: int, sample_type: type[Sample]) -> None:
        if grain_frames < 1:
            raise ValueError(f"grain_frames must be at least 1, got {grain_frames}")
        self._grain_frames = grain_frames
        self._pending: NDArray[Sample] = np.empty(grain_frames, dtype=sample_type)
        self._filled = 0

    def __repr__(self) -> str:
        return f"<GrainCutter {self._filled} of {self._grain_frames} frames>"

    def push(self, samples: NDArray[Sample]) -> list[NDArray[Sample]]:
        """The grains that these mono samples, of shape (frames,), complete: often none."""
        if not self._filled and samples.shape == self._pending.shape:  # as most chunks of live streams are
            return [samples]
        return list(self._grains(samples))

    def rest(self) -> NDArray[Sample]:
        """The samples that complete no grain, fewer than `grain_frames`; the cutter is then empty."""
        filled, self._filled = self._filled, 0
        rest: NDArray[Sample] = self._pending[:filled].copy()
        return rest

    def _grains(self, samples: NDArray[Sample]) -> Iterator[NDArray[Sample]]:
        assert samples.ndim == 1, samples.shape
        size, start = self._grain_frames, 0
        if self._filled:
            start = min(size - self._filled, len(samples))
            self._keep(samples[:start])
            if self._filled < size:
                return
            self._filled = 0
            yield self._pending.copy()
        whole = start + (len(samples) - start) // size * size
        for begin in range(start, whole, size):
            yield samples[begin : begin + size]
        self._keep(samples[whole:])

    def _keep(self, samples: NDArray[Sample]) -> None:
        self._pending[self._filled : self._filled + len(samples)] = samples
        self._filled += len(samples)


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """The samples in 16 bits: x * 32768 rounded (ties to even) and clipped to -32768..32767.

    Any int16 divided by 32768 comes back as itself. NaN and infinities do not get this far: see `AudioBuffer.of`.
    """
    scaled: NDArray[np.float32] = samples * np.float32(_PCM16_SCALE)
    np.rint(scaled, out=scaled)
    np.clip(scaled, _PCM16_MIN, _PCM16_MAX, out=scaled)
    return scaled.astype("<i2")


def to_pcm16(samples: NDArray[np.float32]) -> bytes:
    """The samples as little-endian 16-bit PCM, as `to_int16` makes them."""
    return to_int16(samples).tobytes()
