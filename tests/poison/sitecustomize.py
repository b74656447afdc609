"""Recordings that are poison to a decoder, in whatever process it runs: Python imports this before any program.

It does so where this folder comes first on the path. A recording that holds one of the words below crashes or hangs the
decoder that opens it, as native code does; all others are decoded as ever.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from modules.audio import decode
from modules.audio.decoded import Decoded

CRASH = b"poison: crash"
HANG = b"poison: hang"

_good = decode._OPENERS["soundfile"]


@contextmanager
def _poisoned(file: BinaryIO) -> Iterator[Decoded]:
    content = file.read()
    if CRASH in content:
        ctypes.string_at(0)
    if HANG in content:
        ctypes.CDLL(None).sleep(10_000)
    file.seek(0)
    with _good(file) as decoded:
        yield decoded


decode._OPENERS["soundfile"] = _poisoned
