"""Which backend is asked next, given the time and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.models.fallback_order import MAX_BACKENDS, FallbackOrder, FallbackRules

RULES = FallbackRules(rest_s=5.0, max_rest_s=40.0)


def test_at_first_all_are_asked_best_first() -> None:
    """Nothing has failed."""
    assert FallbackOrder(3, RULES).candidates(0.0) == [0, 1, 2]


def test_one_that_failed_rests_and_comes_last_then_it_is_first_again() -> None:
    """A call that all others refuse is still given to it."""
    order = FallbackOrder(3, RULES)
    assert order.failed(0, 10.0, began_s=9.9)
    assert order.candidates(14.9) == [1, 2, 0]
    assert order.candidates(15.0) == [0, 1, 2]
    assert order.rests(0)
    assert order.worked(0, 15.1, began_s=15.0)
    assert not order.rests(0)


def test_each_rest_is_twice_as_long_until_it_has_proved_itself() -> None:
    """Up to a limit; one that has worked for longer than it rested begins anew."""
    order = FallbackOrder(2, RULES)
    now_s, rests = 0.0, []
    for _ in range(5):
        order.failed(0, now_s, began_s=now_s)
        rest_s = next(s for s in range(1, 100) if order.candidates(now_s + s)[0] == 0)
        rests.append(rest_s)
        now_s += rest_s
    assert rests == [5, 10, 20, 40, 40]
    order.worked(0, now_s, began_s=now_s)
    order.failed(0, now_s + 1, began_s=now_s + 1)
    assert order.candidates(now_s + 40)[0] == 1
    order.worked(0, now_s + 50, began_s=now_s + 50)
    order.failed(0, now_s + 200, began_s=now_s + 200)
    assert order.candidates(now_s + 205)[0] == 0


def test_calls_that_failed_at_once_count_once() -> None:
    """Ten workers in the same broken model are one failure."""
    order = FallbackOrder(2, RULES)
    assert order.failed(0, 10.0, began_s=9.0)
    assert not order.failed(0, 10.1, began_s=9.5)
    assert order.candidates(15.0) == [0, 1]


def test_an_answer_to_a_call_from_before_the_failure_says_nothing() -> None:
    """It was under way when another call failed."""
    order = FallbackOrder(2, RULES)
    order.failed(0, 10.0, began_s=9.0)
    assert not order.worked(0, 10.5, began_s=9.5)
    assert order.candidates(11.0) == [1, 0]


def test_with_recovery_elsewhere_calls_never_try_a_rested_one() -> None:
    """It is due, and stays last until it has worked."""
    order = FallbackOrder(2, FallbackRules(rest_s=5.0, tries_in_calls=False))
    order.failed(0, 0.0, began_s=0.0)
    assert order.due(4.9) == []
    assert order.due(5.0) == [0]
    assert order.candidates(100.0) == [1, 0]
    order.worked(0, 100.0, began_s=100.0)
    assert order.candidates(100.0) == [0, 1]
    assert order.due(100.0) == []


def test_its_state_is_one_line() -> None:
    """For a person who asks."""
    order = FallbackOrder(2, RULES)
    order.failed(0, 0.0, began_s=0.0)
    assert repr(order) == "<FallbackOrder number 0 of 2 answers, [0] rest>"


@pytest.mark.parametrize("count", [0, MAX_BACKENDS + 1])
def test_a_role_has_a_limited_number_of_backends(count: int) -> None:
    """And at least one."""
    with pytest.raises(ValueError, match="1 to 16 backends"):
        FallbackOrder(count, RULES)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"rest_s": 0.0}, "rest_s"), ({"max_rest_s": 1.0}, "max_rest_s"), ({"max_call_s": 0}, "max_call")],
)
def test_wrong_rules_are_refused(fields: dict[str, float], words: str) -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match=words):
        FallbackRules(**fields)  # type: ignore[arg-type] # numbers all


steps = st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.floats(0, 60)), max_size=40)


@given(history=steps, tries_in_calls=st.booleans())
def test_every_backend_is_always_a_candidate_once_and_no_rest_is_too_long(
    *, history: list[tuple[int, bool, float]], tries_in_calls: bool
) -> None:
    """Whatever happened, a call can be answered by whoever works, and a rest ends."""
    order = FallbackOrder(3, FallbackRules(rest_s=5.0, max_rest_s=40.0, tries_in_calls=tries_in_calls))
    now_s = 0.0
    for number, works, later_s in history:
        now_s += later_s
        (order.worked if works else order.failed)(number, now_s, began_s=now_s)
        assert sorted(order.candidates(now_s)) == [0, 1, 2]
    resting = [number for number in range(3) if order.rests(number)]
    assert order.due(now_s + 40.0) == resting
