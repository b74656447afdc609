"""Sides in turn: their ratio, where it lies, and which of several they are compared with."""

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.model_turns import GRID_TURNS, LEAST_TURNS, MOST_TURNS, Ratio, Turns, finalists, in_turn

RATES = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=40)


def giving(*rates: float) -> Callable[[float], Awaitable[float]]:
    """A side that gives these rates, over and over."""
    given_so_far: list[float] = []

    async def slot(_: float) -> float:
        given_so_far.append(rates[len(given_so_far) % len(rates)])
        return given_so_far[-1]

    return slot


@given(RATES)
def test_the_median_lies_in_its_interval(rates: list[float]) -> None:
    """Which is made of ratios that were measured."""
    ratio = Ratio(sorted(rates))
    low, high = ratio.interval
    assert low <= ratio.median <= high
    assert {low, high} <= set(rates)


def test_ours_is_compared_with_the_one_beside_which_it_looks_worst() -> None:
    """Turn by turn, so that a machine that slows down is fair to all."""
    turns = Turns({"ours": [10.0, 5.0, 1.0], "slow": [9.0, 4.0, 0.5], "quick": [11.0, 5.5, 1.1]})
    assert turns.hardest("ours", ["slow", "quick"]) == "quick"
    assert turns.ratio("ours", "quick").median == pytest.approx(10 / 11)


@pytest.mark.anyio
@pytest.mark.parametrize(("rates", "turns"), [((1.0,), LEAST_TURNS), ((0.5,), LEAST_TURNS), ((0.9, 1.0), MOST_TURNS)])
async def test_turns_end_when_it_is_clear(rates: tuple[float, ...], turns: int) -> None:
    """On either side of the limit; what is not clear ends after the most."""
    found = await in_turn({"ours": giving(*rates), "theirs": giving(1.0)}, least=0.97, ours="ours", theirs=["theirs"])
    assert len(found.rates["ours"]) == turns


@pytest.mark.anyio
async def test_the_two_that_give_most_are_found_though_the_machine_slows_down() -> None:
    """By their shares of each turn."""
    speeds = [1.0 / (number + 1) for number in range(GRID_TURNS)]
    sides = {name: giving(*(gain * speed for speed in speeds)) for name, gain in (("a", 1.0), ("b", 1.3), ("c", 1.2))}
    assert await finalists(sides) == ["b", "c"]
