"""The kernel's small text files under `/proc` and `/sys`: read once, or period after period as counters.

No file raises here: one that is missing, may not be read or makes no sense is unknown, `None`.
"""

import operator
import os
import weakref
from collections.abc import Callable
from io import FileIO
from pathlib import Path

Counts = tuple[int, ...]
"""What one file counts, each number growing for as long as the thing it counts is the same."""

MOST_DIGITS = len("18446744073709551615")
"""Most digits that a count of 64 bits has."""

_COUNTER_BYTES = 4096  # all that is counted stands in the first page, also where /proc/stat goes on for each CPU


def read_text(path: Path | str) -> str | None:
    """The text of a small file, `None` when it is not there or may not be read."""
    try:
        with FileIO(path) as file:
            return file.read().decode("utf-8", errors="surrogateescape")
    except OSError:
        return None


def is_count(text: str) -> bool:
    """Whether this is a number as the kernel prints a counter: decimal digits alone, and not endlessly many."""
    return len(text) <= MOST_DIGITS and text.isascii() and text.isdecimal()


class Counters:
    """What the counters in files gained since the period before; for one thread at a time.

    Files stay open while they are read every period, which takes a third of the system calls of opening them anew, and
    with each call a thread gives up the interpreter lock and has to wait for it.
    """

    def __init__(self) -> None:
        """Start with nothing read."""
        self._descriptors: dict[str, int] = {}
        self._before: dict[str, Counts] = {}
        self._now: dict[str, Counts] = {}
        weakref.finalize(self, _close_all, self._descriptors)

    def gained(self, path: str, parse: Callable[[str], Counts | None]) -> Counts | None:
        """By how much each count of `parse(text)`, at least one, grew since the period before.

        `None` when the file cannot be read or understood now, was not then, or when a count went back: the thing that
        is counted is then another one, and what it gained is not known.
        """
        text = self._text(path)
        now = None if text is None else parse(text)
        if now is None:
            return None
        self._now[path] = now
        before = self._before.get(path)
        if before is None or len(before) != len(now):
            return None
        gains = tuple(map(operator.sub, now, before))
        return None if min(gains) < 0 else gains

    def next_period(self) -> None:
        """What was read is what the next gains are counted from; files that were not read are closed and forgotten."""
        self._before, self._now = self._now, {}
        for path in self._descriptors.keys() - self._before.keys():
            os.close(self._descriptors.pop(path))

    def reopen(self) -> None:
        """Close all files, so that each is looked up by its name again; the counts are kept."""
        _close_all(self._descriptors)

    def _text(self, path: str) -> str | None:
        try:
            descriptor = self._descriptors.get(path)
            if descriptor is None:
                descriptor = self._descriptors[path] = os.open(path, os.O_RDONLY)
            return os.pread(descriptor, _COUNTER_BYTES, 0).decode("utf-8", errors="replace")
        except OSError:
            return None  # and closed with the period, since it was not read


def _close_all(descriptors: dict[str, int]) -> None:
    while descriptors:
        os.close(descriptors.popitem()[1])
