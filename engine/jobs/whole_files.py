"""Writing files so that each is whole or absent, also after a power cut: beside its place, synced, then renamed."""

import os
from contextlib import suppress
from pathlib import Path

PARTIAL_SUFFIX = ".partial"


def partial_of(path: Path) -> Path:
    """Where a file is written before it is renamed: beside its place, so always on the same file system."""
    return path.with_name(f".{path.name}{PARTIAL_SUFFIX}")


def replace_whole(path: Path, content: bytes) -> None:
    """The file has this content when this returns; whatever happens before, it is as it was. Raises `OSError`.

    Its name is on the disk when its folder is synced, see `sync_folder`.
    """
    partial = partial_of(path)
    try:
        descriptor = create(partial)
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def sync_folder(path: Path) -> None:
    """The names in the folder are on the disk. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create(path: Path, flags: int = os.O_TRUNC) -> int:
    """A descriptor to write to. Raises `OSError`."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o666)


def write_all(descriptor: int, content: bytes) -> None:
    """One system call, unless the disk took only a part: then asking again tells why. Raises `OSError`."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
