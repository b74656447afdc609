"""Scores become sounds with a beginning and an end, whatever their pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.detection import Detection
from modules.batching.detections import DetectionMerger, DetectionRules, joined
from modules.errors import ConfigError

LABELS = ("Speech", "Dog", "Bell")


def heard(rows: list[tuple[float, float, float]], rules: DetectionRules | None = None) -> list[Detection]:
    """What is told of windows of a second each with these scores."""
    merger = DetectionMerger(LABELS, rules or DetectionRules())
    told = []
    for number, scores in enumerate(rows):
        told += merger.step(number, number + 1.0, np.array(scores, np.float32))
    return told + merger.finish()


def test_a_sound_begins_at_the_threshold_and_ends_below_the_release() -> None:
    """A dip between the two does not end it; its score is the best it had."""
    rows = [(0.0, 0.4, 0.0), (0.0, 0.6, 0.0), (0.0, 0.3, 0.0), (0.0, 0.9, 0.0), (0.0, 0.2, 0.0)]
    (dog,) = heard(rows)
    assert (dog.label, dog.start_s, dog.end_s) == ("Dog", 1.0, 4.0)
    assert dog.score == pytest.approx(0.9)


def test_sounds_overlap_and_come_in_order_of_their_beginning() -> None:
    """Each label has its own beginning and end."""
    told = heard([(0.9, 0.0, 0.0), (0.9, 0.9, 0.0), (0.0, 0.9, 0.0), (0.0, 0.0, 0.8)])
    assert [(d.label, d.start_s, d.end_s) for d in told] == [
        ("Speech", 0.0, 2.0),
        ("Dog", 1.0, 3.0),
        ("Bell", 3.0, 4.0),
    ]


def test_a_short_sound_is_not_told() -> None:
    """One second is less than min_s."""
    rules = DetectionRules(min_s=1.5)
    assert [d.label for d in heard([(0.9, 0.9, 0.0), (0.9, 0.0, 0.0), (0.0, 0.0, 0.0)], rules)] == ["Speech"]


def test_a_long_sound_is_told_in_pieces_that_touch() -> None:
    """Its owner hears of it after max_s, and the end of it is told even where it is short."""
    told = heard([(0.9, 0.0, 0.0)] * 7, DetectionRules(max_s=3.0, min_s=2.0))
    assert [(d.start_s, d.end_s) for d in told] == [(0.0, 3.0), (3.0, 6.0), (6.0, 7.0)]
    assert joined(told) == (Detection("Speech", 0.0, 7.0, told[0].score),)


def test_only_the_labels_asked_for_are_told() -> None:
    """And one that there is not is refused."""
    assert [d.label for d in heard([(0.9, 0.9, 0.9)], DetectionRules(only=("Bell",)))] == ["Bell"]
    with pytest.raises(ConfigError, match="no label 'Cat' among the 3"):
        DetectionMerger(LABELS, DetectionRules(only=("Cat",)))


def test_a_gap_in_the_stream_ends_a_sound() -> None:
    """Nobody knows what was there."""
    merger = DetectionMerger(LABELS, DetectionRules())
    assert merger.step(0.0, 1.0, np.array([0.9, 0, 0], np.float32)) == []
    (first,) = merger.step(5.0, 6.0, np.array([0.9, 0, 0], np.float32))
    assert (first.start_s, first.end_s) == (0.0, 1.0)
    (second,) = merger.finish()
    assert second.start_s == 5.0


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"threshold": 0.2}, "release <= threshold"),
        ({"release": 0.0}, "0 < release"),
        ({"max_s": 0.0}, "min_s < max_s"),
    ],
)
def test_wrong_rules_are_refused(rules: dict[str, float], words: str) -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match=words):
        DetectionRules(**rules)  # type: ignore[arg-type] # numbers all


@pytest.mark.parametrize(("end_s", "score"), [(0.5, 0.5), (2.0, 1.5), (2.0, -0.1)])
def test_a_wrong_detection_is_refused(end_s: float, score: float) -> None:
    """It ends after it starts, and its score is a share."""
    with pytest.raises(ValueError, match=r"ends before|score"):
        Detection("Dog", 1.0, end_s, score)


scores = st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 3), max_size=30)


@given(scores, st.floats(1.5, 10))
def test_the_pieces_of_a_sound_are_what_it_is_without_a_limit(rows: list[tuple[float, ...]], max_s: float) -> None:
    """However it is cut, put together again it is the same."""
    whole = heard(rows, DetectionRules(max_s=1e9))  # type: ignore[arg-type] # three numbers each
    pieces = heard(rows, DetectionRules(max_s=max_s))  # type: ignore[arg-type] # as above
    assert joined(pieces) == joined(whole)


@given(scores)
def test_every_window_above_the_threshold_is_in_a_sound_and_none_below_the_release(
    rows: list[tuple[float, ...]],
) -> None:
    """The times of the sounds are those of the windows that they are made of."""
    told = heard(rows)  # type: ignore[arg-type] # as above
    for second, row in enumerate(rows):
        for label, score in zip(LABELS, row, strict=True):
            covered = any(d.label == label and d.start_s <= second and d.end_s >= second + 1 for d in told)
            if score >= 0.5:
                assert covered
            if score < 0.25:
                assert not covered
