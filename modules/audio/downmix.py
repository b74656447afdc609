"""Many channels to one, as a stage that can stand in a row with others."""

from modules.audio.buffer import AudioBuffer


class Downmix:
    """A `Session` without memory: the mean of all channels, or one of them counted from 0."""

    def __init__(self, channel: int | None) -> None:
        """Take `channel`, or mix all when it is `None`."""
        self._channel = channel

    def feed(self, payload: AudioBuffer) -> list[AudioBuffer]:
        """The buffer as mono. Raises `AudioError` when there is no such channel."""
        return [payload.mono(self._channel)]

    def finish(self) -> list[AudioBuffer]:
        """Nothing is held back."""
        return []

    def cancel(self) -> None:
        """Nothing here takes long."""
