"""Recordings that the decoding tests make for themselves: one tone a channel, in every format that can be written."""

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 16_000
SECONDS = 2.5

# name: (format, subtype, rate in Hz, is it lossless)
WITH_SOUNDFILE = {
    "u8.wav": ("WAV", "PCM_U8", RATE_HZ, True),
    "s16.wav": ("WAV", "PCM_16", RATE_HZ, True),
    "s24.wav": ("WAV", "PCM_24", RATE_HZ, True),
    "s32.wav": ("WAV", "PCM_32", RATE_HZ, True),
    "float.wav": ("WAV", "FLOAT", RATE_HZ, True),
    "double.wav": ("WAV", "DOUBLE", RATE_HZ, True),
    "alaw.wav": ("WAV", "ALAW", 8_000, True),
    "mulaw.wav": ("WAV", "ULAW", 8_000, True),
    "rf64.wav": ("RF64", "PCM_16", RATE_HZ, True),
    "s16.aiff": ("AIFF", "PCM_16", RATE_HZ, True),
    "s16.flac": ("FLAC", "PCM_16", RATE_HZ, True),
    "lame.mp3": ("MP3", "MPEG_LAYER_III", RATE_HZ, False),
    "vorbis.ogg": ("OGG", "VORBIS", RATE_HZ, False),
    "opus.opus": ("OGG", "OPUS", 48_000, False),
}
# name: (codec, rate in Hz, is it lossless)
WITH_PYAV = {
    "opus.webm": ("libopus", 48_000, False),
    "aac.m4a": ("aac", 44_100, False),
    "alac.m4a": ("alac", 44_100, True),
    "s64.nut": ("pcm_s64le", RATE_HZ, True),
}
LOSSLESS = {name for name, (*_, lossless) in (WITH_SOUNDFILE | WITH_PYAV).items() if lossless}
CODEC_FRAME_S = 0.08
"""The longest frame of the lossy codecs here (MP3 at 16 kHz: 576 samples, 36 ms) with its delay."""


def tones(rate_hz: int, channels: int = 1, seconds: float = SECONDS) -> NDArray[np.float32]:
    """A tone of 300 Hz, 600 Hz, ... a channel at half of full scale, float32 of shape (frames, channels)."""
    times_s = np.arange(round(rate_hz * seconds))[:, None] / rate_hz
    return (0.5 * np.sin(2 * np.pi * 300 * times_s * np.arange(1, channels + 1))).astype(np.float32)


def wav(samples: NDArray[np.float32], rate_hz: int = RATE_HZ, *, form: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """The samples as a file of that format; written in pieces, for libsndfile's Vorbis encoder crashes on long ones."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate_hz, samples.shape[1], format=form, subtype=subtype) as sound:
        for start in range(0, len(samples), 4_096):
            sound.write(samples[start : start + 4_096])
    return file.getvalue()


def with_pyav(path: Path, codec: str, rate_hz: int, samples: NDArray[np.float32]) -> None:
    """Write the samples with one of FFmpeg's encoders; the container goes by the suffix of `path`."""
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, av.AudioStream)
        for frame in _frames(samples, rate_hz, layout):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frames(samples: NDArray[np.float32], rate_hz: int, layout: str) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), 1_024):
        piece = np.ascontiguousarray(samples[start : start + 1_024].T)
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        yield frame


def write_all(folder: Path) -> dict[str, Path]:
    """Each format as a mono file in the folder."""
    for name, (form, subtype, rate_hz, _) in WITH_SOUNDFILE.items():
        (folder / name).write_bytes(wav(tones(rate_hz), rate_hz, form=form, subtype=subtype))
    for name, (codec, rate_hz, _) in WITH_PYAV.items():
        with_pyav(folder / name, codec, rate_hz, tones(rate_hz))
    return {name: folder / name for name in (*WITH_SOUNDFILE, *WITH_PYAV)}
