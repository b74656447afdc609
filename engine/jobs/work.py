"""`FolderWork`: a processor's recordings as the work of a job. It is where a job and the engine meet."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import anyio

from engine.failures import first_error
from engine.flow_parts import FlowParts, Milestones
from engine.jobs.parts import Books, JobParts
from engine.jobs.place import JobPlace
from engine.jobs.planned import Assignment
from engine.jobs.record import RunFacts
from engine.jobs.request import JobObserver, JobOutput, JobRequest
from engine.jobs.resume import Wish
from engine.jobs.run import FolderJob
from engine.recording import IsolatedRecording, Recording, StoredRecording, WatchedRecording, attempt_at, failed
from modules.audio.decode_children import DecodeChildren
from modules.audio.plain import is_plain
from modules.errors import DeadlineExceeded
from modules.results import FileResult, Summary
from modules.results_json import header_json

_LOOK_S = 1.0

OnHang: TypeAlias = Callable[[Path, float], None]
"""Told which recording's decoder hangs, and after how many seconds that was seen."""


@dataclass(frozen=True, slots=True)
class FolderWork:
    """What the jobs of one processor share: its stages and its workers."""

    parts: FlowParts
    children: DecodeChildren
    version: str
    on_hang: OnHang | None = None
    """Told of a decoder in this process that has given nothing for so long that it must hang: nobody can stop it."""
    is_wary: bool = False
    """Native code has crashed in an earlier run: nothing is taken to be harmless."""
    _here: set[WatchedRecording] = field(default_factory=set)

    def job(self, request: JobRequest, output: JobOutput | JobPlace, observer: JobObserver) -> FolderJob:
        """A job that writes to `output`; in a `JobPlace` it keeps a journal. Raises `ConfigError` for a bad path."""
        books = self._books(request, output) if isinstance(output, JobPlace) else None
        target = output.output if isinstance(output, JobPlace) else output
        header = header_json(version=self.version, fingerprint=self.parts.pipeline.fingerprint)
        return FolderJob(
            request, JobParts(self._transcribe, self.parts.workers, target, header, observer, self.parts.files, books)
        )

    async def run(self, job: FolderJob) -> Summary:
        """Do the job, with an eye on decoders in this process. Raises what the job raises."""
        with first_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch_decoders)
                summary = await job.run()
                tasks.cancel_scope.cancel()
        return summary

    async def _watch_decoders(self) -> None:
        limit_s = self.parts.pipeline.config.decode_timeout_s
        while self.on_hang is not None:
            await anyio.sleep(_LOOK_S)
            for recording in list(self._here):
                since_s = recording.busy_since_s
                if since_s is not None and time.monotonic() - since_s > limit_s:
                    self.on_hang(recording.path, limit_s)

    async def _transcribe(self, assignment: Assignment) -> FileResult:
        """The result of one recording, of status `failed` if it could not be had within its time."""
        assignment.on_heard(0.0)
        name, limit_s = str(assignment.path), self.parts.pipeline.config.max_file_s
        recording = self._recording(assignment)
        watched = WatchedRecording(assignment.path, recording, begin=assignment.begin, check=assignment.check)
        parts = replace(self.parts, on_heard=assignment.on_heard)
        milestones = Milestones(assignment.recalled, assignment.on_segment)
        if isinstance(recording, StoredRecording):
            self._here.add(watched)
        try:
            with anyio.move_on_after(limit_s):
                return await attempt_at(name, watched, parts, milestones)
        finally:
            self._here.discard(watched)
        return failed(name, DeadlineExceeded(f"{name} was given up after {limit_s:g} s, the limit max_file_s"))

    def _recording(self, assignment: Assignment) -> Recording:
        isolate = self.parts.pipeline.config.isolate
        if isolate == "auto":
            is_harmless = not assignment.head or is_plain(assignment.head, assignment.size_bytes)
            isolate = "never" if is_harmless and not assignment.is_suspect and not self.is_wary else "always"
        if isolate == "never":
            return StoredRecording(assignment.path)
        return IsolatedRecording(assignment.path, self.children)

    def _books(self, request: JobRequest, place: JobPlace) -> Books:
        pipeline = self.parts.pipeline
        wish = Wish(pipeline.fingerprint, request.retry_failed, pipeline.config.max_attempts)
        asked = request_json(request, pipeline.config.model_dump(mode="json", exclude_defaults=True))
        return Books(place, wish, RunFacts(asked, dict(pipeline.affects)))


def request_json(request: JobRequest, settings: Mapping[str, object]) -> str:
    """A request with the settings that are not the defaults, as the journal keeps it, so that it can be made again."""
    fields: dict[str, Any] = asdict(request)
    fields |= {"paths": [os.fspath(path) for path in request.paths], "folder": str(Path.cwd())}
    for name in ("exclude", "described_in"):
        fields[name] = None if fields[name] is None else os.fspath(fields[name])
    del fields["retry_failed"], fields["watch"]
    return json.dumps(fields | {"settings": dict(settings)}, sort_keys=True)
