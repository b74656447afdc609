"""Log-mel features: what many models hear in the place of samples. The only importer of kaldi-native-fbank."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from modules.errors import ModelError


@dataclass(frozen=True, slots=True)
class LogMelOptions:
    """How features are made: `log(max(mel + offset, floor))` of `bins` mel bands between `low_hz` and `high_hz`.

    The defaults are YAMNet's (tensorflow/models, research/audioset/yamnet, params.py and features.py): bands of the
    magnitude, 25 ms frames every 10 ms under a periodic Hann window. `scale` multiplies samples first.
    """

    bins: int = 64
    frame_ms: float = 25.0
    hop_ms: float = 10.0
    low_hz: float = 125.0
    high_hz: float = 7500.0
    window: Literal["hann", "hanning", "hamming", "povey", "rectangular"] = "hann"
    is_power: bool = False
    preemphasis: float = 0.0
    removes_mean: bool = False
    scale: float = 1.0
    offset: float = 0.001
    floor: float = 1e-10

    def __post_init__(self) -> None:
        if not 1 <= self.bins <= 1024:  # noqa: PLR2004 - far more than any model has
            raise ValueError(f"bins must be 1 to 1024, got {self.bins}")
        if not 0 < self.hop_ms <= self.frame_ms <= 1000:  # noqa: PLR2004 - a second
            raise ValueError(f"0 < hop_ms <= frame_ms <= 1000 is needed, got {self.hop_ms} and {self.frame_ms}")
        if not 0 <= self.low_hz < self.high_hz:
            raise ValueError(f"0 <= low_hz < high_hz is needed, got {self.low_hz} and {self.high_hz}")
        if not (0 <= self.preemphasis < 1 and self.scale > 0 and self.offset >= 0 and self.floor > 0):
            raise ValueError(f"0 <= preemphasis < 1, scale > 0, offset >= 0 and floor > 0 are needed, got {self}")

    @classmethod
    def kaldi(cls, bins: int = 80) -> Self:
        """Kaldi's own: power, Povey window, pre-emphasis, no mean, samples of 16 bits."""
        return cls(
            bins=bins,
            low_hz=20.0,
            high_hz=7600.0,
            window="povey",
            is_power=True,
            preemphasis=0.97,
            removes_mean=True,
            scale=32_768.0,
            offset=0.0,
            floor=1.19209e-07,
        )


class LogMel:
    """Features of sound at `sample_rate` Hz, made by kaldi-native-fbank without dither, so they are always the same."""

    def __init__(self, options: LogMelOptions, sample_rate: int) -> None:
        """Take `options`. Raises `ModelError` when the library is missing or a band lies above half the rate."""
        if options.high_hz > sample_rate / 2:
            raise ModelError(f"high_hz = {options.high_hz:g} is above half the rate of {sample_rate} Hz")
        self.options = options
        self.sample_rate = sample_rate
        self._library = _library()
        self._settings = self._kaldi_settings()

    @property
    def frame_samples(self) -> int:
        """Samples a frame hears."""
        return int(self.sample_rate * self.options.frame_ms * 0.001)

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return int(self.sample_rate * self.options.hop_ms * 0.001)

    def frames(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features of mono samples as (frames, bins): frames lie wholly inside the samples."""
        count = (len(samples) - self.frame_samples) // self.hop_samples + 1
        if count < 1:
            return np.empty((0, self.options.bins), np.float32)
        bank = self._library.OnlineFbank(self._settings)
        bank.accept_waveform(self.sample_rate, (samples * np.float32(self.options.scale)).tolist())
        bank.input_finished()
        mel = np.stack([bank.get_frame(number) for number in range(count)])
        return np.log(np.maximum(mel + np.float32(self.options.offset), np.float32(self.options.floor)))

    def _kaldi_settings(self) -> Any:  # noqa: ANN401 - the library has no types
        settings = self._library.FbankOptions()
        frames, mel = settings.frame_opts, settings.mel_opts
        frames.samp_freq = self.sample_rate
        frames.frame_length_ms = self.options.frame_ms
        frames.frame_shift_ms = self.options.hop_ms
        frames.dither = 0.0
        frames.preemph_coeff = self.options.preemphasis
        frames.remove_dc_offset = self.options.removes_mean
        frames.window_type = self.options.window
        frames.snip_edges = True
        mel.num_bins = self.options.bins
        mel.low_freq = self.options.low_hz
        mel.high_freq = self.options.high_hz
        settings.use_energy = False
        settings.use_log_fbank = False  # ours has an offset
        settings.use_power = self.options.is_power
        return settings


def _library() -> Any:  # noqa: ANN401 - a library without types, made typed here
    try:
        import kaldi_native_fbank  # noqa: PLC0415 - an optional extra, for models that hear log-mel
    except ImportError as error:
        raise ModelError("log-mel features need kaldi-native-fbank: install onbeat[mel]") from error
    return kaldi_native_fbank
