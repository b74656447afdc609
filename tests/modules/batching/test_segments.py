"""The segment cutter, with probabilities made up: what it gives out, and where it never cuts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.segments import LONG_SILENCE_S, SegmentCutter, SegmentRules, Stretch

GRAIN_S = 0.032
RULES = SegmentRules(min_segment_s=1.0, max_segment_s=3.0, min_silence_s=0.1, padding_s=0.2)


def cut(probabilities: list[float], rules: SegmentRules = RULES) -> list[Stretch]:
    """All stretches for these grains."""
    cutter = SegmentCutter(rules, grain_s=GRAIN_S)
    given_out = [cutter.step(p) for p in probabilities] + [cutter.finish()]
    return [stretch for stretch in given_out if stretch]


def grains(seconds: float) -> int:
    """How many grains that is."""
    return round(seconds / GRAIN_S)


def spans(stretches: list[Stretch]) -> list[tuple[int, int]]:
    """First and last grain of each segment."""
    numbers = sorted({stretch.segment for stretch in stretches})
    return [
        (
            min(s.start for s in stretches if s.segment == number),
            max(s.end for s in stretches if s.segment == number),
        )
        for number in numbers
    ]


probabilities = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.1, 0.4, 0.9])), min_size=1, max_size=30
).map(lambda runs: [p for count, p in runs for _ in range(count)])


@given(probabilities)
def test_segments_are_numbered_in_order_and_never_overlap(given_probabilities: list[float]) -> None:
    """Stretches come in order, join without gaps within a segment, and each segment ends once."""
    stretches = cut(given_probabilities)
    for before, after in itertools.pairwise(stretches):
        if before.segment == after.segment:
            assert before.end == after.start
            assert not before.is_last
        else:
            assert after.segment == before.segment + 1
            assert before.is_last
            assert after.start >= before.end
    assert not stretches or stretches[-1].is_last
    assert all(0 <= s.start <= s.end <= len(given_probabilities) for s in stretches)


@given(probabilities)
def test_every_grain_of_speech_is_in_a_segment(given_probabilities: list[float]) -> None:
    """Speech is never eaten: a grain at or above the threshold belongs to some segment."""
    covered = {grain for s in cut(given_probabilities) for grain in range(s.start, s.end)}
    speech = {i for i, p in enumerate(given_probabilities) if p >= RULES.threshold}
    assert speech <= covered


@given(probabilities)
def test_there_is_no_cut_without_a_silence(given_probabilities: list[float]) -> None:
    """Between two segments lies at least one grain below the release probability."""
    found = spans(cut(given_probabilities))
    for (_, end), (start, _) in itertools.pairwise(found):
        around = given_probabilities[max(0, end - grains(0.2) - 1) : start + grains(0.2) + 1]
        assert any(p < RULES.release for p in around)


@given(probabilities)
def test_grains_before_needed_from_are_never_asked_for_again(given_probabilities: list[float]) -> None:
    """What may be dropped stays dropped."""
    cutter = SegmentCutter(RULES, grain_s=GRAIN_S)
    needed = 0
    for probability in given_probabilities:
        if stretch := cutter.step(probability):
            assert stretch.start >= needed
        assert cutter.needed_from >= needed
        needed = cutter.needed_from


def test_silence_alone_gives_nothing() -> None:
    """No speech, no segment."""
    assert cut([0.0] * 500) == []


def test_a_pause_within_a_short_segment_is_kept_inside_it() -> None:
    """Context is worth more than a second of silence."""
    pause = [0.9] * grains(0.5) + [0.0] * grains(1.0) + [0.9] * grains(0.5)
    assert len(spans(cut(pause))) == 1


def test_a_long_silence_ends_even_a_short_segment() -> None:
    """Nobody wants two seconds of silence recognised, and the padding is all that is kept of it."""
    found = spans(cut([0.9] * grains(0.5) + [0.0] * grains(LONG_SILENCE_S + 1) + [0.9] * grains(0.5)))
    assert len(found) == 2
    assert found[0][1] == grains(0.5) + round(RULES.padding_s / GRAIN_S)


def test_the_longer_a_segment_the_shorter_the_silence_that_ends_it() -> None:
    """From room for both paddings at the minimum down to the shortest silence at the maximum."""
    needed = [RULES.silence_needed_s(length / 10) for length in range(10, 70)]
    assert needed == sorted(needed, reverse=True)
    assert needed[0] == pytest.approx(0.4)
    assert RULES.silence_needed_s(3.0) == pytest.approx(0.1)
    assert RULES.silence_needed_s(6.0) == 0


def test_speech_without_a_pause_is_one_segment_however_long() -> None:
    """The recogniser's session simply continues, so there is no seam."""
    assert len(spans(cut([0.9] * grains(60)))) == 1


def test_speech_is_given_out_while_it_goes_on() -> None:
    """A segment is recognised while it grows."""
    cutter = SegmentCutter(RULES, grain_s=GRAIN_S)
    assert cutter.step(0.9) == Stretch(0, 0, 1, is_last=False)
    assert cutter.step(0.9) == Stretch(0, 1, 2, is_last=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_segment_s": 0},
        {"min_segment_s": 5, "max_segment_s": 4},
        {"min_silence_s": 0},
        {"padding_s": -1},
        {"threshold": 1.0},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    """A wrong value fails where it is made."""
    with pytest.raises(ValueError, match=r"needed|must be"):
        SegmentRules(**wrong)
