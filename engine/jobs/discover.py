"""Finding the recordings of a run. All of it blocks: the engine pulls from it on a worker thread.

What is found is told by name and first bytes alone (`modules/audio/sniff.py`); nothing is decoded here.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from engine.jobs.content import FileFacts
from engine.jobs.name_pattern import NamePattern
from modules.audio.sniff import HEAD_BYTES, container_of, has_audio_suffix
from modules.errors import ConfigError
from modules.results import Failure, FileResult, Status

_FileId = tuple[int, int]  # device and inode


@dataclass(frozen=True, slots=True)
class Found:
    """An input of a run: a file to attempt, or one whose `verdict` is known without decoding it.

    `root` is the folder named by the user that it was found under, or the folder of a file named by the user;
    `explicit` says which of the two it is. `facts` are what the file system said of a file to attempt.
    """

    path: Path
    root: Path
    explicit: bool = False
    verdict: FileResult | None = None
    facts: FileFacts | None = field(default=None, compare=False)

    @property
    def is_recording(self) -> bool:
        """Whether decoding is to be attempted."""
        return self.verdict is None


def check_paths(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Every path is a file or folder that can be looked at. Raises `ConfigError` naming the first that is not."""
    given = [Path(path) for path in paths]
    if not given:
        raise ConfigError("no input given: name a file or a folder")
    for path in given:
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            dangling = " (a link to something that is not there)" if path.is_symlink() else ""
            raise ConfigError(f"no such file or folder: {path}{dangling}") from error
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read {str(path)!r}: {_reason(error)}") from error


def discover(
    paths: Iterable[str | os.PathLike[str]],
    *,
    recursive: bool = True,
    glob: str | None = None,
    exclude: Path | None = None,
) -> Iterator[Found]:
    """The inputs in a stable order: as given, and in a folder its files by name, then its folders by name.

    A file named by the user is always attempted; one in a folder when its suffix or its first bytes are those of a
    recording, else it is found as skipped, with the reason. Names that begin with a dot are passed over, and so are
    names that `glob` does not match (see `NamePattern`). A folder or file is found once, whatever links or paths
    lead to it; the folder `exclude` is never entered unless the user named it as an input. Links are followed.
    Looks at one folder at a time and keeps only the names in it. Raises `ConfigError` for a `glob` that is not one.
    """
    pattern = NamePattern(glob) if glob is not None else None
    return _Walk([Path(path) for path in paths], pattern, recursive=recursive).inputs(exclude)


class _Walk:
    """One walk over everything given; remembers which folders it has been in."""

    def __init__(self, paths: list[Path], pattern: NamePattern | None, *, recursive: bool) -> None:
        self._paths = paths
        self._pattern = pattern
        self._recursive = recursive
        self._entered: set[_FileId] = set()
        self._named: set[str] = set()  # real paths of the files given by name
        self._named_inodes: set[int] = set()  # to ask for a real path only where it can be one of those

    def inputs(self, exclude: Path | None) -> Iterator[Found]:
        for path in self._paths:
            self._remember_if_file(path)
        excluded = _id_of(exclude) if exclude is not None else None
        yielded: set[str] = set()
        for path in self._paths:
            if os.path.isdir(path):  # noqa: PTH112 - False, not an error, for what cannot be looked at
                yield from self._under(path, excluded)
            elif (real := os.path.realpath(path)) not in yielded:
                yielded.add(real)
                yield _named(path)

    def _remember_if_file(self, path: Path) -> None:
        if (identity := _id_of(path)) is not None and path.is_file():
            self._named.add(os.path.realpath(path))
            self._named_inodes.add(identity[1])

    def _under(self, root: Path, excluded: _FileId | None) -> Iterator[Found]:
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            identity = _id_of(folder)
            if identity in self._entered or (identity == excluded and identity is not None and folder != root):
                continue
            if identity is not None:
                self._entered.add(identity)
            try:
                listing = self._list(folder)
            except OSError as error:
                yield _refused(folder, root, Status.FAILED, _failure(error, "cannot list this folder"))
                continue
            for name in listing.files():
                path = folder / name
                if self._pattern is None or self._pattern.matches(path.relative_to(root)):
                    yield _judged(path, root)
            if self._recursive:
                waiting += [folder / name for name in reversed(listing.folders)]

    def _list(self, folder: Path) -> "_Listing":
        files: list[str] = []
        folders: list[
            tuple[bool, str]
        ] = []  # real folders first, so that they keep their own name if a link meets them
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if _is_folder(entry):
                    folders.append((entry.is_symlink(), entry.name))
                elif entry.inode() not in self._named_inodes or os.path.realpath(entry.path) not in self._named:
                    files.append(entry.name)
        files.sort(key=os.fsencode)
        folders.sort(key=lambda folder: (folder[0], os.fsencode(folder[1])))
        return _Listing(b"\0".join(map(os.fsencode, files)), [name for _, name in folders])


