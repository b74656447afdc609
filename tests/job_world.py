"""A folder job with a fake for transcribing, in a real output folder with a real journal."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.files_at_once import FilesAtOnce
from engine.inline_workers import InlineWorkers
from engine.jobs.parts import Books, JobParts
from engine.jobs.place import JobPlace, Start
from engine.jobs.planned import Assignment
from engine.jobs.record import Record, RunFacts
from engine.jobs.request import JobRequest, Notice
from engine.jobs.resume import Wish
from engine.jobs.run import FolderJob
from modules.audio.formats import TranscriptFormat
from modules.audio.transcript import TranscriptSegment
from modules.results import Failure, FileResult, Status, Summary

Hear = Callable[[Assignment], "FileResult | None"]


@dataclass
class World:
    """Inputs in `in`, outputs in `out`; `transcribed` are the names of what was, `told` what was said."""

    folder: Path
    transcribed: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    kept: int = 0
    assignments: list[Assignment] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)
    """What each name held when it was transcribed."""
    on_finished: Callable[[FileResult], None] = lambda _: None
    """Called with each result when it is written."""
    job: FolderJob | None = None
    """The job that runs, or ran last."""
    hear: Hear = lambda _: None
    """Called for each recording: what comes of it, or nothing for its own text as the transcript."""

    @property
    def output(self) -> Path:
        """The output folder."""
        return self.folder / "out"

    def make(self, name: str, text: str | None = None) -> Path:
        """A recording whose transcript is `text`, by default its name."""
        path = self.folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name if text is None else text)
        return path

    async def run(
        self,
        *,
        start: Start = Start.RESUME,
        fingerprint: str = "one",
        formats: Sequence[str] = ("txt",),
        paths: Sequence[Path] = (),
        clock: Callable[[], float] = lambda: 1_000.0,
        in_hand: int = 64,
        **options: Any,  # noqa: ANN401 - the other fields of a request, and those of a wish
    ) -> Summary:
        """Run the job; `transcribed` and `told` begin anew."""
        self.transcribed, self.told, self.kept, self.assignments = [], [], 0, []
        wish = Wish(fingerprint, options.get("retry_failed", False), options.pop("max_attempts", 2))
        request = JobRequest(
            list(paths) or [self.folder / "in"], [TranscriptFormat(name) for name in formats], **options
        )
        with JobPlace(self.output, start, clock=clock) as place:
            books = Books(place, wish, RunFacts(f"{request.paths}", {"model": fingerprint}))
            header = f'{{"type":"header","fingerprint":"{fingerprint}"}}'
            files = FilesAtOnce(in_hand)
            parts = JobParts(self._transcribe, InlineWorkers(), place.output, header, self, files, books)
            self.job = FolderJob(request, parts)
            return await self.job.run()

    async def died_with(self, name: str, *, crash: str) -> None:
        """Leave the output folder as a run does that dies with that recording in hand."""
        place = JobPlace(self.output, clock=lambda: 1_000.0)
        place.__enter__()
        facts = RunFacts("", {})
        Record(place, Wish("one"), "txt").begin(facts)
        place.in_hand.mark(str(self.folder / "in" / name))
        place.crash_file.write_text(crash)
        place.journal.close()
        os.close(place.lock._file)  # as the kernel does
        place.lock._file = -1

    async def _transcribe(self, assignment: Assignment) -> FileResult:
        assignment.begin()
        self.transcribed.append(assignment.path.name)
        self.assignments.append(assignment)
        text = self.seen[assignment.path.name] = assignment.path.read_text()
        result = self.hear(assignment)
        if result is not None:
            return result
        assignment.check()
        segments = (TranscriptSegment(0.0, 1.0, text),)
        return FileResult(str(assignment.path), Status.OK, 1.0, text=text, segments=segments)

    def heard(self, path: Path, audio_s: float) -> None:
        """Not looked at."""

    def finished(self, result: FileResult) -> None:
        """Pass it on."""
        self.on_finished(result)

    def noticed(self, notice: Notice) -> None:
        """Keep what was said."""
        self.kept += notice.ok + notice.failed + notice.skipped
        if notice.text:
            self.told.append(notice.text)

    def results(self) -> list[dict[str, Any]]:
        """The lines of inputs."""
        return [line for line in self.lines() if line["type"] == "file"]

    def lines(self) -> list[dict[str, Any]]:
        """All lines of results."""
        return [json.loads(line) for line in (self.output / "results.jsonl").read_text().splitlines()]

    def texts(self) -> dict[str, str]:
        """The transcripts, by the names of their recordings."""
        return {Path(line["path"]).name: line["text"] for line in self.results()}


def failed(assignment: Assignment, kind: str = "DecodeError", message: str = "broken") -> FileResult:
    """A result of a recording that could not be done."""
    return FileResult(str(assignment.path), Status.FAILED, error=Failure(kind, message))
