"""The records a job passes on between its parts: an input and what is to be done about it, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from engine.jobs.content import Content
from engine.jobs.discover import Found
from engine.jobs.journal_rows import KnownFile
from engine.jobs.resume import Action
from modules.checkpoint import FinishedSegment
from modules.results import FileResult


@dataclass(frozen=True, slots=True)
class Planned:
    """An input in its place: `number` counts from 0, `names` are where its transcripts go, in the order of formats.

    `id` and `known` are the journal's; `content` is there when the file is small enough to have been read already.
    A suspect was in hand when an earlier run ended without saying goodbye.
    """

    number: int
    found: Found
    key: str
    names: tuple[PurePath, ...] = ()
    id: int = 0
    known: KnownFile | None = None
    action: Action = Action.DO
    content: Content | None = None
    is_suspect: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """An input whose outcome on record stands; `content` was read to find that out."""

    planned: Planned
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An input that was processed, or whose verdict was known when it was found."""

    planned: Planned
    result: FileResult
    content: Content | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the engine is asked to do with one recording.

    `recalled` are segments that an earlier attempt has finished, by number; `on_segment` is told of each that is
    finished now. `begin` and `check` are called on the worker, before the first and after the last of it is read;
    `check` raises `SourceChanged` if the file is not what it was. `head` is its first bytes and `size_bytes`
    its length, where they are known.
    """

    path: Path
    on_heard: Callable[[float], None]
    recalled: Mapping[int, FinishedSegment] = field(default_factory=dict)
    on_segment: Callable[[FinishedSegment], None] = lambda _: None
    begin: Callable[[], None] = lambda: None
    check: Callable[[], None] = lambda: None
    head: bytes = b""
    size_bytes: int = 0
    is_suspect: bool = False
