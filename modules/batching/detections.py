"""From scores to detections: `DetectionMerger` turns the scores of one window after the other into sounds with times.

A sound begins where its score reaches a threshold and ends where it falls below a lower one, so that it does not
flicker. Nothing here knows a model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modules.audio.detection import Detection
from modules.errors import ConfigError

TOUCHING_S = 1e-3
"""Stretches this near to each other, in seconds, are one."""


@dataclass(frozen=True, slots=True)
class DetectionRules:
    """When a sound counts: it begins at a score of `threshold`, ends below `release`, and lasts at least `min_s`.

    One that goes on is told in pieces of `max_s`, so that a stream's owner need not wait for its end. With `only`,
    other labels are not told.
    """

    threshold: float = 0.5
    release: float = 0.25
    min_s: float = 0.0
    max_s: float = 10.0
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.release <= self.threshold <= 1:
            raise ValueError(
                f"0 < release <= threshold <= 1 is needed, got release {self.release} and threshold {self.threshold}"
            )
        if not 0 <= self.min_s < self.max_s:
            raise ValueError(f"0 <= min_s < max_s is needed, got min_s {self.min_s} and max_s {self.max_s}")


@dataclass(slots=True)
class _Open:
    """A sound that goes on."""

    start_s: float
    end_s: float
    score: float
    is_continued: bool = False


class DetectionMerger:
    """One stream's sounds; given the scores of its windows in order, says which have ended."""

    def __init__(self, labels: Sequence[str], rules: DetectionRules) -> None:
        """Name the scores by `labels`. Raises `ConfigError` when `only` asks for a label that there is not."""
        if missing := sorted(set(rules.only) - set(labels)):
            raise ConfigError(f"there is no label {missing[0]!r} among the {len(labels)} of the model")
        self._labels = labels
        self._rules = rules
        self._wanted = np.array([not rules.only or label in rules.only for label in labels], np.bool_)
        self._open: dict[int, _Open] = {}

    def step(self, start_s: float, end_s: float, scores: NDArray[np.float32]) -> list[Detection]:
        """The sounds that are over once the stretch from `start_s` to `end_s` has `scores`, one for each label."""
        assert scores.shape == (len(self._labels),), scores.shape
        ended: list[Detection] = []
        for number, sound in list(self._open.items()):
            if scores[number] < self._rules.release or start_s - sound.end_s > TOUCHING_S:
                ended += self._told(number)
            else:
                ended += self._extended(number, end_s, float(scores[number]))
        for number in np.flatnonzero(self._wanted & (scores >= self._rules.threshold)).tolist():
            if number not in self._open:
                self._open[number] = _Open(start_s, end_s, float(scores[number]))
        return sorted(ended, key=lambda detection: (detection.start_s, detection.label))

    def finish(self) -> list[Detection]:
        """The sounds that went on to the end."""
        ended = [detection for number in list(self._open) for detection in self._told(number)]
        return sorted(ended, key=lambda detection: (detection.start_s, detection.label))

    def _extended(self, number: int, end_s: float, score: float) -> list[Detection]:
        """Let a sound go on; what is told of it when it has become too long."""
        sound = self._open[number]
        if end_s - sound.start_s <= self._rules.max_s:
            sound.end_s, sound.score = end_s, max(sound.score, score)
            return []
        told = self._told(number)
        self._open[number] = _Open(sound.end_s, end_s, score, is_continued=True)
        return told

    def _told(self, number: int) -> list[Detection]:
        """Close a sound; nothing when it was too short to count."""
        sound = self._open.pop(number)
        if sound.end_s - sound.start_s < self._rules.min_s and not sound.is_continued:
            return []
        return [Detection(self._labels[number], sound.start_s, sound.end_s, min(max(sound.score, 0.0), 1.0))]


def joined(detections: Iterable[Detection]) -> tuple[Detection, ...]:
    """The same sounds in order of time, the pieces of each put together again."""
    whole: dict[str, list[Detection]] = {}
    for piece in sorted(detections, key=lambda detection: detection.start_s):
        pieces = whole.setdefault(piece.label, [])
        if pieces and piece.start_s - pieces[-1].end_s <= TOUCHING_S:
            last = pieces.pop()
            piece = Detection(  # noqa: PLW2901 - the piece with all before it
                piece.label, last.start_s, max(last.end_s, piece.end_s), max(last.score, piece.score)
            )
        pieces.append(piece)
    every = [detection for pieces in whole.values() for detection in pieces]
    return tuple(sorted(every, key=lambda detection: (detection.start_s, detection.label)))
