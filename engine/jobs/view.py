"""`JobView`: what there is to see of a job from outside, be it running or not. Looks only."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.jobs.journal import Journal
from engine.jobs.journal_rows import KnownFile, Run, RunState, State
from engine.jobs.lock import Owner, is_held, owner_in
from engine.jobs.place import JOURNAL_NAME, LOCK_NAME, STATE_FOLDER
from modules.errors import ConfigError, JournalError

MAX_DEPTH = 4
"""How many folders deep jobs are looked for."""

MAX_FOLDERS = 100_000
"""How many folders are looked into for jobs."""

_LINES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What the last run of a job was asked to do, so that it can be asked again."""

    folder: Path
    """Where it was started: relative paths are below it."""
    request: Mapping[str, Any]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as its journal has it; `owner` is who runs it now, if anybody does."""

    folder: Path
    journal: Journal
    runs: Sequence[Run]
    owner: Owner | None

    @property
    def state(self) -> RunState:
        """How it stands: a run that never ended and is not there any more has died."""
        if self.owner is not None:
            return RunState.RUNNING
        last = self.runs[-1].state if self.runs else RunState.INTERRUPTED
        return RunState.DIED if last is RunState.RUNNING else last

    @property
    def asked(self) -> Asked:
        """The last run's request. Raises `JournalError` when it cannot be read."""
        try:
            fields = dict(json.loads(self.runs[-1].request))
            settings, folder = fields.pop("settings"), Path(fields.pop("folder"))
        except (IndexError, ValueError, KeyError, TypeError) as error:
            raise JournalError(f"{self.folder} has no run that could be resumed: {error!r}") from error
        return Asked(folder, fields, settings)

    def files(self, *states: State) -> Iterator[KnownFile]:
        """Its inputs in these states, in order."""
        return self.journal.files(*states)

    def lines(self) -> Iterator[str]:
        """Its lines of results, in order."""
        ids: list[int] = []
        for file in self.journal.files(State.OK, State.FAILED, State.SKIPPED):
            ids.append(file.id)
            if len(ids) == _LINES_AT_ONCE:
                yield from self._lines(ids)
                ids = []
        yield from self._lines(ids)

    def _lines(self, ids: Sequence[int]) -> Iterator[str]:
        found = self.journal.lines(ids)
        yield from (found[one] for one in ids)


@contextmanager
def viewed(folder: Path) -> Iterator[JobView]:
    """The job in an output folder. Raises `ConfigError` where there is none, `JournalError` where it is damaged."""
    state_folder = folder / STATE_FOLDER
    if not (state_folder / JOURNAL_NAME).is_file():
        raise ConfigError(f"no job in {folder}: a job is the output folder of `onbeat run -o`")
    journal = Journal(state_folder / JOURNAL_NAME)
    try:
        lock = state_folder / LOCK_NAME
        yield JobView(folder, journal, journal.runs(), owner_in(lock) if is_held(lock) else None)
    finally:
        journal.close()


def find_jobs(top: Path) -> Iterator[Path]:
    """The output folders at and below `top` that hold a job, by name."""
    waiting = [(top, 0)]
    for _ in range(MAX_FOLDERS):
        if not waiting:
            return
        folder, depth = waiting.pop()
        if (folder / STATE_FOLDER / JOURNAL_NAME).is_file():
            yield folder
        if depth < MAX_DEPTH:
            waiting += [(below, depth + 1) for below in reversed(_folders_in(folder))]


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError:
        return []
