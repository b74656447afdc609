"""What is given up when memory gets short: in order, without flicker, and taken back in reverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.memory.relief import LEAVE_BELOW, MemoryReading, MemoryRelief, Relief, ReliefSteps

LIMIT = 1_000


def reading(used_bytes: int | None) -> MemoryReading:
    """So much of a thousand bytes in use."""
    return MemoryReading(own_bytes=used_bytes, own_limit_bytes=LIMIT)


def decided(*used_bytes: int | None) -> Relief:
    """The steps in force after these readings."""
    relief = MemoryRelief()
    for used in used_bytes:
        relief.decide(reading(used))
    return relief.now


def test_the_steps_come_one_after_the_other() -> None:
    """Pools first, refusing last."""
    assert decided(799) == Relief()
    assert decided(800) == Relief(trim_pools=True)
    assert decided(840) == Relief(trim_pools=True, short_buffers=True)
    assert decided(880) == Relief(trim_pools=True, short_buffers=True, pause_folder=True)
    assert decided(920) == Relief(trim_pools=True, short_buffers=True, pause_folder=True, refuse=True)
    assert str(decided(880)) == "trim pools, short buffers, pause folder"
    assert str(decided(10)) == "none"


def test_a_step_ends_below_where_it_began() -> None:
    """Between the two it stays as it was."""
    assert decided(880, 840).pause_folder
    assert not decided(840).pause_folder
    assert not decided(880, 829).pause_folder
    assert decided(950, 100) == Relief()


def test_an_unknown_share_changes_nothing() -> None:
    """It is neither 0 nor all."""
    assert decided(None) == Relief()
    assert decided(880, None).pause_folder
    assert reading(None).share is None


def test_the_tighter_limit_counts() -> None:
    """Of our own and the system's; one that is unknown does not."""
    assert MemoryReading(500, 1_000, 90, 100).share == 0.9
    assert MemoryReading(950, 1_000, 90, 100).share == 0.95
    assert MemoryReading(500, 1_000, None, 100).share == 0.5
    assert MemoryReading(500, 1_000, 90, None).share == 0.5
    assert MemoryReading(None, 1_000, 90, 100).share == 0.9


@given(st.lists(st.integers(0, 1_500), min_size=1))
def test_no_later_step_is_in_force_without_the_earlier_ones(used_bytes: list[int]) -> None:
    """Whatever came before."""
    now = decided(*used_bytes)
    in_force = [now.trim_pools, now.short_buffers, now.pause_folder, now.refuse]
    assert in_force == sorted(in_force, reverse=True)


@given(st.integers(0, 1_500), st.integers(0, int(LEAVE_BELOW * LIMIT) - 1), st.lists(st.booleans()))
def test_small_changes_do_not_make_it_flicker(used_bytes: int, swing: int, ups: list[bool]) -> None:
    """After the first swing up nothing changes any more."""
    relief = MemoryRelief()
    relief.decide(reading(used_bytes))
    settled = relief.decide(reading(used_bytes + swing))
    for up in ups:
        assert relief.decide(reading(used_bytes + swing * up)) == settled


def test_wrong_values_are_refused() -> None:
    """Limits of nothing, negative use, steps out of order."""
    with pytest.raises(ValueError, match="a limit must be at least 1 byte"):
        MemoryReading(1, 0)
    with pytest.raises(ValueError, match="used bytes must be 0 or more"):
        MemoryReading(-1, 1)
    with pytest.raises(ValueError, match="in order"):
        ReliefSteps(trim_pools=0.9, short_buffers=0.8)
