"""What a recording is, apart from its name: what the file system says of it, and the digest of its bytes.

All of it blocks and runs on workers. A large file is read in steps, so that nobody waits long for a worker.
"""

import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from modules.errors import SourceChanged

READ_AT_ONCE_BYTES = 16 << 20
"""What one step reads: about 10 ms of a worker."""

SMALL_BYTES = 1 << 18
"""A file this small is read whole while it is planned: it costs less than a hop to a worker."""

HEAD_BYTES = 4_096
"""The first bytes, which are kept: they tell what kind of file it is."""

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the file system says of a file; equal as long as nobody replaced it or wrote to it."""

    size_bytes: int
    mtime_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The facts in a `stat`."""
        return cls(status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes at one moment: their SHA-256, the first of them, the facts before reading and the clock then."""

    facts: FileFacts
    digest: bytes
    head: bytes
    checked_ns: int


class ContentReading:
    """A file on its way to a `Content`. Raises `OSError`; close it in any case."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file. Raises `OSError`, also for what is no regular file."""
        # Without O_NONBLOCK a pipe in the file's place would be waited for without end.
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise OSError(f"not a regular file: {path}")
        self._facts = FileFacts.of(status)
        self._left_bytes = status.st_size
        self._checked_ns = time.time_ns()
        self._digest = hashlib.sha256()
        self._head = b""

    def advance(self) -> Content | None:
        """Read on for a step; the content when the file has ended."""
        for _ in range(READ_AT_ONCE_BYTES // _READ_BYTES):
            data = os.read(self._file, _READ_BYTES)
            self._head = self._head or data[:HEAD_BYTES]
            self._digest.update(data)
            self._left_bytes -= len(data)
            if not data or not self._left_bytes:  # what is written behind its end while it is read changes its facts
                return Content(self._facts, self._digest.digest(), self._head, self._checked_ns)
        return None

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_small(path: str | os.PathLike[str]) -> Content | None:
    """The content of a file, small when it was last seen; nothing for one that has grown or cannot be read."""
    try:
        reading = ContentReading(path)
        try:
            return reading.advance()
        finally:
            reading.close()
    except OSError:  # who decodes it says what is wrong with it
        return None


def check_unchanged(path: Path, facts: FileFacts) -> None:
    """The file at `path` is still the one of `facts`. Raises `SourceChanged`."""
    try:
        now = FileFacts.of(os.stat(path))  # noqa: PTH116 - once for each recording, and four times as quick
    except OSError as error:
        raise SourceChanged(f"{path} was taken away while it was read: {error.strerror or error}") from error
    if now != facts:
        how = "replaced" if (now.device, now.inode) != (facts.device, facts.inode) else "written to"
        raise SourceChanged(f"{path} was {how} while it was read; is it still being recorded or copied?")
