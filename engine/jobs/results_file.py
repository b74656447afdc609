"""`ResultsFile`: `results.jsonl` while a run writes it, line by line, each whole.

A run that goes on from an earlier one gives its lines anew, and most are those that are there already: as long as they
are, nothing is written. Where they differ the old file stays until the new one, written beside it, is complete.
"""

import os
from contextlib import suppress
from pathlib import Path

from engine.jobs.whole_files import create, partial_of, sync_folder, write_all

_COPIED_BYTES = 1 << 20
_TAIL_BYTES = 1 << 16
_A_LINE_OF_A_FILE = b'{"type":"file"'


class ResultsFile:
    """The lines of one run. Blocks; every method raises `OSError`, and after one the lines before are still whole."""

    def __init__(self, path: Path, *, overwrite: bool = False, resume: bool = False) -> None:
        """Nothing is opened before the first line."""
        self._path = path
        self._overwrite = overwrite
        self._resume = resume
        self._file = -1
        self._old_bytes = 0  # of an earlier run, as far as they have not been reached
        self._is_beside = False
        self.size_bytes = 0

    def append(self, line: bytes) -> None:
        """Add a line, with its end."""
        if self._file < 0:
            self._open()
        if self._old_bytes:
            if os.pread(self._file, len(line), self.size_bytes) == line:
                self.size_bytes += len(line)
                return
            self._part_from_old()
        try:
            write_all(self._file, line)
        except BaseException:
            os.ftruncate(self._file, self.size_bytes)
            os.lseek(self._file, self.size_bytes, os.SEEK_SET)
            raise
        self.size_bytes += len(line)

    def rest_of_old(self) -> bytes:
        """What the earlier run has beyond the lines so far, if that is no more than a summary."""
        left = self._old_bytes - self.size_bytes
        return os.pread(self._file, left, self.size_bytes) if 0 < left <= _TAIL_BYTES else b""

    def keep_old(self) -> None:
        """What is there is what would be written, its summary included: leave it."""
        self.size_bytes = self._old_bytes

    def close(self) -> None:
        """Everything is on the disk, in its place; closing twice is fine."""
        file, self._file = self._file, -1
        if file < 0:
            return
        try:
            if self._old_bytes > self.size_bytes:  # the run broke off before it said anything new
                return
            os.fsync(file)
        finally:
            os.close(file)
        if self._is_beside:
            partial_of(self._path).replace(self._path)
        if not self.size_bytes:
            self._path.unlink()
        sync_folder(self._path.parent)

    def _open(self) -> None:
        if self._overwrite:
            self._path.unlink(missing_ok=True)
        if self._resume:
            with suppress(FileNotFoundError):
                self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                self._old_bytes = os.fstat(self._file).st_size
                return
        # Exclusive: of two runs into one folder the second is told, rather than mixing its lines in.
        self._file = create(self._path, os.O_EXCL)

    def _part_from_old(self) -> None:
        """Go on after the lines that were equal: in place where only a summary or a torn line follows, else beside."""
        left, self._old_bytes = self._old_bytes - self.size_bytes, 0
        if left <= _TAIL_BYTES and not _holds_results(os.pread(self._file, left, self.size_bytes)):
            os.ftruncate(self._file, self.size_bytes)
        else:
            old, self._file = self._file, create(partial_of(self._path))
            self._is_beside = True
            try:
                self._copy(old)
            finally:
                os.close(old)
        os.lseek(self._file, self.size_bytes, os.SEEK_SET)

    def _copy(self, old: int) -> None:
        done = 0
        while done < self.size_bytes:
            piece = os.pread(old, min(_COPIED_BYTES, self.size_bytes - done), done)
            write_all(self._file, piece)
            done += len(piece)


def _holds_results(tail: bytes) -> bool:
    return any(line.startswith(_A_LINE_OF_A_FILE) for line in tail.split(b"\n")[:-1])
