"""What a payload has cost of late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.mean_cost import MeanCost

TICK_S = 0.25


def test_before_a_second_was_seen_nothing_is_said() -> None:
    """Nor when nothing came."""
    mean = MeanCost()
    for _ in range(3):
        mean.observe(calls=10, service_s=0.01, cpu_s=0.008)
        mean.pass_time(TICK_S)
        assert mean.of_late is None
    mean.observe(calls=10, service_s=0.01, cpu_s=0.008)
    mean.pass_time(TICK_S)
    assert mean.of_late is not None
    assert list(mean.of_late) == pytest.approx([0.001, 0.0008])
    mean.pass_time(60.0)
    assert mean.of_late is None


def test_calls_that_come_dear_and_cheap_by_turns_cost_their_mean() -> None:
    """A recogniser that decodes at every other chunk."""
    mean = MeanCost()
    for turn in range(40):
        cost_s = 0.0002 if turn % 2 else 0.0012
        mean.observe(calls=100, service_s=100 * cost_s, cpu_s=50 * cost_s)
        mean.pass_time(TICK_S)
        if turn > 8:
            assert mean.of_late is not None
            assert mean.of_late[0] == pytest.approx(0.0007, rel=0.15)


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(1e-5, 0.1)), min_size=5, max_size=60))
def test_it_lies_between_the_cheapest_and_the_dearest(calls: list[tuple[int, float]]) -> None:
    """Whatever the calls."""
    mean = MeanCost()
    for payloads, each_s in calls:
        mean.observe(calls=payloads, service_s=payloads * each_s, cpu_s=payloads * each_s)
        mean.pass_time(TICK_S)
    assert mean.of_late is not None
    for seen_s in mean.of_late:
        assert min(cost for _, cost in calls) * (1 - 1e-9) <= seen_s <= max(cost for _, cost in calls) * (1 + 1e-9)


@pytest.mark.parametrize("calls", [1, 100_000])
def test_what_nobody_has_paid_for_two_seconds_is_not_of_late(calls: int) -> None:
    """However many calls there were before: the machine is another by then. What comes next begins anew."""
    mean = MeanCost()
    for _ in range(8):
        mean.observe(calls=calls, service_s=0.001 * calls, cpu_s=0.001 * calls)
        mean.pass_time(TICK_S)
    for _ in range(8):
        mean.pass_time(TICK_S)
    assert mean.of_late is None
    for _ in range(5):
        mean.observe(calls=1, service_s=0.002, cpu_s=0.002)
        mean.pass_time(TICK_S)
    assert mean.of_late is not None
    assert list(mean.of_late) == pytest.approx([0.002, 0.002])


def test_a_model_that_becomes_slower_is_noticed_within_two_seconds() -> None:
    """Most of what counts is then of today."""
    mean = MeanCost()
    for turn in range(48):
        each_s = 0.001 if turn < 40 else 0.002
        mean.observe(calls=100, service_s=100 * each_s, cpu_s=100 * each_s)
        mean.pass_time(TICK_S)
    assert mean.of_late is not None
    assert mean.of_late[0] > 0.0017
