"""A file's own errors are told, though C cannot tell them."""

import io

import pytest

from modules.audio.guarded_file import GuardedFile, translated
from modules.errors import DecodeError


class Torn(io.BytesIO):
    """A file whose disk fails after its first bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """A few bytes, once."""
        if self.tell():
            raise OSError("disk on fire")
        return super().read(min(4, size or 4))


class Drip(io.BytesIO):
    """A file that gives a byte at a time, as a pipe may."""

    def read(self, size: int | None = -1, /) -> bytes:
        """One byte."""
        return super().read(1 if size else 0)


def test_a_read_is_short_only_at_the_end() -> None:
    """C takes a short read for the end of the file."""
    file = GuardedFile(Drip(b"some content"))
    assert [file.read(5), file.read(5), file.read(5), file.read(5)] == [b"some ", b"conte", b"nt", b""]


def test_it_begins_at_the_beginning_and_knows_what_is_left() -> None:
    """Wherever the file stood; asking does not move it."""
    inner = io.BytesIO(b"some content")
    inner.seek(7)
    file = GuardedFile(inner)
    assert (file.read(4), file.tell(), file.unread_bytes(), file.tell()) == (b"some", 4, 8, 4)


def test_an_impossible_place_is_no_error() -> None:
    """Broken headers ask for some."""
    file = GuardedFile(io.BytesIO(b"x"))
    assert file.seek(-5) == -1
    file.check()


def test_an_error_while_reading_looks_like_the_end_and_is_told_later() -> None:
    """By `check`, with its cause."""
    file = GuardedFile(Torn(b"some content"))
    assert file.read(10) == b"some"
    with pytest.raises(DecodeError, match="reading failed: disk on fire") as told:
        file.check()
    assert isinstance(told.value.__cause__, OSError)


def test_the_files_own_error_comes_before_the_librarys() -> None:
    """What the library says of a file that seemed to end is not the reason."""

    def read(file: GuardedFile) -> None:
        with translated(file, lambda error: f"odd: {error}"):
            file.read(10)
            raise IndexError("no such stream")

    with pytest.raises(DecodeError, match="disk on fire"):
        read(GuardedFile(Torn(b"some content")))
    with pytest.raises(DecodeError, match="odd: no such stream"):
        read(GuardedFile(io.BytesIO(b"some content")))
