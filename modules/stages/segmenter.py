"""From sound to stretches of speech: the voice detector and the segment cutter as one session stage."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.batching.segments import SegmentCutter, SegmentRules, Stretch
from modules.stages.vad_silero import GRAIN_FRAMES, RATE_HZ, SileroDetector


@dataclass(frozen=True, slots=True)
class SpeechPiece:
    """The next part of segment number `segment`; the one with `is_last`, which may be empty, is its end."""

    segment: int
    audio: AudioBuffer
    is_last: bool


class SpeechSegmenter:
    """A `SessionStage` that gives out speech only, in numbered segments cut at silences."""

    sample_rate = RATE_HZ

    def __init__(self, detector: SileroDetector, rules: SegmentRules) -> None:
        """Detect with `detector`, cut by `rules`."""
        self._detector = detector
        self._rules = rules

    def open(self) -> "SegmenterSession":
        """A session for one stream of mono audio at 16 kHz."""
        return SegmenterSession(self._detector, self._rules)


class SegmenterSession:
    """One stream's detector state and the samples whose fate is not yet known: at most a long silence of them."""

    def __init__(self, detector: SileroDetector, rules: SegmentRules) -> None:
        """Start before the first sample."""
        self._detector = detector
        self._state = detector.initial_state()
        self._cutter = SegmentCutter(rules, grain_s=GRAIN_FRAMES / RATE_HZ)
        self._held: NDArray[np.float32] = np.empty(0, np.float32)
        self._held_from = 0  # the frame at which the held samples begin
        self._detected = 0  # frames the detector has seen
        self._start_s = 0.0

    def feed(self, payload: AudioBuffer) -> list[SpeechPiece]:
        """The pieces of speech that are sure after this buffer, in order."""
        if not self._detected and not len(self._held):
            self._start_s = payload.start_s
        self._held = np.concatenate((self._held, payload.samples)) if len(self._held) else payload.samples
        pieces = list(self._pieces(self._detect()))
        keep_from = min(self._cutter.needed_from * GRAIN_FRAMES, self._detected) - self._held_from
        self._held = self._held[keep_from:]
        self._held_from += keep_from
        return pieces

    def finish(self) -> list[SpeechPiece]:
        """The rest; the last grain is filled up with silence for the detector, not for the pieces."""
        end = self._held_from + len(self._held)
        if missing := -(end - self._detected) % GRAIN_FRAMES:
            self._held = np.concatenate((self._held, np.zeros(missing, np.float32)))
        stretches = self._detect()
        self._held = self._held[: end - self._held_from]
        if ending := self._cutter.finish():
            stretches.append(ending)
        return list(self._pieces(stretches))

    def cancel(self) -> None:
        """Nothing here takes long."""

    def _detect(self) -> list[Stretch]:
        """The stretches of all whole grains not yet seen, joined where they touch."""
        fresh = self._held[self._detected - self._held_from :]
        count = len(fresh) // GRAIN_FRAMES
        if not count:
            return []
        self._detected += count * GRAIN_FRAMES
        (self._state,), (probabilities,) = self._detector.process([self._state], [fresh[: count * GRAIN_FRAMES]])
        joined: list[Stretch] = []
        for probability in probabilities.tolist():
            if stretch := self._cutter.step(probability):
                if joined and joined[-1].segment == stretch.segment:
                    stretch = Stretch(stretch.segment, joined.pop().start, stretch.end, stretch.is_last)
                joined.append(stretch)
        return joined

    def _pieces(self, stretches: list[Stretch]) -> Iterator[SpeechPiece]:
        for stretch in stretches:
            start = stretch.start * GRAIN_FRAMES
            samples = self._held[start - self._held_from : stretch.end * GRAIN_FRAMES - self._held_from]
            audio = AudioBuffer(samples, RATE_HZ, self._start_s + start / RATE_HZ)
            yield SpeechPiece(stretch.segment, audio, stretch.is_last)


class SpeechTimes:
    """A `SessionStage` in a recogniser's place that says when somebody spoke and not what. It is its own session."""

    sample_rate = RATE_HZ

    def __init__(self) -> None:
        """Start with nothing heard."""
        self._start_s: float | None = None
        self._end_s = 0.0

    def open(self) -> "SpeechTimes":
        """A session for one segment."""
        return SpeechTimes()

    def close(self) -> None:
        """Nothing is held outside this process."""

    def feed(self, payload: AudioBuffer) -> list[TranscriptSegment]:
        """Nothing yet: the times are known at the end."""
        if self._start_s is None:
            self._start_s = payload.start_s
        self._end_s = payload.end_s
        return []

    def finish(self) -> list[TranscriptSegment]:
        """One segment without text, if there was any audio."""
        return [] if self._start_s is None else [TranscriptSegment(self._start_s, self._end_s, "")]

    def cancel(self) -> None:
        """Nothing here takes long."""


class WholeStream:
    """A `SessionStage` that takes everything for one segment: what `--segmenting off` means. It is its own session."""

    def __init__(self, sample_rate: int) -> None:
        """Expect mono audio at `sample_rate` Hz."""
        self.sample_rate = sample_rate
        self._end_s = 0.0

    def open(self) -> "WholeStream":
        """A session for one stream."""
        return WholeStream(self.sample_rate)

    def feed(self, payload: AudioBuffer) -> list[SpeechPiece]:
        """The buffer itself."""
        self._end_s = payload.end_s
        return [SpeechPiece(0, payload, is_last=False)]

    def finish(self) -> list[SpeechPiece]:
        """The empty last piece."""
        return [SpeechPiece(0, AudioBuffer(np.empty(0, np.float32), self.sample_rate, self._end_s), is_last=True)]

    def cancel(self) -> None:
        """Nothing here takes long."""
