"""What is left out first when workers fall behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.relief import PartialsGate


def test_a_gate_is_open_until_chunks_wait() -> None:
    """A single late chunk does not shut it, a queue does."""
    gate = PartialsGate()
    assert gate.observe(0.1)
    assert not [gate.observe(0.1) for _ in range(50)][-1]


def test_a_shut_gate_opens_when_the_queue_is_gone() -> None:
    """It does not flicker in between."""
    gate = PartialsGate()
    for _ in range(100):
        gate.observe(0.2)
    assert not any(gate.observe(0.02) for _ in range(200))
    assert [gate.observe(0.0) for _ in range(200)][-1]


@given(st.lists(st.floats(0, 0.004), max_size=200))
def test_a_gate_that_sees_only_short_waits_stays_open(waits: list[float]) -> None:
    """Below the lower threshold nothing is ever left out."""
    gate = PartialsGate()
    assert all(gate.observe(wait) for wait in waits)


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match="open_below_s < shut_above_s"):
        PartialsGate(shut_above_s=0.01, open_below_s=0.02)
