"""A path, bytes or a file object becomes a seekable binary file, or a clear error."""

import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from modules.audio import source
from modules.audio.source import Source, name_of, open_source, printable
from modules.errors import DecodeError

CONTENT = bytes(range(256)) * 8


class Pipe(io.RawIOBase):
    """A stream that gives a few bytes at a time and cannot seek."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """At most seven bytes."""
        return self._content.readinto(memoryview(buffer)[:7])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file on disk."""
    path = tmp_path / "content.wav"
    path.write_bytes(CONTENT)
    return path


def read(source: Source) -> bytes:
    """All that the source holds."""
    with open_source(source) as file:
        file.seek(0)
        return file.read()


def test_paths_and_bytes_of_all_kinds_hold_the_same(path: Path) -> None:
    """A text path, a Path, bytes, a bytearray and a memoryview are equally good."""
    sources: list[Source] = [str(path), path, CONTENT, bytearray(CONTENT), memoryview(CONTENT), io.BytesIO(CONTENT)]
    assert all(read(source) == CONTENT for source in sources)


def test_a_file_that_was_opened_here_is_closed(path: Path) -> None:
    """Leaving the block closes what the block opened."""
    with open_source(path) as file:
        assert not file.closed
    assert file.closed


def test_a_callers_file_object_is_used_as_it_is_and_stays_open(path: Path) -> None:
    """What the caller opened, the caller closes."""
    with path.open("rb") as mine:
        with open_source(mine) as file:
            assert file is mine
        assert not mine.closed


def test_what_cannot_seek_is_read_into_memory() -> None:
    """A pipe becomes a seekable file with all its content."""
    with open_source(cast("BinaryIO", Pipe(CONTENT))) as file:
        assert file.seekable()
    assert read(cast("BinaryIO", Pipe(CONTENT))) == CONTENT


def test_an_object_with_nothing_but_read_will_do() -> None:
    """Not every file-like object says whether it can seek."""

    class Reader:
        def __init__(self) -> None:
            self.read = io.BytesIO(CONTENT).read

    assert read(cast("BinaryIO", Reader())) == CONTENT


def test_a_pipe_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is not filled without end."""
    monkeypatch.setattr(source, "MAX_UNSEEKABLE_BYTES", 1_000)
    with pytest.raises(DecodeError, match="cannot seek and holds more than 1000 bytes"):
        read(cast("BinaryIO", Pipe(CONTENT)))


def test_missing_files_folders_and_odd_names_are_decode_errors(tmp_path: Path) -> None:
    """The text says which path and why, on one line, and the cause is kept."""
    expected = {
        str(tmp_path / "none.wav"): "no such file",
        str(tmp_path): "it is a folder",
        "": "no such file",
        "a\0b": "null",
        "x" * 5_000: "too long",
    }
    for path, text in expected.items():
        with pytest.raises(DecodeError, match=text) as caught:
            read(path)
        assert isinstance(caught.value.__cause__, OSError | ValueError)
        assert str(caught.value).startswith("cannot read")
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_decode_error(path: Path) -> None:
    """Permission is a reason like another."""
    path.chmod(0)
    with pytest.raises(DecodeError, match="permission denied"):
        read(path)


def test_a_closed_file_and_a_text_file_are_refused(path: Path) -> None:
    """The text says what is wrong with them."""
    closed = path.open("rb")
    closed.close()
    with pytest.raises(DecodeError, match="closed file"):
        read(closed)
    with pytest.raises(DecodeError, match="open it in binary mode"):
        read(cast("BinaryIO", io.StringIO("text")))


@pytest.mark.parametrize("value", [None, 3, 2.5, [b"x"]])
def test_what_is_no_source_is_a_type_error(value: object) -> None:
    """A mistake of the program is not a bad recording."""
    with pytest.raises(TypeError, match="a path, bytes or a binary file object"):
        read(cast("bytes", value))


def test_errors_inside_the_block_are_not_translated(path: Path) -> None:
    """Only opening is this module's business."""
    with pytest.raises(OSError, match="mine") as caught, open_source(path):
        raise OSError("mine")
    assert type(caught.value) is OSError


def test_each_source_has_a_name(path: Path) -> None:
    """Messages and results call a source by it."""
    assert name_of(path) == name_of(str(path)) == str(path)
    assert name_of(b"") == name_of(bytearray()) == name_of(memoryview(b"")) == "<bytes>"
    assert name_of(io.BytesIO()) == "<file object>"
    with path.open("rb") as file:
        assert name_of(file) == str(path)
    with os.fdopen(os.open(path, os.O_RDONLY), "rb") as file:
        assert name_of(file) == "<file object>"


def test_a_printable_name_is_one_line_that_can_be_encoded() -> None:
    """Line ends, escapes and bytes that are no UTF-8 are spelt out; other letters stay."""
    assert printable("käse 1.wav") == "käse 1.wav"
    assert printable("a\nb\x1b[0m") == r"a\nb\x1b[0m"
    assert printable("\udce9").encode() == rb"\udce9"