@dataclass(frozen=True, slots=True)
class _Listing:
    """One folder: the names of its files in one piece, since there may be very many, and those of its folders."""

    names: bytes
    folders: list[str]

    def files(self) -> Iterator[str]:
        """The names of its files, one after the other."""
        start = 0
        while start < len(self.names):
            end = self.names.find(b"\0", start)
            end = len(self.names) if end < 0 else end
            yield os.fsdecode(self.names[start:end])
            start = end + 1


def _named(path: Path) -> Found:
    """A file given by name: attempted whatever it is called, unless it is no regular file."""
    try:
        status = path.stat()
    except OSError as error:
        return _refused(path, path.parent, Status.FAILED, _failure(error, "cannot read this file"), explicit=True)
    if not stat.S_ISREG(status.st_mode):
        failure = Failure("NotAFile", f"{_kind(status.st_mode)} cannot be read as a recording; give a file")
        return _refused(path, path.parent, Status.FAILED, failure, explicit=True)
    return Found(path, path.parent, explicit=True, facts=FileFacts.of(status))


def _judged(path: Path, root: Path) -> Found:
    """A file met in a folder: to be attempted if it is likely to be a recording."""
    named_like_audio = has_audio_suffix(path.name)
    try:
        status = path.stat()
        reason = _why_not_audio(path, status.st_mode, named_like_audio=named_like_audio)
    except OSError as error:
        if named_like_audio:
            return _refused(path, root, Status.FAILED, _failure(error, "cannot read this file"))
        reason = f"not audio by its name, and its first bytes cannot be read: {_reason(error)}"
    if reason is not None:
        return _refused(path, root, Status.SKIPPED, Failure("NotAudio", reason))
    return Found(path, root, facts=FileFacts.of(status))


def _why_not_audio(path: Path, mode: int, *, named_like_audio: bool) -> str | None:
    if not stat.S_ISREG(mode):
        return f"not audio: {_kind(mode)}"
    if named_like_audio:
        return None
    head = _first_bytes(path)
    if not head:
        return "not audio: the file is empty"
    return None if container_of(head) else "not audio: neither its name nor its first bytes are those of a recording"


def _first_bytes(path: Path) -> bytes:
    # Without O_NONBLOCK a pipe that takes the file's place in this moment would be waited for without end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, HEAD_BYTES)
    finally:
        os.close(descriptor)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself
        return False


def _id_of(path: PurePath) -> _FileId | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a PurePath has no stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _refused(path: Path, root: Path, status: Status, failure: Failure, *, explicit: bool = False) -> Found:
    return Found(path, root, explicit, FileResult(str(path), status, error=failure))


def _failure(error: OSError, tried: str) -> Failure:
    return Failure(type(error).__name__, f"{tried}: {_reason(error)}")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOENT:
        return "it is not there, or is a link to something that is not there"
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
    }
    return kinds.get(stat.S_IFMT(mode), "something special")
