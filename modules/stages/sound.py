"""Any stream's audio as the mono audio at one rate that a model hears."""

from collections.abc import Sequence

from modules.audio.buffer import AudioBuffer
from modules.audio.downmix import Downmix
from modules.audio.resample import ResampleQuality, Resampler
from modules.stages.fused import FusedSession


class SoundAt:
    """A `SessionStage`: buffers at any rate with any channels in, mono buffers at `sample_rate` Hz out."""

    def __init__(self, sample_rate: int, *, channel: int | None = None, quality: ResampleQuality = "HQ") -> None:
        """Take `channel`, counted from 0, or the mean of all. Raises `AudioError` for a rate that there is not."""
        AudioBuffer.check_rate(sample_rate)
        self.sample_rate = sample_rate
        self.channel = channel
        self.quality = quality

    def open(self) -> "SoundAtSession":
        """A session for one stream."""
        return SoundAtSession(self)


class SoundAtSession:
    """One stream, whose rate is that of its first buffer."""

    def __init__(self, stage: SoundAt) -> None:
        """Nothing is known of the stream yet."""
        self._stage = stage
        self._row: FusedSession | None = None

    def feed(self, payload: AudioBuffer) -> Sequence[AudioBuffer]:
        """The same sound, often a little less of it. Raises `AudioError` when the rate changes midway."""
        if self._row is None:
            resampler = Resampler(payload.sample_rate, self._stage.sample_rate, self._stage.quality)
            self._row = FusedSession([Downmix(self._stage.channel), resampler])
        return self._row.feed(payload)

    def finish(self) -> Sequence[AudioBuffer]:
        """What the resampler held back."""
        return self._row.finish() if self._row else []

    def cancel(self) -> None:
        """Nothing here takes long."""
