"""Garbage collection out of the way: what was made before the work begins is not looked through again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_garbage() -> Iterator[None]:
    """Inside the block a full collection leaves out all objects that were there at its beginning.

    The engine makes no cyclic garbage for each chunk (tests/engine/test_garbage.py), so full collections are rare; but
    one looks through all that was imported and loaded, for 50 ms or more in which nothing else runs. For a process that
    is the engine's own: an application that holds it decides for itself.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
