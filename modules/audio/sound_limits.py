"""How much sound a recording may hold: pure limits, checked as it is decoded. What a header claims counts nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SoundLimits:
    """At most `max_audio_s` seconds; beyond `free_s` seconds at most `max_expansion` times the bytes of the file.

    The expansion is that of 16-bit samples. An hour of digital silence as FLAC has about 600, speech in any codec less
    than 50; what is beyond 1,000 is made to harm.
    """

    max_audio_s: float = 86_400.0
    free_s: float = 3_600.0
    max_expansion: float = 1_000.0

    def __post_init__(self) -> None:
        if self.max_audio_s <= 0 or self.free_s < 0 or self.max_expansion < 1:
            raise ValueError(f"max_audio_s must be above 0, free_s at least 0, max_expansion at least 1, got {self}")


USUAL_LIMITS = SoundLimits()


@dataclass(frozen=True, slots=True)
class SoundBound:
    """The limits for one recording of `source_bytes`."""

    limits: SoundLimits
    source_bytes: int

    def exceeded(self, audio_s: float, audio_bytes: int) -> str:
        """Which limit so much sound, `audio_bytes` as 16-bit samples, is beyond, in words; "" for none."""
        limits = self.limits
        if audio_s > limits.max_audio_s:
            return f"more than {limits.max_audio_s:g} s of sound, the limit max_audio_s"
        if audio_s > limits.free_s and audio_bytes > limits.max_expansion * self.source_bytes:
            times = f"more than {limits.max_expansion:g} times its size"
            return f"{audio_s:.0f} s of sound from {self.source_bytes} bytes, {times}"
        return ""
