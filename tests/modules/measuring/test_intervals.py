import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.intervals import (
    figure_of,
    interval_of,
    mean_interval_of,
    quantile_interval,
    ratio_figure,
    ratio_of,
    t_975,
)
from modules.monitoring.histogram import LatencyHistogram

rounds = st.lists(st.floats(0.001, 1_000), min_size=1, max_size=20)


@given(rounds)
def test_an_interval_holds_the_median(values: list[float]) -> None:
    """However the rounds lie."""
    found = interval_of(values)
    assert found.low <= found.value <= found.high


@given(rounds, st.floats(0.01, 100))
def test_intervals_scale_with_what_is_measured(values: list[float], factor: float) -> None:
    """Milliseconds or seconds, it is the same interval."""
    one, other = interval_of(values), interval_of([factor * value for value in values])
    assert other.low == pytest.approx(factor * one.low, rel=1e-6)
    assert other.high == pytest.approx(factor * one.high, rel=1e-6)


def test_a_mean_counts_every_round_and_a_median_none_that_is_odd() -> None:
    """With an interval as wide as they differ; of one round it is the number itself."""
    odd = [1.0, 1.0, 1.0, 0.2]
    assert figure_of("kept", odd, is_mean=True).value == pytest.approx(0.8)
    assert figure_of("kept", odd).value == 1.0
    assert mean_interval_of(odd).low == pytest.approx(0.8 - 3.182 * 0.2)
    assert mean_interval_of(odd).high == pytest.approx(0.8 + 3.182 * 0.2)
    assert mean_interval_of([0.5]).low == mean_interval_of([0.5]).high == 0.5
    with pytest.raises(ValueError, match="nothing"):
        mean_interval_of([])


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of a thousand five-round measurements of one thing about 95 % hold it."""
    chance = random.Random(0)
    held = 0
    for _ in range(1_000):
        found = interval_of([chance.lognormvariate(0.0, 0.1) for _ in range(5)])
        held += found.low <= 1.0 <= found.high
    assert 920 <= held <= 985


def test_a_ratio_does_not_see_a_machine_that_drifts() -> None:
    """What slows both sides of a round slows no ratio."""
    drift = [1.0, 2.0, 4.0]
    found = ratio_of([2 * d for d in drift], drift)
    assert (found.low, found.value, found.high) == pytest.approx((2, 2, 2))


@pytest.mark.parametrize(("these", "those"), [([1.0], [1.0, 2.0]), ([1.0], [0.0]), ([], [])])
def test_what_has_no_ratio_is_refused(these: list[float], those: list[float]) -> None:
    """Rounds that do not pair, and nothing to divide by."""
    with pytest.raises(ValueError, match="ratio"):
        ratio_of(these, those)


@given(st.lists(st.floats(0.0001, 10), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_lies_in_its_interval(values: list[float], q: float) -> None:
    """Between two order statistics around it."""
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    found = quantile_interval(histogram.snapshot(), q)
    assert found.low <= found.value <= found.high


def test_one_round_has_no_interval() -> None:
    """A figure measured once says so."""
    assert figure_of("x", [3.0]).low is None
    assert ratio_figure("x", [3.0, 3.0], [1.0, 1.0]).low == pytest.approx(3.0)


def test_students_t_falls_to_the_normal_one() -> None:
    """It never rises with more rounds."""
    values = [t_975(freedom) for freedom in range(1, 60)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(2.0, abs=0.01)
