"""`FolderLock`: one run at a time in an output folder. The kernel frees the lock of an owner that is dead."""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from modules.errors import FolderBusy, OutputError

_PATIENCE_S = 2.0
"""A run that was killed this moment may still be on its way out."""
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock; `since` is the system's clock, in seconds."""

    pid: int
    host: str
    since: float

    @classmethod
    def here(cls, now: float) -> Self:
        """This process."""
        return cls(os.getpid(), socket.gethostname(), now)

    def described(self, now: float) -> str:
        """The owner and its age in words; a clock that was set back makes nobody younger than now."""
        return f"process {self.pid} on {self.host}, at work for {_in_words(max(0.0, now - self.since))}"


class FolderLock:
    """A lock on a file; `previous` is the owner that left without saying goodbye, whose place was taken over."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time, patience_s: float = _PATIENCE_S) -> None:
        """Nothing is locked yet."""
        self._path = path
        self._clock = clock
        self._patience_s = patience_s
        self._file = -1
        self.previous: Owner | None = None

    def __repr__(self) -> str:
        return f"<FolderLock {str(self._path)!r}, {'held' if self._file >= 0 else 'free'}>"

    def take(self) -> None:
        """Hold the lock from now on. Raises `FolderBusy` when another run has it, `OutputError` when it cannot be."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._wait()
            self.previous = owner_in(self._path)
            self._write(json.dumps(asdict(Owner.here(self._clock()))))
        except OSError as error:
            self._close()
            if isinstance(error, FolderBusy):
                raise
            raise OutputError(f"cannot lock {self._path.parent}: {error.strerror or error}") from error

    def release(self) -> None:
        """Say goodbye and let go; releasing twice is fine."""
        if self._file >= 0:
            with suppress(OSError):  # a note that stays only means that the next owner tells of this one
                self._write("")
        self._close()

    def _wait(self) -> None:
        give_up_s = time.monotonic() + self._patience_s
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < give_up_s:
                    time.sleep(_LOOK_AGAIN_S)
                    continue
                owner = owner_in(self._path)
                who = owner.described(self._clock()) if owner else "a process that is not known"
                raise FolderBusy(
                    f"another run is at work in {self._path.parent.parent}: {who}; wait for it, or end it"
                ) from None
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS):
                    raise
                self._ask_the_note()
            return

    def _ask_the_note(self) -> None:
        """A file system without locks: the owner's note has to do. An owner on another host cannot be looked up."""
        owner = owner_in(self._path)
        if owner and owner != Owner.here(owner.since) and (owner.host != socket.gethostname() or _is_alive(owner.pid)):
            raise FolderBusy(
                f"another run is at work in {self._path.parent.parent}: {owner.described(self._clock())}; "
                f"if it is dead, delete {self._path}"
            )

    def _write(self, text: str) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text.encode(), 0)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def owner_in(path: Path) -> Owner | None:
    """Who the note in a lock's file names; nobody when it is empty or no such note."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _in_words(seconds: float) -> str:
    for unit, length_s in (("h", 3600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds:.0f} s"
