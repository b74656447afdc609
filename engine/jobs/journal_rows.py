"""The rows of a job's journal as records. Nothing here reads or writes; `journal.py` does."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from modules.results import Failure, FileResult


class State(StrEnum):
    """What the journal says of an input."""

    BEGUN = "begun"
    """It was being worked on: some of its segments may be there, and attempts that failed."""
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class RunState(StrEnum):
    """How a run ended, if it did."""

    RUNNING = "running"
    DIED = "died"
    """It was running when the next one found its journal: killed, crashed, or the machine stopped."""
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """An input as the journal knows it.

    `path` is absolute, `shown` as the user spelled it. The facts and the digest are those of the content its state is
    about; `checked_ns` is what the clock said when they were taken. `rendering` names how its transcripts were written,
    "" when they were not; with `owned` the files under the names in `outputs` are ours.
    """

    id: int
    path: str
    shown: str
    number: int
    state: State
    size_bytes: int = -1
    mtime_ns: int = 0
    checked_ns: int = 0
    digest: bytes = b""
    fingerprint: str = ""
    attempts: int = 0
    error: Failure | None = None
    audio_s: float = 0.0
    rendering: str = ""
    outputs: str = ""
    owned: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be put on record of an input: its row, and its line of results, empty when it has only begun."""

    row: KnownFile
    line: str = ""
    forgets_segments: bool = True
    """Whether the segments of it that are on record are of no more use."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished segment of an unfinished recording: `found` is what the recogniser said, as JSON."""

    file: int
    number: int
    start_s: float
    found: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the journal knows it; when it started and ended is the system's clock, for people only.

    `journal_s` is how much of `wall_s` the journal itself took.
    """

    id: int
    state: RunState
    started_at: float
    ended_at: float
    wall_s: float
    journal_s: float
    owner: str
    request: str
    fingerprint: str


def state_of(result: FileResult) -> State:
    """The state of an input that ended so."""
    return State(result.status.value)


def written_names(names: Sequence[PurePath]) -> str:
    """The names of transcripts as the journal keeps them."""
    return json.dumps([str(name) for name in names]) if names else ""


def read_names(text: str) -> list[str]:
    """The names that `written_names` wrote."""
    return list(json.loads(text)) if text else []
