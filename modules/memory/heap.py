"""The allocator behind Python's: what it keeps for later, and how to make it give that back."""

import ctypes


def give_back_free_memory() -> bool:
    """Have the allocator return what it keeps for later to the system; whether this one could be asked.

    glibc keeps freed memory below what is still in use, which after many streams can be most of a process. Its
    `malloc_trim` returns whole pages from anywhere (man 3 malloc_trim); it took 2 to 70 ms beside 300 streams, in which
    other threads wait for memory: not for the event loop, and not every second.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:  # musl, macOS
        return False
    trim(0)
    return True
