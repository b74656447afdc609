"""A trend is told when it is beyond chance and large enough to matter."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.trend import LEAST_WINDOWS, TREND_WINDOWS, Direction, trend

values = st.lists(st.floats(-1e6, 1e6), min_size=LEAST_WINDOWS, max_size=TREND_WINDOWS)


def row(given_values: list[float]) -> list[tuple[float, float]]:
    """A value a second."""
    return [(float(second), value) for second, value in enumerate(given_values)]


@given(st.floats(0.1, 100), st.integers(LEAST_WINDOWS, TREND_WINDOWS))
def test_a_straight_line_has_its_own_slope_and_no_doubt(per_s: float, count: int) -> None:
    """Up and down."""
    up = trend("p99", row([per_s * second for second in range(count)]), least_change=0)
    down = trend("p99", row([-per_s * second for second in range(count)]), least_change=0)
    assert (up.direction, down.direction) == (Direction.RISING, Direction.FALLING)
    assert up.per_minute == pytest.approx(60 * per_s)
    assert down.per_minute == pytest.approx(-60 * per_s)
    assert up.doubt is not None
    assert up.doubt < 0.001


@given(values)
def test_turned_upside_down_it_goes_the_other_way(given_values: list[float]) -> None:
    """Same doubt, opposite slope."""
    up, down = (
        trend("x", row(given_values), least_change=0),
        trend("x", row([-v for v in given_values]), least_change=0),
    )
    assert up.doubt == down.doubt
    assert up.per_minute == pytest.approx(-down.per_minute if down.per_minute is not None else None)


def test_chance_is_rarely_called_a_trend() -> None:
    """In a thousand rows without any, about one in a hundred: the doubt means what it says."""
    chance = random.Random(1)
    rows = [[chance.random() for _ in range(TREND_WINDOWS)] for _ in range(1000)]
    told = sum(trend("x", row(one), least_change=0).direction is not Direction.STEADY for one in rows)
    assert told <= 20


def test_one_bad_second_tilts_nothing() -> None:
    """The slope is a median."""
    calm = [10.0] * TREND_WINDOWS
    calm[-3] = 10_000.0
    found = trend("p99", row(calm), least_change=0)
    assert (found.direction, found.per_minute) == (Direction.STEADY, 0.0)


def test_a_change_too_small_to_matter_is_steady() -> None:
    """However sure it is."""
    line = row([100 + 0.01 * second for second in range(TREND_WINDOWS)])
    assert trend("p99", line, least_change=15).direction is Direction.STEADY
    assert trend("p99", line, least_change=0.1).direction is Direction.RISING


def test_too_few_measurements_tell_nothing() -> None:
    """It says so."""
    found = trend("p99", row([1.0] * (LEAST_WINDOWS - 1)), least_change=0)
    assert (found.direction, found.per_minute, found.doubt, found.windows) == (
        Direction.UNKNOWN,
        None,
        None,
        LEAST_WINDOWS - 1,
    )


def test_only_the_last_measurements_count() -> None:
    """What rose long ago is steady now."""
    long_ago = [float(second) for second in range(100)]
    assert trend("p99", row([*long_ago, *[99.0] * TREND_WINDOWS]), least_change=0).direction is Direction.STEADY
