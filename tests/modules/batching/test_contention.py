"""How much longer calls take because of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.contention import Contention

calls = st.lists(st.tuples(st.floats(1e-5, 0.5), st.floats(0.01, 1.0)), min_size=1, max_size=200)


@given(calls)
def test_it_is_one_or_more_and_never_worse_than_the_worst_call(observed: list[tuple[float, float]]) -> None:
    """Whatever the calls took."""
    contention = Contention()
    for wall_s, share in observed:
        contention.observe(wall_s=wall_s, cpu_s=wall_s * share)
    assert 1.0 <= contention.scale <= 1 / min(share for _, share in observed) + 1e-9


@pytest.mark.parametrize("share", [0.5, 0.8, 1.0])
def test_it_becomes_what_calls_take_by_what_they_work(share: float) -> None:
    """After as much work as it looks back."""
    contention = Contention()
    for _ in range(2_000):
        contention.observe(wall_s=0.005, cpu_s=0.005 * share)
    assert contention.scale == pytest.approx(1 / share, rel=0.01)


def test_a_call_that_stood_still_once_counts_by_its_time() -> None:
    """A tenth of a second in which a call was not let run is no machine that has become several times slower."""
    contention = Contention()
    for _ in range(1_000):
        contention.observe(wall_s=0.005, cpu_s=0.005)
    contention.observe(wall_s=0.1, cpu_s=0.005)
    assert contention.scale < 1.25


def test_it_is_quick_to_say_worse_and_slow_to_say_better() -> None:
    """A quarter of a second of work each."""
    contention = Contention()
    for _ in range(50):
        contention.observe(wall_s=0.005, cpu_s=0.0025)
    worse = contention.scale
    for _ in range(50):
        contention.observe(wall_s=0.005, cpu_s=0.005)
    assert worse > 1.8
    assert contention.scale > 1.05
