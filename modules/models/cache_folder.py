"""`CacheFolder`: answers in files, under a limit in bytes, each with a digest, so that damage is noticed."""

import contextlib
import hashlib
import logging
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

_DIGEST_BYTES: Final = 32
_SUFFIX: Final = ".answer"

_log = logging.getLogger(__name__)


class CacheFolder:
    """A folder of answers; several threads may use it, and several processes, each keeping its own count of bytes.

    A disk that fails costs answers, not results: it is logged, counted, and the answer is not there.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Use what is in `path`, which is made when it is not there. Raises `OSError` when it cannot be."""
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, got {max_bytes}")
        self.path = path
        self.max_bytes = max_bytes
        self._errors = 0
        self._lock = threading.Lock()
        path.mkdir(parents=True, exist_ok=True)
        found = [(file.stat(), file) for file in path.glob(f"*{_SUFFIX}")]
        found.sort(key=lambda entry: entry[0].st_mtime_ns)
        self._sizes = OrderedDict((file.name.removesuffix(_SUFFIX), stat.st_size) for stat, file in found)
        self._bytes = sum(self._sizes.values())
        with self._lock:
            self._make_room(0)

    def get(self, name: str) -> bytes | None:
        """The answer of that name; one whose digest is wrong is removed."""
        file = self._file(name)
        with self._lock:
            try:
                content = file.read_bytes()
                os.utime(file)
            except FileNotFoundError:
                self._forget(name)
                return None
            except OSError as error:
                self._failed("read", error)
                return None
            digest, answer = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if hashlib.sha256(answer).digest() != digest:
                self._remove(name)
                self._failed("read", ValueError(f"{file.name} is damaged"))
                return None
            self._remember(name, len(content))
            return answer

    def put(self, name: str, answer: bytes) -> None:
        """Write an answer beside and rename it, so that no half of one is ever there."""
        size = len(answer) + _DIGEST_BYTES
        if size > self.max_bytes:
            return
        with self._lock:
            self._remove(name)
            self._make_room(size)
            part = self.path / f"{name}.{os.getpid()}.part"
            try:
                part.write_bytes(hashlib.sha256(answer).digest() + answer)
                part.replace(self._file(name))
            except OSError as error:
                self._failed("written", error)
                with contextlib.suppress(OSError):  # it may never have been there
                    part.unlink()
                return
            self._remember(name, size)

    def statistics(self) -> tuple[int, int]:
        """Bytes held, and how often the disk failed."""
        with self._lock:
            return self._bytes, self._errors

    # What follows is called with the lock held.

    def _file(self, name: str) -> Path:
        return self.path / f"{name}{_SUFFIX}"

    def _make_room(self, size: int) -> None:
        while self._sizes and self._bytes + size > self.max_bytes:
            self._remove(next(iter(self._sizes)))

    def _remember(self, name: str, size: int) -> None:
        self._forget(name)
        self._sizes[name] = size
        self._bytes += size

    def _forget(self, name: str) -> None:
        self._bytes -= self._sizes.pop(name, 0)

    def _remove(self, name: str) -> None:
        self._forget(name)
        try:
            self._file(name).unlink(missing_ok=True)
        except OSError as error:
            self._failed("removed", error)

    def _failed(self, done: str, error: Exception) -> None:
        self._errors += 1
        _log.warning("an answer in %s could not be %s: %s", self.path, done, error)
