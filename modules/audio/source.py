"""What a recording can come from, and how each becomes a seekable binary file. Nothing is decoded here.

No temporary file is ever made: what cannot seek is read into memory, up to a limit.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias

from modules.errors import DecodeError

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, the content itself, or a file object open in binary mode, which is read from its beginning, never closed."""

MAX_UNSEEKABLE_BYTES = 1 << 30
"""The most that is read into memory from a file object or a path that cannot seek, such as a pipe."""

_READ_BYTES = 1 << 20


@contextmanager
def open_source(source: Source) -> Iterator[BinaryIO]:
    """The source as a seekable binary file inside the block; closed afterwards only if it was opened here.

    Raises `DecodeError` when there is nothing to read, and `TypeError` for what is no source at all.
    """
    if isinstance(source, str | os.PathLike):
        with _open_path(source) as file:
            yield _seekable(file, name_of(source))
    elif isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif hasattr(source, "read"):
        yield _seekable(source, name_of(source))
    else:
        raise TypeError(f"a recording is a path, bytes or a binary file object, got {type(source).__name__}")


def name_of(source: Source) -> str:
    """What to call the source: its path, the name a file object has, else `<bytes>` or `<file object>`."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    name = getattr(source, "name", None)
    return os.fsdecode(name) if isinstance(name, str | bytes) else "<file object>"


def printable(name: str) -> str:
    """The name on one line and in characters that any terminal and any log takes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in name)


def _open_path(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return open(path, "rb")  # noqa: PTH123 - Path() would turn "" into "."
    except OSError as error:
        raise DecodeError(f"cannot read {printable(name_of(path))}: {_reason(error)}") from error
    except ValueError as error:  # a NUL in the name
        raise DecodeError(f"cannot read {printable(name_of(path))}: {error}") from error


def _reason(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "it is a folder, not a recording"
    return (error.strerror or str(error) or type(error).__name__).lower()


def _seekable(file: BinaryIO, name: str) -> BinaryIO:
    """The file itself where it can seek, else its content in memory."""
    if isinstance(file, io.TextIOBase):
        raise DecodeError(f"cannot read {printable(name)}: it is open as text; open it in binary mode")
    try:
        seekable = getattr(file, "seekable", None)
        content = file if seekable is not None and seekable() else _in_memory(file)
    except OSError as error:
        raise DecodeError(f"cannot read {printable(name)}: {_reason(error)}") from error
    except ValueError as error:  # closed already
        raise DecodeError(f"cannot read {printable(name)}: {error}") from error
    if content is None:
        raise DecodeError(
            f"cannot read {printable(name)}: it cannot seek and holds more than {MAX_UNSEEKABLE_BYTES} bytes; "
            "save it to a file first"
        )
    return content


def _in_memory(file: BinaryIO) -> BinaryIO | None:
    content = io.BytesIO()
    while piece := file.read(_READ_BYTES):
        if content.tell() + len(piece) > MAX_UNSEEKABLE_BYTES:
            return None
        content.write(piece)
    return content
