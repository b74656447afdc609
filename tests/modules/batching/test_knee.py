"""The knee is the smallest batch within 3 % of the best: found on a line, below a cliff, and kept under noise."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.batching.batch_costs import BatchCosts
from modules.batching.cost_model import CostLimits
from modules.batching.knee import KneeFinder
from modules.batching.size_class import SIZES, Level, Line, class_of

LIMITS = CostLimits(max_batch=64, max_service_s=10.0)


def found(
    cost_s: Callable[[int], float], *, calls: int = 1500, noise: float = 0.03, limits: CostLimits = LIMITS
) -> tuple[KneeFinder, BatchCosts, list[int]]:
    """The finder after so many calls as large as it allowed, and the knee after each."""
    chance, costs, finder, knees = random.Random(1), BatchCosts(), KneeFinder(), []
    for _ in range(calls):
        if costs.observe(finder.cap, cost_s(finder.cap) * chance.lognormvariate(0, noise)):
            finder.look(costs, limits)
        knees.append(finder.knee)
    return finder, costs, knees


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 0.02), st.floats(0.0005, 0.01))
def test_the_knee_of_a_line_is_near_the_best(fixed_s: float, each_s: float) -> None:
    """Within 8 % of the throughput of the largest batch; not larger than 64."""
    finder, _, _ = found(lambda batch: fixed_s + each_s * batch)
    best = 64 / (fixed_s + 64 * each_s)
    assert finder.knee / (fixed_s + each_s * finder.knee) >= 0.92 * best
    assert finder.knee <= 64


@pytest.mark.parametrize("cliff", [3, 6, 12, 24])
def test_a_size_beyond_a_cliff_is_tried_and_left(cliff: int) -> None:
    """Where calls of more than so many cost twice, the knee is at most as large and carries nearly what is possible."""

    def cost_s(batch: int) -> float:
        return (0.004 + 0.001 * batch) * (2 if batch > cliff else 1)

    finder, _, _ = found(cost_s)
    assert finder.knee <= cliff
    best = max(size / cost_s(size) for size in SIZES if size <= 64)
    assert finder.knee / cost_s(finder.knee) >= 0.9 * best


def test_where_batching_gains_nothing_the_knee_stays_at_one() -> None:
    """Smaller calls are answered sooner."""
    finder, costs, _ = found(lambda batch: 0.005 * batch)
    assert finder.knee == 1
    assert finder.is_settled(costs)


def test_a_knee_that_was_found_stays() -> None:
    """Under a noise of 10 % its coefficient of variation is below 10 %."""
    _, _, knees = found(lambda batch: 0.004 + 0.001 * batch, calls=4000, noise=0.1)
    late = knees[1000:]
    mean = sum(late) / len(late)
    assert math.sqrt(sum((knee - mean) ** 2 for knee in late) / len(late)) / mean < 0.1


def swung(low: Callable[[int], float], *, calls: int) -> list[tuple[int, int]]:
    """Knee and cap after each of so many calls of costs that a larger batch hardly lowers, so many times as dear."""
    finder, costs, _ = found(lambda batch: 0.0035 + 0.0095 * batch)
    chance, seen = random.Random(2), []
    for number in range(calls):
        cost_s = (0.0035 + 0.0095 * finder.cap) * low(number) * chance.lognormvariate(0, 0.03)
        if costs.observe(finder.cap, cost_s):
            finder.look(costs, LIMITS)
        seen.append((finder.knee, finder.cap))
    return seen


def test_half_a_second_in_which_all_is_dearer_makes_calls_hardly_larger() -> None:
    """What was known of larger ones holds: they are as much dearer, and then as cheap again. None is tried anew."""
    knee = found(lambda batch: 0.0035 + 0.0095 * batch)[0].knee
    seen = swung(lambda number: 1.8 if number % 400 < 50 else 1.0, calls=2000)
    assert max(cap for _, cap in seen) <= 2 * knee


def test_once_all_has_been_dearer_for_long_larger_sizes_are_tried_again() -> None:
    """The model or the machine is another one."""
    knee = found(lambda batch: 0.0035 + 0.0095 * batch)[0].knee
    seen = swung(lambda _: 1.8, calls=1200)
    tried = next(number for number, (_, cap) in enumerate(seen) if cap > knee)
    assert tried > 200


def test_calls_grow_one_step_at_a_time() -> None:
    """No call is ever more than a doubling beyond the largest one that was tried."""
    chance, costs, finder, largest = random.Random(1), BatchCosts(), KneeFinder(), 1
    for _ in range(500):
        assert finder.cap <= 3 * largest if largest == 1 else finder.cap <= 2 * largest
        largest = max(largest, finder.cap)
        if costs.observe(finder.cap, (0.01 + 0.001 * finder.cap) * chance.lognormvariate(0, 0.03)):
            finder.look(costs, LIMITS)
    assert largest > 8


def test_a_size_that_turns_out_to_take_too_long_is_tried_no_more() -> None:
    """However well it may pay."""
    costs, finder, limits = BatchCosts(), KneeFinder(), CostLimits(max_batch=64, max_service_s=0.0585)
    caps = []
    for call in range(400):
        time_s = (0.008 + 0.008 * finder.cap) * (1.12 if finder.cap > 4 else 1) * (1 + 0.02 * (-1) ** call)
        if costs.observe(finder.cap, time_s):
            finder.look(costs, limits)
        caps.append(finder.cap)
    assert max(caps) == 6
    assert caps.count(6) <= 12
    assert finder.cap == 4


def test_calls_of_two_are_tried_where_one_takes_long_already() -> None:
    """Nobody knows yet how much of it is fixed: they are not thought to take half as long again."""
    finder, _, _ = found(lambda batch: 0.150 + 0.036 * batch, limits=CostLimits(max_batch=64, max_service_s=0.26))
    assert finder.knee == 2


def test_a_size_that_was_skipped_is_tried_once_the_larger_one_takes_too_long() -> None:
    """However few calls of the larger one there were, and however well they may pay: no more of them will come."""
    costs, finder, limits = BatchCosts(), KneeFinder(), CostLimits(max_batch=64, max_service_s=0.15)
    for batch, calls in ((1, 8), (2, 8), (4, 20), (8, 6)):
        for _ in range(calls):
            costs.observe(batch, 0.041 + 0.015 * batch)
    finder.begin_at(class_of(4), costs, limits)
    assert finder.knee == 4
    assert finder.cap == 6


def test_one_odd_call_of_a_size_does_not_say_that_it_takes_too_long() -> None:
    """With so few of them, similar calls tell what such a call costs."""
    level = Level()
    similar, costs, finder = BatchCosts(level), BatchCosts(level), KneeFinder()
    limits = CostLimits(max_batch=64, max_service_s=0.12)
    for call in range(40):
        similar.observe(1 + call % 2, 0.06 + 0.01 * (1 + call % 2))
    for _ in range(8):
        if costs.observe(1, 0.08):
            finder.look(costs, limits)
    assert finder.cap == 2
    costs.observe(2, 0.14)
    for _ in range(16):
        if costs.observe(1, 0.08):
            finder.look(costs, limits)
    assert finder.cap == 2


@pytest.mark.parametrize("first", [8, 64])
def test_a_knee_like_that_of_similar_calls_is_as_small_as_the_limit_asks_for(first: int) -> None:
    """As soon as a few small calls have shown that larger ones would take too long."""
    costs, finder = BatchCosts(), KneeFinder(first=first)
    for _ in range(10):
        if costs.observe(1, 0.1):
            finder.look(costs, CostLimits(max_batch=64, max_service_s=0.12))
    assert finder.cap == 1


def test_the_most_that_a_person_allows_is_never_exceeded() -> None:
    """However well larger calls would pay."""
    finder, _, _ = found(lambda batch: 0.01 + 0.0001 * batch, limits=CostLimits(max_batch=12, max_service_s=10.0))
    assert finder.cap <= 12
    assert finder.knee in (8, 12)


@given(
    st.lists(
        st.tuples(st.integers(1, 64), st.floats(1e-4, 1.0), st.integers(1, 500)),
        min_size=1,
        max_size=8,
        unique_by=lambda point: point[0],
    )
)
def test_a_line_never_falls_and_never_cuts_through_zero(points: list[tuple[int, float, int]]) -> None:
    """Whatever was measured, a larger call costs at least as much, and none costs less than nothing."""
    line = Line.through(points)
    assert line.fixed_s >= -1e-9
    assert line.each_s >= 0
    assert line(1) <= line(64) * (1 + 1e-9)


@given(st.integers(1, 4096))
def test_a_class_is_as_small_as_it_can_be(batch: int) -> None:
    """Its largest batch is at least that one, and the class below is too small."""
    number = class_of(batch)
    assert SIZES[number] >= batch
    assert number == 0 or SIZES[number - 1] < batch
