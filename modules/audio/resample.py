"""`Resampler`: one stream at another rate, the same to the bit however the stream is cut. The only importer of soxr."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import soxr
from numpy.typing import NDArray

from modules.audio.buffer import MAX_SAMPLE_RATE_HZ, AudioBuffer
from modules.errors import AudioError, ConfigError

ResampleQuality: TypeAlias = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]
"""soxr's recipes, quickest to very high: cubic, 16-bit with wide and with medium roll-off, 20-bit, 28-bit precision."""


class Resampler:
    """A session that turns mono buffers at `in_rate` Hz into mono buffers at `out_rate` Hz; other rates, other sound.

    Everything fed, then `finish`, gives to the bit what one `soxr.resample` of the whole gives. `start_s` goes on from
    that of the first buffer, and jumps where a buffer's does. Equal rates pass through without a copy. Raises
    `ConfigError` for rates and qualities that there are not.
    """

    def __init__(self, in_rate: int, out_rate: int, quality: ResampleQuality = "HQ") -> None:
        for rate in (in_rate, out_rate):
            if not 1 <= rate <= MAX_SAMPLE_RATE_HZ:
                raise ConfigError(f"sample rates must be 1 to {MAX_SAMPLE_RATE_HZ} Hz, got {rate}")
        if quality not in get_args(ResampleQuality):
            raise ConfigError(f"quality must be one of {', '.join(get_args(ResampleQuality))}, got {quality!r}")
        self._in_rate = in_rate
        self._out_rate = out_rate
        self._stream = None if in_rate == out_rate else soxr.ResampleStream(in_rate, out_rate, 1, "float32", quality)
        self._origin_s: float | None = None
        self._fed_until_s = 0.0
        self._out_frames = 0

    def __repr__(self) -> str:
        return f"<Resampler {self._in_rate} to {self._out_rate} Hz, {self._out_frames} frames out>"

    def feed(self, payload: AudioBuffer) -> Sequence[AudioBuffer]:
        """What is known of the output after this buffer: often a little less than its length, sometimes nothing.

        Raises `AudioError` for a buffer at another rate or with more than one channel.
        """
        if len(payload.shape) != 1 or payload.sample_rate != self._in_rate:
            raise AudioError(
                f"a resampler from {self._in_rate} Hz takes mono buffers at that rate, "
                f"got {payload.channels} channels of shape {payload.shape} at {payload.sample_rate} Hz"
            )
        if self._stream is None:
            return [payload]
        if self._origin_s is None:
            self._origin_s = payload.start_s
        elif payload.start_s - self._fed_until_s > 0.5 / self._in_rate:  # samples were dropped before this buffer
            self._origin_s += payload.start_s - self._fed_until_s
        self._fed_until_s = payload.end_s
        return self._placed(self._stream.resample_chunk(np.ascontiguousarray(payload.samples)))

    def finish(self) -> Sequence[AudioBuffer]:
        """The end of the output, which soxr holds back until it knows that no more comes."""
        if self._stream is None:
            return []
        return self._placed(self._stream.resample_chunk(np.empty(0, dtype=np.float32), last=True))

    def cancel(self) -> None:
        """Nothing to stop: one `feed` takes about a thousandth of the time its samples last."""

    def _placed(self, samples: NDArray[np.float32]) -> Sequence[AudioBuffer]:
        if not len(samples):
            return []
        start_s = (self._origin_s or 0.0) + self._out_frames / self._out_rate
        self._out_frames += len(samples)
        return [AudioBuffer(samples, self._out_rate, start_s)]
