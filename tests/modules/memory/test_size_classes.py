"""Sizes of blocks: enough for what is asked, and not much more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.memory.size_classes import MAX_WASTE, MIN_CLASS_BYTES, class_bytes


@given(st.integers(0, 1 << 40))
def test_a_block_is_enough_and_wastes_little(wanted_bytes: int) -> None:
    """At most a quarter of what was asked is lost, and blocks can be seen as floats."""
    size = class_bytes(wanted_bytes)
    assert wanted_bytes <= size
    assert size % 4 == 0
    assert size == MIN_CLASS_BYTES or size - wanted_bytes <= MAX_WASTE * wanted_bytes


@given(st.integers(0, 1 << 40))
def test_a_class_serves_itself(wanted_bytes: int) -> None:
    """Asking for exactly the size of a class gives that class: a block that comes back fits where it came from."""
    size = class_bytes(wanted_bytes)
    assert class_bytes(size) == size


@given(st.integers(0, 1 << 30), st.integers(0, 1 << 30))
def test_more_is_never_served_by_less(one: int, other: int) -> None:
    """Classes grow with requests."""
    assert class_bytes(min(one, other)) <= class_bytes(max(one, other))


def test_there_are_four_classes_to_a_doubling() -> None:
    """From 64 KiB to 128 KiB: 64, 80, 96, 112 and then 128."""
    assert {class_bytes(n) // 1024 for n in range(64 * 1024, 128 * 1024, 512)} == {64, 80, 96, 112, 128}


def test_a_negative_size_is_refused() -> None:
    """It names what it got."""
    with pytest.raises(ValueError, match="got -1"):
        class_bytes(-1)
