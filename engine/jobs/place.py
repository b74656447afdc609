"""`JobPlace`: an output folder as the place of one run: locked, with its journal open and its marks in hand.

All of it blocks. `.onbeat/` in the output folder holds the journal, the lock and the marks.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.jobs.in_hand import InHand
from engine.jobs.journal import Journal
from engine.jobs.lock import FolderLock
from engine.jobs.outputs import RESULTS_NAME, OutputFolder
from modules.errors import ConfigError, OutputError

STATE_FOLDER = ".onbeat"
JOURNAL_NAME = "journal.sqlite3"
LOCK_NAME = "lock"
MARKS_NAME = "in-hand"
CRASH_NAME = "crash.txt"


class Start(Enum):
    """How a run takes to an output folder that may hold an earlier one."""

    RESUME = auto()
    """Go on from it."""
    FRESH = auto()
    """There must be none."""
    OVERWRITE = auto()
    """Do everything anew, in its place."""

    @classmethod
    def of(cls, *, resume: bool, overwrite: bool) -> Self:
        """What two switches mean. Raises `ConfigError` where overwriting is said twice."""
        if overwrite and not resume:
            raise ConfigError("overwriting does everything anew already: it does not go with no resuming")
        return cls.OVERWRITE if overwrite else cls.RESUME if resume else cls.FRESH


class JobPlace:
    """Use it as a context manager: inside, no other run works in the folder.

    `in_hand.left` are the recordings that an earlier run had in hand when it died; `crash` is what the
    interpreter wrote when it was native code that crashed, else "".
    """

    def __init__(self, folder: Path, start: Start = Start.RESUME, *, clock: Callable[[], float] = time.time) -> None:
        """Nothing is touched yet."""
        self.folder = folder
        self.clock = clock
        self.output = OutputFolder(folder, overwrite=start is Start.OVERWRITE, resume=start is Start.RESUME)
        self.lock = FolderLock(self.state_folder / LOCK_NAME, clock=clock)
        self.journal: Journal
        self.in_hand: InHand
        self.crash = ""
        self._start = start
        self._open = ExitStack()

    def __repr__(self) -> str:
        return f"<JobPlace {str(self.folder)!r}, {self.lock!r}>"

    @property
    def state_folder(self) -> Path:
        """Where the journal is."""
        return self.folder / STATE_FOLDER

    @property
    def crash_file(self) -> Path:
        """Where the interpreter is to write if native code crashes."""
        return self.state_folder / CRASH_NAME

    def __enter__(self) -> Self:
        """Make the folder, lock it, open the journal.

        Raises `OutputError`: `FolderBusy` when another run is at work, `JournalError` when the journal is damaged; also
        when there are results that are not to be gone on from.
        """
        self._look()
        with ExitStack() as opened:
            self.output.prepare()
            try:
                self.state_folder.mkdir(exist_ok=True)
                self.lock.take()
                opened.callback(self.lock.release)
                if self._start is Start.OVERWRITE:
                    for left in self.state_folder.glob(f"{JOURNAL_NAME}*"):
                        left.unlink()
                self.journal = Journal(self.state_folder / JOURNAL_NAME)
                opened.callback(self.journal.close)
                self.in_hand = InHand(self.state_folder / MARKS_NAME)
                opened.callback(self.in_hand.close)
                self.crash = _first_line(self.crash_file)
                self.crash_file.unlink(missing_ok=True)
            except OSError as error:
                if isinstance(error, OutputError):
                    raise
                raise OutputError(f"cannot write to {self.state_folder}: {error.strerror or error}") from error
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of everything."""
        self._open.close()

    def _look(self) -> None:
        """Raise `OutputError` where there is something that this run must not go on from, before anything is made."""
        if self._start is Start.OVERWRITE:
            return
        has_journal = (self.state_folder / JOURNAL_NAME).exists()
        results = self.folder / RESULTS_NAME
        if has_journal and self._start is Start.FRESH:
            raise OutputError(
                f"{self.folder} holds an earlier run; leave out --no-resume to go on from it, or replace it "
                "with --overwrite"
            )
        if results.exists() and not has_journal:
            raise OutputError(
                f"{results} is there already, without the journal of the run that made it; choose another folder, "
                "or replace it with --overwrite"
            )


def _first_line(path: Path) -> str:
    """The first line of a small text file; nothing when it is empty or not there."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except FileNotFoundError:
        return ""
