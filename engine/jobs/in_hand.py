"""`InHand`: which recordings are being worked on, kept in a file so that a run that died tells the next one.

A mark is one small write, which outlives the process at once; nothing waits for the disk.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path

MAX_PLACES = 64
"""As many as a job has in hand; more than these would not be marked."""

_PLACE_BYTES = 4_098
_LENGTH = struct.Struct("<H")


class InHand:
    """Marks by absolute path; `left` are those an earlier run did not take away."""

    def __init__(self, path: Path) -> None:
        """Read what was left, and begin with no mark. Raises `OSError`."""
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._free = list(range(MAX_PLACES))
        self.left = frozenset(filter(None, map(self._read, self._free)))
        os.ftruncate(self._file, 0)

    def __repr__(self) -> str:
        return f"<InHand {MAX_PLACES - len(self._free)} marked, {len(self.left)} left>"

    def mark(self, key: str) -> int:
        """The place of the mark, or -1 where there is none. A mark that cannot be made harms nobody."""
        name = os.fsencode(key)
        if not self._free or len(name) > _PLACE_BYTES - _LENGTH.size:
            return -1
        place = self._free.pop()
        with suppress(OSError):  # the disk is full: the run will say so where it matters
            os.pwrite(self._file, _LENGTH.pack(len(name)) + name, place * _PLACE_BYTES)
        return place

    def free(self, place: int) -> None:
        """The place may be used again. The mark stays until then: what is done is on record, and that counts more."""
        if place >= 0:
            self._free.append(place)

    def close(self) -> None:
        """Take all marks away: the run ends in good order."""
        if self._file >= 0:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1

    def _read(self, place: int) -> str:
        """The mark in a place; nothing where there is none, or half of one."""
        mark = os.pread(self._file, _PLACE_BYTES, place * _PLACE_BYTES)
        if len(mark) < _LENGTH.size:
            return ""
        (length,) = _LENGTH.unpack_from(mark)
        name = mark[_LENGTH.size : _LENGTH.size + length]
        return os.fsdecode(name) if len(name) == length else ""
