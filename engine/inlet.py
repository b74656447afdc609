"""`Inlet`: where samples enter a stream: checked, taken in or dropped by the overload policy, and cut into chunks."""

from typing import Any

from engine.stream_options import DEFAULT_CHUNK_S, StreamOptions
from modules.audio.buffer import AudioBuffer
from modules.batching.intake import Chunk, Dropped, Intake
from modules.batching.live_chunks import ChunkPlace, first_length_s, is_behind
from modules.errors import AudioError, Overloaded

LITTLE_S = 1.0
"""Seconds that may wait of a stream while memory is short."""


class Inlet:
    """What waits of one stream. It never holds more than `max_buffered_s`, or one chunk where that is longer."""

    def __init__(self, options: StreamOptions) -> None:
        """Start empty, for a stream with these options."""
        self._options = options
        self._intake = Intake()
        self._shape: tuple[int, ...] | None = None  # of one frame, from the first samples
        self._flushed_frames = 0  # of those that wait: pushed before the last flush
        self.pushed_frames = 0
        self.dropped_frames = 0
        self.number = 0
        """The stream's own, once it has one: by it streams take turns, and the last yield where there is no room."""
        self.is_suspended = False
        self.is_shut = False
        self._buffered_frames = round(options.max_buffered_s * options.sample_rate)
        self.chunk_s = options.chunk_s or DEFAULT_CHUNK_S
        self.cut_s = self.chunk_s
        """The length that the last chunk was cut for; it may be shorter itself."""
        self._first_frames = 0  # of the first chunk after the length has changed
        self.use_chunks_of(self.chunk_s)

    @property
    def waiting_frames(self) -> int:
        """How many frames wait to be processed."""
        return self._intake.frames

    @property
    def waiting_s(self) -> float:
        """The same in seconds."""
        return self.waiting_frames / self._options.sample_rate

    @property
    def is_behind(self) -> bool:
        """Whether so much waits that the stream is late for good, unless it is given more than it sends."""
        return is_behind(self.waiting_s, chunk_s=self.chunk_s)

    @property
    def pushed_s(self) -> float:
        """Where the next frame will stand in the stream, in seconds."""
        return self.pushed_frames / self._options.sample_rate

    @property
    def room(self) -> int:
        """How many frames may still be taken in."""
        if self.is_shut or (self.is_suspended and self._options.overload != "wait"):
            return 0
        return max(0, max(self._buffered_frames, self._next_frames) - self._intake.frames)

    @property
    def _next_frames(self) -> int:
        return self._first_frames or self._chunk_frames

    def use_chunks_of(self, chunk_s: float, place: ChunkPlace | None = None) -> None:
        """Cut chunks of `chunk_s` seconds from now on, unless the options fix their length.

        `place` is where the stream stands among others, whose chunks should not all get ready in the same moment.
        """
        rate, chosen_s = self._options.sample_rate, self._options.chunk_s or chunk_s
        if place is not None:
            self.number = place.stream
            if chosen_s != self.chunk_s:
                gathering_s = self._next_frames / rate
                self._first_frames = max(1, round(first_length_s(chosen_s, gathering_s, place) * rate))
        self.chunk_s = chosen_s
        self._chunk_frames = max(1, round(self.chunk_s * rate))

    def keep_little(self, is_little: bool) -> None:  # noqa: FBT001 - the one thing it says
        """Have at most `LITTLE_S` waiting from now on, or again what the options allow; what waits already stays."""
        longest_s = self._options.max_buffered_s
        self._buffered_frames = round(
            (min(longest_s, LITTLE_S) if is_little else longest_s) * self._options.sample_rate
        )

    def checked(self, samples: Any) -> AudioBuffer:  # noqa: ANN401 - any array
        """The samples as a buffer of this stream that nobody else holds. Raises `AudioError`."""
        if isinstance(samples, AudioBuffer):
            if samples.sample_rate != self._options.sample_rate:
                raise AudioError(f"the stream has {self._options.sample_rate} Hz, the samples {samples.sample_rate} Hz")
            samples = samples.samples if samples.pcm16 is None else samples.pcm16
        audio = AudioBuffer.copied(samples, self._options.sample_rate)
        shape = audio.shape[1:]
        if self._shape not in (None, shape):
            raise AudioError(f"the stream began with frames of shape {self._shape}, these have shape {shape}")
        self._shape = shape
        return audio

    def take(self, audio: AudioBuffer, available_s: float) -> list[Dropped]:
        """Take audio in; where there is no room, what the policy says: what was dropped for it, or `Overloaded`."""
        room = self.room
        over = audio.frames - room
        if over <= 0:
            self._push(audio, available_s)
            return []
        if self._options.overload in ("wait", "reject"):
            raise self.overloaded()
        if self._options.overload == "drop_oldest" and not (self.is_suspended or self.is_shut):
            self._push(audio, available_s)
            return self._drop_oldest(over)
        if room:
            self._push(audio.cut(0, room), available_s)
        newest = Dropped(self.pushed_s, over)
        self.pushed_frames += over
        return [self._counted(newest)]

    def next_chunk(self, *, is_ended: bool) -> Chunk | None:
        """The next chunk; a shorter one only at the end, or of what was pushed before a flush."""
        if self.is_suspended and not is_ended:
            return None
        chunk = self._intake.take(self._next_frames, all_there_is=is_ended or self._flushed_frames > 0)
        if chunk is not None:
            self.cut_s = self._next_frames / self._options.sample_rate
            self._first_frames = 0
            self._has_left(chunk.audio.frames)
        return chunk

    def flush(self) -> None:
        """Let what has been pushed go without waiting for a chunk to fill."""
        self._flushed_frames = self._intake.frames

    def suspend(self) -> list[Dropped]:
        """Give out no chunk until `is_suspended` is false again; with a policy that drops, what waits is dropped."""
        self.is_suspended = True
        keeps = self._options.overload in ("wait", "reject")
        return [] if keeps else self._drop_oldest(self._intake.frames)

    def overloaded(self) -> Overloaded:
        """Why samples are refused."""
        chunk_s = self._chunk_frames / self._options.sample_rate
        why = "the stream is suspended: others need the machine" if self.is_suspended else "there is no room for more"
        return Overloaded(f"{self.waiting_s:.1f} s of this stream wait already, {why}", retry_after_s=chunk_s)

    def gave_up(self, chunk: Chunk) -> Dropped:
        """Count a chunk that was given out and could not be on time."""
        return self._counted(Dropped(chunk.audio.start_s, chunk.audio.frames))

    def _push(self, audio: AudioBuffer, available_s: float) -> None:
        self._intake.push(audio.placed(self.pushed_s), available_s)
        self.pushed_frames += audio.frames

    def _drop_oldest(self, frames: int) -> list[Dropped]:
        """Drop so many frames: one answer for each stretch, since what was between them may be gone already."""
        stretches = []
        while frames:
            stretches.append(self._counted(self._intake.drop(frames)))
            frames -= stretches[-1].frames
            self._has_left(stretches[-1].frames)
        return stretches

    def _has_left(self, frames: int) -> None:
        self._flushed_frames = max(0, self._flushed_frames - frames)

    def _counted(self, dropped: Dropped) -> Dropped:
        self.dropped_frames += dropped.frames
        return dropped
