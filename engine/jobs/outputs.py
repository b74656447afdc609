"""Where the results of a run go: `OutputNames` decides, `OutputFolder` writes.

`OutputFolder` blocks: the engine calls it on a worker thread, one call at a time.
"""

import os
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePath

from engine.jobs.discover import Found
from modules.errors import OutputError

RESULTS_NAME = "results.jsonl"
PARTIAL_SUFFIX = ".partial"
MAX_NAME_BYTES = 255 - len("." + PARTIAL_SUFFIX)  # of what file systems allow, less what writing beside adds


class OutputNames:
    """Gives each input its own paths below the output folder, one for each format; looks at no file.

    A file keeps its path below its folder and its whole name: `calls/a.wav` becomes `calls/a.wav.srt`, so `a.wav` and
    `a.mp3` never meet. With several inputs each folder is kept below its own name; a file given by name stands at the
    top. What would still meet, upper and lower case being the same, gets `~2`, `~3` and so on. A name too long for a
    file system loses its end. The same inputs in the same order get the same paths.
    """

    def __init__(self, formats: Sequence[str], *, several_inputs: bool = False) -> None:
        self._formats = tuple(formats)
        self._several_inputs = several_inputs
        self._root_names: dict[Path, str] = {}
        self._files = {_key(PurePath(RESULTS_NAME))}
        self._folders: set[str] = set()
        self._next: dict[str, int] = {}  # where to go on counting, so that a thousand of one name do not start at 1

    def claim(self, found: Found) -> tuple[PurePath, ...]:
        """The relative paths for `found` in the order of the formats; ask once for each input, in their order."""
        folder = self._folder(found)
        name = found.path.name
        wanted = _key(folder / name)
        for number in count(self._next.get(wanted, 1)):
            paths = tuple(folder / _file_name(name, number, fmt) for fmt in self._formats)
            keys = {_key(path) for path in paths}
            if keys.isdisjoint(self._files) and keys.isdisjoint(self._folders):
                break
        self._next[wanted] = number + 1
        self._files |= keys
        return paths

    def _folder(self, found: Found) -> PurePath:
        """The folder `found` goes into: as it was found, except where a file has taken the name of a folder."""
        folder = PurePath()
        for part in self._wanted_folder(found).parts:
            folder = next(
                candidate
                for number in count(1)
                if _key(candidate := folder / _numbered(part, number)) not in self._files
            )
            self._folders.add(_key(folder))
        return folder

    def _wanted_folder(self, found: Found) -> PurePath:
        if found.explicit:
            return PurePath()
        below_root = found.path.relative_to(found.root).parent
        return self._root_name(found.root) / below_root if self._several_inputs else below_root

    def _root_name(self, root: Path) -> PurePath:
        if root not in self._root_names:
            name = PurePath(os.path.abspath(root)).name  # noqa: PTH100 - it alone resolves `..` without reading links
            taken = {_key(PurePath(other)) for other in self._root_names.values()}
            self._root_names[root] = next(
                candidate
                for number in count(1)
                if _key(PurePath(candidate := _numbered(name or "root", number))) not in taken
            )
        return PurePath(self._root_names[root])


class OutputFolder:
    """The folder a run writes into. Whatever happens, a file in it is whole or absent, and each result line whole."""

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self._overwrite = overwrite
        self._results: int | None = None  # file descriptor
        self._results_bytes = 0

    def __repr__(self) -> str:
        return f"<OutputFolder {str(self.path)!r}, {self._results_bytes} bytes of results>"

    def prepare(self) -> None:
        """Make the folder and see that it can be written to. Call it before any work is done.

        Raises `OutputError` when it cannot, and when it holds results already that are not to be overwritten.
        """
        probe = self.path / f".onbeat-{os.getpid()}{PARTIAL_SUFFIX}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            os.close(_create(probe))
            probe.unlink()
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot write to the output folder {self.path}: {_reason(error)}") from error
        if not self._overwrite and os.path.lexists(self.path / RESULTS_NAME):
            raise _already_there(self.path / RESULTS_NAME)

    def write(self, relative: PurePath, text: str) -> Path:
        """Write a file below the folder, beside its place first and then renamed into it; returns where it is.

        Raises `OutputError` when it cannot be written, or is there already and not to be overwritten.
        """
        assert not relative.is_absolute(), relative
        assert ".." not in relative.parts, relative
        target = self.path / relative
        partial = target.with_name(f".{target.name}{PARTIAL_SUFFIX}")
        if not self._overwrite and os.path.lexists(target):
            raise _already_there(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_whole(partial, _encoded(text))
                partial.replace(target)
            except BaseException:
                with suppress(OSError):
                    partial.unlink()
                raise
        except OSError as error:
            raise OutputError(f"cannot write {target}: {_reason(error)}") from error
        return target

    def append(self, line: str) -> None:
        """Add a line to `results.jsonl`, whole or not at all. Raises `OutputError` when it cannot."""
        assert "\n" not in line, line
        content = _encoded(line + "\n")
        try:
            if self._results is None:
                self._results = self._open_results()
            _append_whole(self._results, content, self._results_bytes)
        except OSError as error:
            raise OutputError(f"cannot write {self.path / RESULTS_NAME}: {_reason(error)}") from error
        self._results_bytes += len(content)

    def close(self) -> None:
        """Put the lines on the disk and close the file; closing twice is fine. Raises `OutputError` when it cannot."""
        descriptor, self._results = self._results, None
        if descriptor is None:
            return
        try:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if not self._results_bytes:
                (self.path / RESULTS_NAME).unlink()
        except OSError as error:
            raise OutputError(f"cannot finish {self.path / RESULTS_NAME}: {_reason(error)}") from error

    def _open_results(self) -> int:
        if self._overwrite and not self._results_bytes:
            (self.path / RESULTS_NAME).unlink(missing_ok=True)
        # Exclusive: of two runs into one folder the second is told, rather than mixing its lines in.
        return _create(self.path / RESULTS_NAME, os.O_EXCL | os.O_APPEND)


def _key(path: PurePath) -> str:
    """Equal for paths that some file system would take for the same."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}~{number}"


def _file_name(name: str, number: int, fmt: str) -> str:
    while len(os.fsencode(whole := f"{_numbered(name, number)}.{fmt}")) > MAX_NAME_BYTES:
        name = name[:-1]
    return whole


def _already_there(path: Path) -> OutputError:
    return OutputError(f"{path} is there already; choose another folder, or replace it with --overwrite")


def _create(path: Path, flags: int = os.O_TRUNC) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o666)


def _write_whole(path: Path, content: bytes) -> None:
    descriptor = _create(path)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _append_whole(descriptor: int, content: bytes, bytes_before: int) -> None:
    try:
        _write_all(descriptor, content)
    except BaseException:
        os.ftruncate(descriptor, bytes_before)
        raise


def _write_all(descriptor: int, content: bytes) -> None:
    """One system call, unless the disk took only a part: then asking again tells why."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
