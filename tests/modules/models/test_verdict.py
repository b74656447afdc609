"""A variant is kept when it is faster by enough and close enough; otherwise the verdict says what is wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.models.verdict import Bounds, Kind, OutputError, Speed, Verdict, geometric_mean, judge, output_error

CLOSE = OutputError(-40.0, 0.01)


def test_faster_and_close_is_kept() -> None:
    """With both figures as the reason."""
    assert judge([Speed(1, 2.0, 1.0), Speed(8, 8.0, 4.0)], CLOSE, Bounds()) == (
        True,
        "2.00 times as fast, error -40.0 dB",
    )


@pytest.mark.parametrize(
    ("speeds", "error", "said"),
    [
        ([Speed(1, 1.0, 1.0)], CLOSE, "it is 1.00 times as fast, less than 1.1"),
        ([Speed(1, 2.0, 1.0)], OutputError(-10.0, 1.0), "its error is -10.0 dB, more than -20"),
        ([Speed(1, 2.0, 1.0)], OutputError(math.nan, 1.0), "its error is nan dB"),
        ([Speed(1, 4.0, 1.0), Speed(8, 1.0, 2.0)], CLOSE, "with 8 rows it is 0.50 times as fast"),
        ([Speed(1, 2.0, 1.0)], OutputError(-40.0, 0.1, 0.9), "90.0% of its labels are the same, less than 95%"),
    ],
)
def test_what_is_wrong_is_said(speeds: list[Speed], error: OutputError, said: str) -> None:
    """Each bound has its sentence."""
    is_kept, reason = judge(speeds, error, Bounds(least_same_labels=0.95))
    assert not is_kept
    assert said in reason


def test_all_that_is_wrong_is_said() -> None:
    """Not only the first."""
    _, reason = judge([Speed(1, 1.0, 4.0)], OutputError(-3.0, 1.0), Bounds())
    assert reason == "its error is -3.0 dB, more than -20; it is 0.25 times as fast, less than 1.1"


@given(st.floats(-80, 0), st.floats(0.1, 10))
def test_the_bounds_alone_decide(error_db: float, gain: float) -> None:
    """For a model without labels and one batch size."""
    bounds = Bounds(least_gain=1.5, max_error_db=-25.0)
    is_kept, _ = judge([Speed(1, gain, 1.0)], OutputError(error_db, 0.0), bounds)
    assert is_kept == (error_db <= -25.0 and Speed(1, gain, 1.0).gain >= 1.5)


def calls(*outputs: float) -> list[list[np.ndarray]]:
    """A call with one output of one row."""
    return [[np.array([outputs], np.float32)]]


def test_the_error_is_a_share_of_the_energy() -> None:
    """A tenth of the amplitude is -20 dB."""
    error = output_error(calls(1.0, -1.0), calls(1.1, -0.9))
    assert error.relative_db == pytest.approx(-20, abs=0.01)
    assert error.largest == pytest.approx(0.1, rel=1e-5)
    assert output_error(calls(1.0, 2.0), calls(1.0, 2.0)).relative_db == -math.inf


def test_what_is_not_finite_is_infinitely_wrong() -> None:
    """Whatever the others are; so is any difference from silence."""
    assert output_error(calls(1.0, 1.0), calls(math.nan, 1.0)).relative_db == math.inf
    assert output_error(calls(1.0, 1.0), calls(math.inf, 1.0)).relative_db == math.inf
    assert output_error(calls(0.0, 0.0), calls(0.0, 0.1)).relative_db == math.inf


def test_the_worst_output_counts() -> None:
    """And labels are those of the output where most differ."""
    one = [[np.ones((1, 2), np.float32), np.array([[0.0, 1.0]], np.float32)]]
    other = [[np.ones((1, 2), np.float32), np.array([[1.0, 0.9]], np.float32)]]
    error = output_error(one, other)
    assert error.relative_db > -1
    assert error.same_labels == 0
    assert output_error(one, one).same_labels == 1


def test_one_value_a_row_has_no_label() -> None:
    """Such as a probability."""
    assert output_error([[np.ones((1, 1))]], [[np.ones((1, 1))]]).same_labels is None


def test_the_gain_of_a_verdict_is_over_all_batch_sizes() -> None:
    """The geometric mean, so that twice and half are none."""
    verdict = Verdict(Kind.FP16, kept=False, reason="", speeds=(Speed(1, 2.0, 1.0), Speed(8, 1.0, 2.0)))
    assert verdict.gain == pytest.approx(1.0)
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)
    assert Verdict(Kind.FP16, kept=False, reason="").gain is None


def test_bounds_and_speeds_are_valid_on_birth() -> None:
    """Records are."""
    with pytest.raises(ValueError, match="at least 1"):
        Bounds(least_gain=0.9)
    with pytest.raises(ValueError, match="below 0"):
        Bounds(max_error_db=1.0)
    with pytest.raises(ValueError, match="above 0"):
        Speed(1, 0.0, 1.0)
