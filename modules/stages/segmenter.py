"""From sound to stretches of speech: the voice detector and the segment cutter as one session stage."""

from dataclasses import dataclass

import numpy as np

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.batching.segments import SegmentCutter, SegmentRules, Stretch
from modules.stages.alone import alone
from modules.stages.fused import FusedSession
from modules.stages.vad_silero import GRAIN_FRAMES, RATE_HZ, Heard, SileroDetector


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
        self.models = detector.models
        self.stages = (WholeGrains(), detector, SpeechCutting(rules))
        """What it consists of: streams that pass these in a hop share the detector's calls."""

    def open(self) -> FusedSession:
        """A session for one stream of mono audio at 16 kHz."""
        return alone(self.stages)


class WholeGrains:
    """A `SessionStage`, and its own session: the same audio cut so that only the last buffer ends inside a grain."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._rest: AudioBuffer | None = None

    def open(self) -> "WholeGrains":
        """A session for one stream."""
        return WholeGrains()

    def feed(self, payload: AudioBuffer) -> list[AudioBuffer]:
        """As many whole grains as there are, in one buffer; what is left is kept for the next."""
        audio = AudioBuffer.joined([self._rest, payload]) if self._rest else payload
        whole = audio.frames // GRAIN_FRAMES * GRAIN_FRAMES
        self._rest = audio.cut(whole).kept() if whole < audio.frames else None
        return [audio.cut(0, whole)] if whole else []

    def finish(self) -> list[AudioBuffer]:
        """What is left: less than a grain."""
        return [self._rest] if self._rest else []

    def cancel(self) -> None:
        """Nothing here takes long."""


class SpeechCutting:
    """A `SessionStage` from audio with its speech probabilities to pieces of numbered segments."""

    def __init__(self, rules: SegmentRules) -> None:
        """Cut by `rules`."""
        self._rules = rules

    def open(self) -> "CuttingSession":
        """A session for one stream."""
        return CuttingSession(self._rules)


class CuttingSession:
    """One stream's cutter and the samples whose fate is not yet known: at most a long silence of them."""

    def __init__(self, rules: SegmentRules) -> None:
        """Start before the first sample."""
        self._cutter = SegmentCutter(rules, grain_s=GRAIN_FRAMES / RATE_HZ)
        self._held: AudioBuffer | None = None
        self._held_from = 0  # the frame at which the held samples begin

    def feed(self, payload: Heard) -> list[SpeechPiece]:
        """The pieces of speech that are sure after this buffer, in order."""
        self._held = (
            AudioBuffer.joined([self._held, payload.audio]) if self._held and self._held.frames else payload.audio
        )
        pieces = [self._piece(stretch) for stretch in self._stretches(payload)]
        keep_from = min(self._cutter.needed_from * GRAIN_FRAMES - self._held_from, self._held.frames)
        self._held = self._held.cut(keep_from).kept()
        self._held_from += keep_from
        return pieces

    def finish(self) -> list[SpeechPiece]:
        """The rest of the open segment."""
        ending = self._cutter.finish()
        return [self._piece(ending)] if ending else []

    def cancel(self) -> None:
        """Nothing here takes long."""

    def _stretches(self, heard: Heard) -> list[Stretch]:
        """The stretches after all grains of the buffer, joined where they touch."""
        joined: list[Stretch] = []
        for probability in heard.probabilities.tolist():
            if stretch := self._cutter.step(probability):
                if joined and joined[-1].segment == stretch.segment:
                    stretch = Stretch(stretch.segment, joined.pop().start, stretch.end, stretch.is_last)
                joined.append(stretch)
        return joined

    def _piece(self, stretch: Stretch) -> SpeechPiece:
        assert self._held is not None
        start, end = (grain * GRAIN_FRAMES - self._held_from for grain in (stretch.start, stretch.end))
        return SpeechPiece(stretch.segment, self._held.cut(min(start, self._held.frames), end), stretch.is_last)


class SpeechTimes:
    """A `SessionStage` in a recogniser's place that says when somebody spoke and not what. It is its own session."""

    sample_rate = RATE_HZ
    is_instant = True
    """A way to a worker would take longer than what is done there."""

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
