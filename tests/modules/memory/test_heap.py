"""Asking the allocator for what it keeps."""

import ctypes

from modules.memory import heap


def test_the_allocator_is_asked_where_it_can_be() -> None:
    """With glibc it can; the answer says so."""
    assert heap.give_back_free_memory() is hasattr(ctypes.CDLL(None), "malloc_trim")
