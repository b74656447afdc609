"""`InHand`: which recordings are being worked on, kept in a file so that a run that died tells the next one.

The file is mapped: a mark is a copy in memory, which outlives the process at once, and nothing waits for the disk.
"""

import mmap
import os
import struct
from pathlib import Path

MAX_PLACES = 64
"""As many as a job has in hand; more than these would not be marked."""

_PLACE_BYTES = 4_098
_LENGTH = struct.Struct("<H")


class InHand:
    """Marks by absolute path; `left` are those an earlier run did not take away."""

    def __init__(self, path: Path) -> None:
        """Read what was left, and begin with no mark. Raises `OSError`."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.posix_fallocate(file, 0, MAX_PLACES * _PLACE_BYTES)  # a mapped page without a place on the disk kills
            self._marks = mmap.mmap(file, MAX_PLACES * _PLACE_BYTES)
        finally:
            os.close(file)
        self._path = path
        self._free = list(range(MAX_PLACES))
        self.left = frozenset(filter(None, map(self._read, self._free)))
        self._clear()

    def __repr__(self) -> str:
        return f"<InHand {MAX_PLACES - len(self._free)} marked, {len(self.left)} left>"

    def mark(self, key: str) -> int:
        """The place of the mark, or -1 where there is none: a name too long for it is not marked."""
        name = os.fsencode(key)
        if not self._free or len(name) > _PLACE_BYTES - _LENGTH.size:
            return -1
        place = self._free.pop()
        start = place * _PLACE_BYTES + _LENGTH.size
        self._marks[start : start + len(name)] = name
        _LENGTH.pack_into(self._marks, place * _PLACE_BYTES, len(name))
        return place

    def free(self, place: int) -> None:
        """Take the mark away: nobody is to blame a recording that has come to its end."""
        if place >= 0:
            _LENGTH.pack_into(self._marks, place * _PLACE_BYTES, 0)
            self._free.append(place)

    def close(self) -> None:
        """Take all marks away: the run ends in good order. Closing twice is fine."""
        if not self._marks.closed:
            self._clear()
            self._marks.close()

    def _clear(self) -> None:
        for place in range(MAX_PLACES):
            _LENGTH.pack_into(self._marks, place * _PLACE_BYTES, 0)

    def _read(self, place: int) -> str:
        """The mark in a place; nothing where there is none, or one that no mark can be."""
        (length,) = _LENGTH.unpack_from(self._marks, place * _PLACE_BYTES)
        start = place * _PLACE_BYTES + _LENGTH.size
        return os.fsdecode(self._marks[start : start + length]) if length <= _PLACE_BYTES - _LENGTH.size else ""
