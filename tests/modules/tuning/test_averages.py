"""Averages that are quick one way and slow the other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.tuning.averages import LowOfLate, WorseAverage

VALUES = st.lists(st.floats(0.1, 100.0), min_size=1, max_size=30)


@given(VALUES)
def test_the_lowest_of_late_is_never_above_what_is_now_and_never_below_all_that_was(values: list[float]) -> None:
    """Whatever comes, at whatever pace."""
    low = LowOfLate(back_s=4.0)
    for number, value in enumerate(values):
        found = low.observe(value, now_s=0.25 * number)
        assert min(values[: number + 1]) * (1 - 1e-9) <= found <= value * (1 + 1e-9)


def test_the_lowest_of_late_is_forgotten_with_its_time_constant() -> None:
    """After one of them a third of the way back is left to go, however often it was told of."""
    for steps in (1, 16):
        low = LowOfLate(back_s=4.0)
        low.observe(10.0, now_s=0.0)
        low.observe(5.0, now_s=1.0)
        for step in range(steps):
            found = low.observe(10.0, now_s=1.0 + 4.0 * (step + 1) / steps)
        assert found == pytest.approx(10.0 - 5.0 / math.e)


def test_a_ripple_is_no_worse_than_the_mean_and_a_step_is_at_once() -> None:
    """What streams send is seen four times a second and comes in pieces of a fifth: the sum goes up and down."""
    average = WorseAverage()
    for number in range(80):
        average.observe(100.0 + (2.5 if number % 4 else -7.5), over_s=0.25)
        assert number < 60 or average.worse == pytest.approx(100.0, rel=0.015)
    average.observe(300.0, over_s=0.25)
    average.observe(300.0, over_s=0.25)
    assert average.worse is not None
    assert average.worse > 220.0
