"""The microphone: the one door to sounddevice, an optional library."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modules.audio.buffer import AudioBuffer
from modules.errors import ConfigError


@contextmanager
def open_microphone(rate: int, *, block_s: float) -> Iterator[Iterator[AudioBuffer]]:
    """Buffers of `block_s` seconds, mono at `rate` Hz, from the default input, each waited for by who takes it.

    Raises `ConfigError` where sounddevice is not installed, PortAudio is missing or there is no input.
    """
    try:
        import sounddevice  # noqa: PLC0415 - optional: `pip install onbeat[mic]`
    except (ImportError, OSError) as error:
        advice = "pip install 'onbeat[mic]', and install PortAudio"
        raise ConfigError(f"no microphone without sounddevice and PortAudio ({error}): {advice}") from error
    try:
        stream: Any = sounddevice.InputStream(samplerate=rate, channels=1, dtype="float32")
        with stream:
            yield _blocks(stream, rate, round(block_s * rate))
    except sounddevice.PortAudioError as error:
        raise ConfigError(f"the microphone cannot be opened: {error}") from error


def _blocks(stream: Any, rate: int, frames: int) -> Iterator[AudioBuffer]:  # noqa: ANN401 - untyped library
    taken = 0
    while True:
        samples, _overflowed = stream.read(frames)
        yield AudioBuffer.of(samples[:, 0], rate, start_s=taken / rate)
        taken += frames
