"""`GuardedFile`: a file object that can be called from C, where an exception would be printed and lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from modules.errors import DecodeError


class GuardedFile:
    """A seekable binary file, read from its beginning, whose errors wait for `check`: it then seems to end.

    It has no name on purpose: libraries would guess a format from one, and the same bytes would decode differently.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: Exception | None = None
        self.seek(0)

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end of the file."""
        content = bytearray(size)
        return bytes(memoryview(content)[: self.readinto(memoryview(content))])

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer unless the file ends: C takes a short read for the end."""
        filled = 0
        try:
            while filled < len(buffer) and (data := self._file.read(len(buffer) - filled)):
                buffer[filled : filled + len(data)] = data
                filled += len(data)
        except Exception as error:  # noqa: BLE001 - raised again by `check`
            self._error = error
        return filled

    def seek(self, offset: int, whence: int = 0) -> int:
        """Where the file stands now, or -1: broken headers ask for impossible places, which is no error of the file."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1

    def tell(self) -> int:
        """Where the file stands."""
        try:
            return self._file.tell()
        except Exception as error:  # noqa: BLE001 - raised again by `check`
            self._error = error
            return 0

    def unread_bytes(self) -> int:
        """What lies behind the place where the file stands."""
        here = self.tell()
        self.seek(0, 2)
        end = self.tell()
        self.seek(here)
        return end - here

    def check(self) -> None:
        """Raise as `DecodeError` what a call from C could not."""
        if self._error is not None:
            raise DecodeError(f"reading failed: {self._error}") from self._error


@contextmanager
def translated(file: GuardedFile, saying: Callable[[Exception], str]) -> Iterator[None]:
    """Any error inside the block, the file's own first, is a `DecodeError`: broken input makes libraries raise all."""
    try:
        yield
    except DecodeError:
        raise
    except Exception as error:
        file.check()
        raise DecodeError(saying(error)) from error
    file.check()
