"""Where to cut speech: `SegmentCutter` turns speech probabilities into stretches, purely and grain by grain.

Short pieces cost the recogniser its context (its language model and its cepstral mean start anew), so a cut wants a
reason: the longer a segment has grown, the shorter a silence is enough. There is never a cut without a silence.
"""

from dataclasses import dataclass

LONG_SILENCE_S = 2.0
"""A silence that ends a segment however short: nobody wants it recognised."""


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """How segments are cut; all in seconds but the probability `threshold` at which speech begins.

    A segment of `min_segment_s` ends at a silence that has room for the padding of both sides, one of `max_segment_s`
    at one of `min_silence_s`, one twice as long at a single grain without speech.
    """

    min_segment_s: float = 10.0
    max_segment_s: float = 30.0
    min_silence_s: float = 0.2
    padding_s: float = 0.3
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.min_segment_s <= self.max_segment_s:
            raise ValueError(
                f"0 < min_segment_s <= max_segment_s is needed, got {self.min_segment_s} and {self.max_segment_s}"
            )
        if self.min_silence_s <= 0 or self.padding_s < 0:
            raise ValueError(f"min_silence_s must be above 0 and padding_s at least 0, got {self}")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be between 0 and 1, got {self.threshold}")

    @property
    def release(self) -> float:
        """The probability below which speech has paused; lower than `threshold` so that a word does not flicker."""
        return max(self.threshold - 0.15, self.threshold / 2)

    def silence_needed_s(self, length_s: float) -> float:
        """The silence that ends a segment whose speech is `length_s` long; 0 means any grain without speech."""
        if length_s < self.min_segment_s:
            return LONG_SILENCE_S
        if length_s >= 2 * self.max_segment_s:
            return 0.0
        roomy = max(2 * self.padding_s, self.min_silence_s)
        grown = (length_s - self.min_segment_s) / max(self.max_segment_s - self.min_segment_s, 1e-9)
        return roomy + (self.min_silence_s - roomy) * min(grown, 1.0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Grains `start` to `end` (not included) belong to segment number `segment`; `is_last` when nothing follows in it.

    An ending may be known only when its grains have long been given: then the last stretch is empty.
    """

    segment: int
    start: int
    end: int
    is_last: bool


class SegmentCutter:
    """Given the speech probability of one grain after the other, says which grains belong to which segment.

    Grains are given out as soon as they surely belong, so a segment is recognised while it still grows.
    """

    def __init__(self, rules: SegmentRules, *, grain_s: float) -> None:
        """Cut by `rules`, a grain being `grain_s` seconds long."""
        self._rules = rules
        self._grain_s = grain_s
        self._padding = round(rules.padding_s / grain_s)
        self._now = 0  # the grain to come
        self._segment = -1
        self._is_open = False
        self._start = 0  # of the open segment
        self._given = 0  # grains before this one have been given out or dropped
        self._speech_end = 0  # the grain after the last speech

    @property
    def needed_from(self) -> int:
        """Grains before this one will never be asked for again."""
        return self._given if self._is_open else max(self._given, self._now - self._padding)

    def step(self, probability: float) -> Stretch | None:
        """Take the next grain's probability; the grains that now belong to a segment, if there are any."""
        grain, self._now = self._now, self._now + 1
        if not self._is_open:
            if probability < self._rules.threshold:
                return None
            self._begin(grain)
        if probability >= self._rules.release:
            self._speech_end = self._now
            return self._give(self._now)
        silence = self._now - self._speech_end
        length_s = (self._speech_end - self._start) * self._grain_s
        if silence * self._grain_s >= self._rules.silence_needed_s(length_s):
            return self._end(self._speech_end + min(self._padding, (silence + 1) // 2))
        return None

    def finish(self) -> Stretch | None:
        """The stream has ended; what the open segment still lacks."""
        return self._end(min(self._now, self._speech_end + self._padding)) if self._is_open else None

    def _begin(self, grain: int) -> None:
        self._start = max(self._given, grain - self._padding)
        self._given = self._start
        self._segment += 1
        self._is_open = True

    def _give(self, end: int, *, is_last: bool = False) -> Stretch:
        stretch = Stretch(self._segment, self._given, end, is_last)
        self._given = end
        return stretch

    def _end(self, end: int) -> Stretch:
        self._is_open = False
        return self._give(end, is_last=True)
