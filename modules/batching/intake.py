"""`Intake`: what was pushed into a stream and is not yet processed, cut into chunks when one is taken. Pure."""

from collections import deque
from dataclasses import dataclass

from modules.audio.buffer import AudioBuffer


@dataclass(frozen=True, slots=True)
class Chunk:
    """The piece of one stream that its stages are given at once; `available_s` is when its last sample was there."""

    number: int
    audio: AudioBuffer
    available_s: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """Frames that were given up, `frames` from `start_s` seconds of the stream on."""

    start_s: float
    frames: int


@dataclass(slots=True)
class _Pushed:
    audio: AudioBuffer
    available_s: float


class Intake:
    """Pushed buffers in order; each sample leaves once, in a chunk or dropped."""

    def __init__(self) -> None:
        """Start empty."""
        self._pushed: deque[_Pushed] = deque()
        self._number = 0
        self.frames = 0

    def __repr__(self) -> str:
        return f"<Intake {self.frames} frames in {len(self._pushed)} buffers>"

    def push(self, audio: AudioBuffer, available_s: float) -> None:
        """Keep a buffer whose last sample was available at `available_s`, an instant of the stream's clock."""
        if audio.frames:
            self._pushed.append(_Pushed(audio, available_s))
            self.frames += audio.frames

    def take(self, frames: int, *, all_there_is: bool = False) -> Chunk | None:
        """The next chunk of `frames`; a shorter one only when `all_there_is`. Nothing when there is not enough.

        A chunk made of several pushes is joined, one that lies inside a push is a view. It never reaches across samples
        that were dropped: there it is shorter.
        """
        if not self.frames or (self.frames < frames and not all_there_is):
            return None
        parts: list[AudioBuffer] = []
        available_s = 0.0
        while frames and self._pushed:
            first = self._pushed[0]
            part = first.audio if first.audio.frames <= frames else first.audio.cut(0, frames)
            parts.append(part)
            available_s = first.available_s
            frames -= part.frames
            self._advance(first, part.frames)
            if self._is_gap_behind(part):
                break
        self._number += 1
        return Chunk(self._number - 1, AudioBuffer.joined(parts), available_s)

    def drop(self, frames: int) -> Dropped:
        """Give up the oldest frames, as many as there are of `frames` before the next samples that were dropped."""
        start_s = self._pushed[0].audio.start_s if self._pushed else 0.0
        dropped = 0
        while dropped < frames and self._pushed:
            first = self._pushed[0]
            part = first.audio if first.audio.frames <= frames - dropped else first.audio.cut(0, frames - dropped)
            self._advance(first, part.frames)
            dropped += part.frames
            if self._is_gap_behind(part):
                break
        return Dropped(start_s, dropped)

    def _is_gap_behind(self, part: AudioBuffer) -> bool:
        """Whether samples are missing between `part`, which was taken, and what waits."""
        return bool(self._pushed) and self._pushed[0].audio.start_s - part.end_s > 0.5 / part.sample_rate

    def _advance(self, first: _Pushed, frames: int) -> None:
        self.frames -= frames
        if frames == first.audio.frames:
            self._pushed.popleft()
        else:
            first.audio = first.audio.cut(frames)
