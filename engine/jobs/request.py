"""What a job is asked to do, where it writes and who is told how it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from engine.jobs.discover import check_paths
from engine.jobs.name_pattern import NamePattern
from modules.audio.formats import TranscriptFormat
from modules.results import FileResult


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a job is to do: `paths` are files and folders, `formats` are written beside `results.jsonl`.

    `glob` selects names in folders, `fail_fast` stops at the first failed input, `word_times` puts one word on a line
    of txt, srt, vtt and tsv. `exclude` is a folder not to look into: the output. `retry_failed` tries again what failed
    in an earlier run; `watch` goes on looking for recordings that arrive until the job is stopped. `described_in` is
    the settings file that describes stages, so that the job can be gone on with.
    """

    paths: Sequence[Path]
    formats: Sequence[TranscriptFormat] = ()
    recursive: bool = True
    glob: str | None = None
    fail_fast: bool = False
    word_times: bool = False
    exclude: Path | None = None
    retry_failed: bool = False
    watch: bool = False
    described_in: Path | None = None

    def check(self) -> None:
        """Look at the request before anything is begun. Raises `ConfigError` for a path that is not there."""
        check_paths(self.paths)
        if self.glob is not None:
            NamePattern(self.glob)

    @property
    def rendering(self) -> str:
        """How transcripts are written, in a word: another one means that they have to be written again."""
        return ",".join(self.formats) + (";words" if self.formats and self.word_times else "")


class JobOutput(Protocol):
    """Where a job writes; blocking, called on a worker, one call at a time. `OutputFolder` is one."""

    def write(self, relative: PurePath, text: str) -> object:
        """Write a transcript. Raises `OutputError`."""
        ...

    def append(self, line: str) -> None:
        """Add a line of results. Raises `OutputError`."""
        ...

    def close(self) -> None:
        """Nothing more comes. Raises `OutputError`."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a job that is not about one input: `text` in words, or so many inputs that are done already."""

    text: str = ""
    ok: int = 0
    failed: int = 0
    skipped: int = 0
    audio_s: float = 0.0


class JobObserver(Protocol):
    """Who is told how a job goes, on the event loop's thread."""

    def heard(self, path: Path, audio_s: float) -> None:
        """So many more seconds of it have been recognised; the first time 0, when work on it begins."""
        ...

    def finished(self, result: FileResult) -> None:
        """An input is done, in whatever way."""
        ...

    def noticed(self, notice: Notice) -> None:
        """Something is to be said of the job as a whole."""
        ...


class Unobserved:
    """The observer of a job nobody watches."""

    def heard(self, path: Path, audio_s: float) -> None:
        """Ignored."""

    def finished(self, result: FileResult) -> None:
        """Ignored."""

    def noticed(self, notice: Notice) -> None:
        """Ignored."""
