"""Averages that are quick one way and slow the other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.tuning.averages import RateOfLate, WorseAverage

VALUES = st.lists(st.floats(0.1, 100.0), min_size=1, max_size=30)


@given(VALUES)
def test_a_rate_of_late_lies_among_those_that_were(values: list[float]) -> None:
    """Whatever comes, at whatever pace."""
    rate = RateOfLate()
    for number, value in enumerate(values):
        found = rate.observe(value, now_s=0.25 * number)
        seen = values[: number + 1]
        assert min(seen) * (1 - 1e-9) <= found <= max(seen) * (1 + 1e-9)


def test_a_rate_of_late_counts_the_time_that_things_take() -> None:
    """After a second of 5 a second each takes 0.1 s for a third and 0.2 s for the rest; however often it was told."""
    for steps in (1, 16):
        rate = RateOfLate()
        rate.observe(10.0, now_s=0.0)
        for step in range(steps):
            found = rate.observe(5.0, now_s=(step + 1) / steps)
        assert 1 / found == pytest.approx(0.1 / math.e + 0.2 * (1 - 1 / math.e))


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
