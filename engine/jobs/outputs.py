"""Where the results of a run go: `OutputNames` decides, `OutputFolder` writes.

`OutputFolder` blocks: the engine calls it on a worker thread, one call at a time.
"""

import os
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from itertools import count
from pathlib import Path, PurePath

from engine.jobs.digest_map import DigestMap
from engine.jobs.discover import Found
from engine.jobs.results_file import ResultsFile
from engine.jobs.whole_files import PARTIAL_SUFFIX, create, replace_whole, sync_folder
from modules.errors import OutputError

RESULTS_NAME = "results.jsonl"
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
        self._files = DigestMap()
        self._files.add(_key(RESULTS_NAME))
        self._folders = DigestMap()
        self._next: dict[bytes, int] = {}  # where to go on counting, so that a thousand of one name do not start at 1
        self._last_where: tuple[Path, Path, bool] | None = None
        self._last_folder = PurePath()

    def claim(self, found: Found) -> tuple[PurePath, ...]:
        """The relative paths for `found` in the order of the formats; ask once for each input, in their order."""
        if not self._formats:
            return ()
        folder, name = self._folder(found), found.path.name
        if self._take(folder, name, 1):
            return tuple(folder / _file_name(name, 1, fmt) for fmt in self._formats)
        wanted = _key(str(folder / name))
        number = self._next.get(wanted, 2)
        while not self._take(folder, name, number):
            number += 1
        self._next[wanted] = number + 1
        return tuple(folder / _file_name(name, number, fmt) for fmt in self._formats)

    def _take(self, folder: PurePath, name: str, number: int) -> bool:
        """Take the paths with that number, unless one of them is taken."""
        above = f"{folder}/" if folder.parts else ""
        keys = [_key(f"{above}{_file_name(name, number, fmt)}") for fmt in self._formats]
        if any(key in self._files or key in self._folders for key in keys):
            return False
        for key in keys:
            self._files.add(key)
        return True

    def _folder(self, found: Found) -> PurePath:
        """The folder `found` goes into: as it was found, except where a file has taken the name of a folder."""
        where = (found.path.parent, found.root, found.explicit)
        if where != self._last_where:  # files come folder by folder
            self._last_where, self._last_folder = where, self._new_folder(found)
        return self._last_folder

    def _new_folder(self, found: Found) -> PurePath:
        folder = PurePath()
        for part in self._wanted_folder(found).parts:
            folder = next(
                candidate
                for number in count(1)
                if _key(str(candidate := folder / _numbered(part, number))) not in self._files
            )
            self._folders.add(_key(str(folder)))
        return folder

    def _wanted_folder(self, found: Found) -> PurePath:
        if found.explicit:
            return PurePath()
        below_root = found.path.relative_to(found.root).parent
        return self._root_name(found.root) / below_root if self._several_inputs else below_root

    def _root_name(self, root: Path) -> PurePath:
        if root not in self._root_names:
            name = PurePath(os.path.abspath(root)).name  # noqa: PTH100 - it alone resolves `..` without reading links
            taken = {_key(other) for other in self._root_names.values()}
            self._root_names[root] = next(
                candidate for number in count(1) if _key(candidate := _numbered(name or "root", number)) not in taken
            )
        return PurePath(self._root_names[root])


class OutputFolder:
    """The folder a run writes into. Whatever happens, a file in it is whole or absent, and each result line whole."""

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False, resume: bool = False) -> None:
        """Write into `path`; with `resume` its results may be there already and are gone on from."""
        self.path = Path(path)
        self._below = f"{self.path}{os.sep}"
        self._overwrite = overwrite
        self._resume = resume
        self._touched: set[Path] = set()
        self.results = ResultsFile(self.path / RESULTS_NAME, overwrite=overwrite, resume=resume)

    def __repr__(self) -> str:
        return f"<OutputFolder {str(self.path)!r}, {self.results.size_bytes} bytes of results>"

    def prepare(self) -> None:
        """Make the folder and see that it can be written to. Call it before any work is done.

        Raises `OutputError` when it cannot, and when it holds results already that are not to be overwritten.
        """
        probe = self.path / f".onbeat-{os.getpid()}{PARTIAL_SUFFIX}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            os.close(create(probe))
            probe.unlink()
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot write to the output folder {self.path}: {_reason(error)}") from error
        if not self._overwrite and not self._resume and os.path.lexists(self.path / RESULTS_NAME):
            raise _already_there(self.path / RESULTS_NAME)

    def write(self, relative: PurePath, text: str, *, owned: bool = False) -> Path:
        """Write a file below the folder, beside its place first and then renamed into it; returns where it is.

        Raises `OutputError` when it cannot be written, or is there already and not to be overwritten: it is neither
        `owned` by this job nor, where a job is resumed, the very same.
        """
        assert not relative.is_absolute(), relative
        assert ".." not in relative.parts, relative
        target, content = self.path / relative, _encoded(text)
        try:
            if not self._overwrite and not owned and os.path.lexists(target):
                if self._resume and target.is_file() and target.read_bytes() == content:
                    return target
                raise _already_there(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_whole(target, content)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot write {target}: {_reason(error)}") from error
        self._touched.update(self.path / folder for folder in relative.parents)
        return target

    def has(self, relative: PurePath) -> bool:
        """Whether there is such a file below the folder."""
        return os.path.lexists(f"{self._below}{relative}")

    def append(self, line: str) -> None:
        """Add a line to `results.jsonl`, whole or not at all. Raises `OutputError` when it cannot."""
        assert "\n" not in line, line
        try:
            self.results.append(_encoded(line + "\n"))
        except OSError as error:
            raise OutputError(f"cannot write {self.path / RESULTS_NAME}: {_reason(error)}") from error

    def sync(self) -> None:
        """The names of all files written so far are on the disk. Raises `OutputError` when they cannot be."""
        touched, self._touched = self._touched, set()
        try:
            for folder in touched:
                sync_folder(folder)
        except OSError as error:
            raise OutputError(f"cannot write to {self.path}: {_reason(error)}") from error

    def close(self) -> None:
        """Put everything on the disk and close the results; closing twice is fine. Raises `OutputError`."""
        self.sync()
        try:
            self.results.close()
        except OSError as error:
            raise OutputError(f"cannot finish {self.path / RESULTS_NAME}: {_reason(error)}") from error


def _key(text: str) -> bytes:
    """A digest, equal for paths that some file system would take for the same."""
    name = text.lower() if text.isascii() else unicodedata.normalize("NFC", text).casefold()
    return blake2b(os.fsencode(name), digest_size=8).digest()


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}~{number}"


def _file_name(name: str, number: int, fmt: str) -> str:
    while len(os.fsencode(whole := f"{_numbered(name, number)}.{fmt}")) > MAX_NAME_BYTES:
        name = name[:-1]
    return whole


def _already_there(path: Path) -> OutputError:
    return OutputError(f"{path} is there already; choose another folder, or replace it with --overwrite")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
