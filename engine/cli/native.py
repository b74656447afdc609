"""What native libraries write to stderr of their own accord: kept off the terminal unless it was asked for."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries(*, wanted: bool) -> Iterator[None]:
    """Inside the block only Python writes to stderr; with `wanted` everything does.

    Decoders such as libmpg123 print notes on odd files from native code, in which nobody can tell which file is meant.
    """
    if wanted:
        yield
        return
    sys.stderr.flush()
    ours, before = os.dup(2), sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    with open(ours, "w", encoding=before.encoding, errors="backslashreplace", buffering=1) as stream:  # noqa: PTH123 - a descriptor
        sys.stderr = stream
        try:
            yield
        finally:
            sys.stderr = before
            stream.flush()
            os.dup2(ours, 2)
