"""Overlapping windows over a stream: what a model that hears a fixed length is fed, however the audio arrives."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.errors import AudioError


@dataclass(frozen=True, slots=True)
class WindowShape:
    """Windows of `frames` samples at `sample_rate` Hz, one every `hop` samples.

    The first window begins `lead` samples before the stream, in silence: for models that want to hear what came before.
    """

    sample_rate: int
    frames: int
    hop: int
    lead: int = 0

    def __post_init__(self) -> None:
        AudioBuffer.check_rate(self.sample_rate)
        if not 1 <= self.hop <= self.frames:
            raise ValueError(f"hop must be 1 to the window's {self.frames} samples, got {self.hop}")
        if not 0 <= self.lead <= self.frames - self.hop:
            raise ValueError(f"lead must be 0 to {self.frames - self.hop} samples (window less hop), got {self.lead}")

    @classmethod
    def of_seconds(cls, sample_rate: int, *, window_s: float, hop_s: float, lead_s: float = 0.0) -> Self:
        """The shape in seconds, each rounded to a sample."""
        return cls(sample_rate, *(round(seconds * sample_rate) for seconds in (window_s, hop_s, lead_s)))

    @property
    def before(self) -> int:
        """How many samples of a window come before the stretch it speaks for: its middle, or what follows the lead."""
        return max((self.frames - self.hop) // 2, self.lead)


@dataclass(frozen=True, slots=True, eq=False)
class WindowRun:
    """Neighbouring windows of one stream: `audio` holds them all, the last one filled up with silence if need be.

    `first` is the first window's number in its stream. With `end_s` nothing comes after this run, and the stream's
    samples end there, maybe inside the last window.
    """

    audio: AudioBuffer
    shape: WindowShape
    first: int
    end_s: float | None = None

    @property
    def count(self) -> int:
        """How many windows."""
        return (self.audio.frames - self.shape.frames) // self.shape.hop + 1

    @property
    def rows(self) -> NDArray[np.float32]:
        """The windows as (count, frames), views of the audio: nothing is copied, nothing may be written."""
        return window_views(self.audio.samples, self.shape.frames, self.shape.hop)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The stretch each window speaks for, in seconds of the stream; each begins where the one before it ends."""
        shape, start_s = self.shape, self.audio.start_s
        edges = [start_s + (shape.before + n * shape.hop) / shape.sample_rate for n in range(self.count + 1)]
        if self.first == 0:
            edges[0] = start_s + shape.lead / shape.sample_rate
        if self.end_s is not None:
            edges = [min(edge, self.end_s) for edge in edges[:-1]] + [self.end_s]
        return list(pairwise(edges))


class Windows:
    """A `SessionStage` from mono audio to runs of windows; results do not depend on how the audio was cut."""

    def __init__(self, shape: WindowShape) -> None:
        """Cut by `shape`."""
        self.shape = shape

    def open(self) -> "WindowsSession":
        """A session for one stream."""
        return WindowsSession(self.shape)


class WindowsSession:
    """One stream's samples that are not yet in all of their windows: less than a window of them."""

    def __init__(self, shape: WindowShape) -> None:
        """Start before the first sample."""
        self._shape = shape
        self._held: AudioBuffer | None = None
        self._count = 0

    def feed(self, payload: AudioBuffer) -> list[WindowRun]:
        """A run of the windows that are full. Raises `AudioError` for audio that is not mono at the shape's rate."""
        audio = AudioBuffer.joined([self._begun(payload), payload])
        full = (audio.frames - self._shape.frames) // self._shape.hop + 1
        if full < 1:
            self._held = audio
            return []
        used = (full - 1) * self._shape.hop + self._shape.frames
        self._held = audio.cut(full * self._shape.hop)
        self._count += full
        return [self._run(audio.cut(0, used), full)]

    def finish(self) -> list[WindowRun]:
        """A last window, filled up with silence, when there are samples that were in none."""
        shape, held = self._shape, self._held
        covered = shape.frames - shape.hop if self._count else shape.lead
        if held is None or held.frames <= covered:
            return []
        self._count += 1
        silence = AudioBuffer.silence(shape.frames - held.frames, shape.sample_rate, start_s=held.end_s)
        return [self._run(AudioBuffer.joined([held, silence]), 1, held.end_s)]

    def cancel(self) -> None:
        """Nothing here takes long."""

    def _begun(self, payload: AudioBuffer) -> AudioBuffer:
        """What is held; before the first sample, the silence that leads."""
        rate = self._shape.sample_rate
        if payload.channels != 1 or payload.sample_rate != rate:
            raise AudioError(
                f"windows are cut from mono audio at {rate} Hz, "
                f"got {payload.channels} channels at {payload.sample_rate} Hz"
            )
        if self._held is None:
            return AudioBuffer.silence(self._shape.lead, rate, start_s=payload.start_s - self._shape.lead / rate)
        return self._held

    def _run(self, audio: AudioBuffer, windows: int, end_s: float | None = None) -> WindowRun:
        return WindowRun(audio, self._shape, self._count - windows, end_s)


def window_views(samples: NDArray[np.float32], frames: int, hop: int) -> NDArray[np.float32]:
    """All whole windows of the samples as (count, frames): views, not to be written to.

    It is `sliding_window_view`, which takes 20 times as long: 80 us with cold caches, for every stream of a batch.
    """
    whole = np.ascontiguousarray(samples)
    count = max(0, (len(whole) - frames) // hop + 1)
    views: NDArray[np.float32] = np.ndarray(
        (count, frames), whole.dtype, whole, strides=(hop * whole.itemsize, whole.itemsize)
    )
    views.flags.writeable = False
    return views
