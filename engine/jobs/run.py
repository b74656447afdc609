"""A folder job: every input found is attempted, what came of it is written in input order, the sum is drawn."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from engine.failures import first_error
from engine.jobs.discover import Found, check_paths, discover
from engine.jobs.outputs import OutputNames
from engine.workers import Workers
from modules.audio.formats import TranscriptFormat
from modules.monitoring.resources import peak_rss_bytes
from modules.results import FileResult, Status, Summary
from modules.results_json import file_json, summary_json
from modules.transcripts import render

MAX_UNWRITTEN = 1024
"""Inputs that may be under way or done while an earlier one is not: a limit on memory, hardly ever on speed."""

MAX_IN_HAND = 64
"""Files open at once at most; how many are really worked on, the processor decides."""

_DISCOVERED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a job is to do: `paths` are files and folders, `formats` are written beside `results.jsonl`.

    `glob` selects names in folders, `fail_fast` stops at the first failed input, `word_times` puts one word on a line
    of txt, srt, vtt and tsv. `exclude` is a folder not to look into: the output.
    """

    paths: Sequence[Path]
    formats: Sequence[TranscriptFormat] = ()
    recursive: bool = True
    glob: str | None = None
    fail_fast: bool = False
    word_times: bool = False
    exclude: Path | None = None

    def check(self) -> None:
        """Look at the paths before anything is begun. Raises `ConfigError` for one that is not there."""
        check_paths(self.paths)


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


class JobObserver(Protocol):
    """Who is told how a job goes, on the event loop's thread."""

    def heard(self, path: Path, audio_s: float) -> None:
        """So many more seconds of it have been recognised; the first time 0, when work on it begins."""
        ...

    def finished(self, result: FileResult) -> None:
        """An input is done, in whatever way."""
        ...


class Unobserved:
    """The observer of a job nobody watches."""

    def heard(self, path: Path, audio_s: float) -> None:
        """Ignored."""

    def finished(self, result: FileResult) -> None:
        """Ignored."""


@dataclass(frozen=True, slots=True)
class JobParts:
    """What a job works with: `transcribe` tells the seconds heard, and returns a failed result for a bad input."""

    transcribe: Callable[[Path, Callable[[float], None]], Awaitable[FileResult]]
    workers: Workers
    output: JobOutput
    header: str
    observer: JobObserver


class FolderJob:
    """One run over its inputs. Cancelled, it still writes the lines of all that is done, and a summary that says so."""

    def __init__(self, request: JobRequest, parts: JobParts) -> None:
        """Check the request. Raises `ConfigError` for a path that is not there."""
        request.check()
        self._request = request
        self._parts = parts
        several = len(request.paths) > 1
        self._names = OutputNames([str(fmt) for fmt in request.formats], several_inputs=several)
        self._unwritten_room = anyio.Semaphore(MAX_UNWRITTEN)
        self._in_hand_room = anyio.Semaphore(MAX_IN_HAND)
        self._writing = anyio.Lock()
        self._unwritten: dict[int, FileResult] = {}
        self._next = 0  # the number whose line comes next
        self._counts = dict.fromkeys(Status, 0)
        self._audio_s = 0.0
        self._inputs = anyio.CancelScope()

    async def run(self) -> Summary:
        """Do it all. Raises `OutputError` when results cannot be written; what was written before stays."""
        started_s = time.perf_counter()
        is_whole = False
        try:
            await self._parts.workers.run(lambda: self._parts.output.append(self._parts.header))
            with first_error(), self._inputs:
                async with anyio.create_task_group() as tasks:
                    await self._find(tasks)
            is_whole = not self._inputs.cancel_called
        finally:
            with anyio.CancelScope(shield=True):
                summary = self._summary(time.perf_counter() - started_s, interrupted=not is_whole)
                await self._parts.workers.run(lambda: self._conclude(summary))
        return summary

    async def _find(self, tasks: TaskGroup) -> None:
        """Start a task for each input, in order; looking for them happens on a worker."""
        request = self._request
        inputs = discover(request.paths, recursive=request.recursive, glob=request.glob, exclude=request.exclude)
        number = 0
        while batch := await self._parts.workers.run(lambda: list(islice(inputs, _DISCOVERED_AT_ONCE))):
            for found in batch:
                await self._unwritten_room.acquire()
                await self._in_hand_room.acquire()
                names = self._names.claim(found) if found.is_recording else ()
                tasks.start_soon(self._attempt, number, found, names)
                number += 1

    async def _attempt(self, number: int, found: Found, names: tuple[PurePath, ...]) -> None:
        """Process one input and write what came of it; a result that is there is written whatever happens."""
        try:
            result = found.verdict or await self._transcribe(found.path)
            with anyio.CancelScope(shield=True):
                async with self._writing:
                    lines = await self._parts.workers.run(lambda: self._write(number, result, names))
        finally:
            self._in_hand_room.release()
        for _ in range(lines):
            self._unwritten_room.release()
        self._parts.observer.finished(result)
        if self._request.fail_fast and result.status is Status.FAILED:
            self._inputs.cancel()

    async def _transcribe(self, path: Path) -> FileResult:
        return await self._parts.transcribe(path, lambda audio_s: self._parts.observer.heard(path, audio_s))

    def _write(self, number: int, result: FileResult, names: tuple[PurePath, ...]) -> int:
        """On a worker: write transcripts at once, lines in the order of inputs; how many lines were written."""
        if result.status is Status.OK:
            for name, fmt in zip(names, self._request.formats, strict=True):
                self._parts.output.write(name, render(result, fmt, word_times=self._request.word_times))
        self._counts[result.status] += 1
        self._audio_s += result.duration_s
        self._unwritten[number] = result
        first = self._next
        while (due := self._unwritten.pop(self._next, None)) is not None:
            self._parts.output.append(file_json(due))
            self._next += 1
        return self._next - first

    def _conclude(self, summary: Summary) -> None:
        """On a worker: the lines held back behind inputs that will not come any more, and the summary."""
        try:
            for number in sorted(self._unwritten):
                self._parts.output.append(file_json(self._unwritten.pop(number)))
            self._parts.output.append(summary_json(summary))
        finally:
            self._parts.output.close()

    def _summary(self, wall_s: float, *, interrupted: bool) -> Summary:
        return Summary(
            files=sum(self._counts.values()),
            ok=self._counts[Status.OK],
            failed=self._counts[Status.FAILED],
            skipped=self._counts[Status.SKIPPED],
            audio_s=self._audio_s,
            wall_s=wall_s,
            realtime_factor=self._audio_s / wall_s if wall_s else 0.0,
            peak_memory_mb=(peak_rss_bytes() or 0) / 1e6,
            interrupted=interrupted,
        )
