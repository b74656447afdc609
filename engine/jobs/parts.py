"""`JobParts`: what a job works with, and `Books`: what it needs to keep a journal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from engine.files_at_once import FilesAtOnce
from engine.jobs.place import JobPlace
from engine.jobs.planned import Assignment
from engine.jobs.record import RunFacts
from engine.jobs.request import JobObserver, JobOutput
from engine.jobs.resume import Wish
from engine.workers import Workers
from modules.results import FileResult

MAX_IN_HAND = 64
"""Inputs under way at once at most; how many are really worked on, the processor decides."""


@dataclass(frozen=True, slots=True)
class Books:
    """What a job needs to keep a journal: its place, what this run is to have, and what is put on record of it."""

    place: JobPlace
    wish: Wish
    facts: RunFacts


@dataclass(frozen=True, slots=True)
class JobParts:
    """What a job works with: `transcribe` returns a failed result for a bad input; `files` limits how many run."""

    transcribe: Callable[[Assignment], Awaitable[FileResult]]
    workers: Workers
    output: JobOutput
    header: str
    observer: JobObserver
    files: FilesAtOnce = field(default_factory=lambda: FilesAtOnce(MAX_IN_HAND))
    books: Books | None = None
