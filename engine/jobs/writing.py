"""`ResultWriter`: what came of inputs goes on record first, then into transcripts, then into results, in input order.

In this order a job survives being killed anywhere: what is on record is not done again, and transcripts and results are
made from the record. It blocks, on a worker, one call at a time.
"""

from collections.abc import Sequence
from dataclasses import replace

from engine.jobs.journal_rows import KnownFile, RunState, State
from engine.jobs.outputs import OutputFolder
from engine.jobs.planned import Done, Kept
from engine.jobs.record import Record
from engine.jobs.request import JobOutput, JobRequest
from modules.results import FileResult, Status, Summary
from modules.results_json import file_from_json, file_json, summary_from_json, summary_json
from modules.transcripts import render

_STATUS = {State.OK: Status.OK, State.FAILED: Status.FAILED, State.SKIPPED: Status.SKIPPED}


class ResultWriter:
    """Takes what came of inputs in any order; `counts` and `audio_s` are sums over all it was given.

    `done` counts those that were processed in this run.
    """

    def __init__(self, request: JobRequest, output: JobOutput, record: Record | None) -> None:
        """Write to `output`; with a `record`, which an `OutputFolder` has, everything goes there first."""
        self.counts = dict.fromkeys(Status, 0)
        self.audio_s = 0.0
        self.done = 0
        self._request = request
        self._output = output
        self._record = record
        self._due: dict[int, str | int] = {}  # a line, or the id of an input whose line is on record
        self._next = 0  # the number whose line comes next

    def write(self, entries: Sequence[Done | Kept]) -> int:
        """Put a group on record, write its transcripts and the lines that are due now; how many lines these were."""
        entries = [self._restated(entry) for entry in entries]
        lines = [self._noted(entry) for entry in entries]
        if self._record:
            self._record.commit()
        for entry, line in zip(entries, lines, strict=True):
            self._write_transcripts(entry, line)
        return self._append_due()

    def conclude(self, unfound: Sequence[KnownFile] = ()) -> None:
        """Write the lines held back behind inputs that will not come any more, and those of `unfound` on record."""
        held = [self._due.pop(number) for number in sorted(self._due)]
        for file in unfound:
            self._count(_STATUS[file.state], file.audio_s)
        self._append([*held, *(file.id for file in unfound)])

    def end(self, summary: Summary) -> None:
        """Write the last line, unless nothing was to be done and it is there already; then close the output."""
        output = self._output
        try:
            if self.done or not isinstance(output, OutputFolder) or not _is_said(summary, output.results.rest_of_old()):
                output.append(summary_json(summary))
            else:
                output.results.keep_old()
            if self._record:
                self._record.commit(RunState.INTERRUPTED if summary.interrupted else RunState.FINISHED)
        finally:
            output.close()

    def _restated(self, entry: Done | Kept) -> Done | Kept:
        """An input that is spelled differently now has its result under the new name."""
        known, shown = entry.planned.known, str(entry.planned.found.path)
        if isinstance(entry, Done) or known is None or known.shown == shown:
            return entry
        assert self._record is not None
        result = replace(file_from_json(self._record.lines([known.id])[known.id]), path=shown)
        if result.error:
            message = result.error.message.replace(known.shown, shown)
            result = replace(result, error=replace(result.error, message=message))
        return Done(entry.planned, result, entry.content or entry.planned.content, known.attempts)

    def _noted(self, entry: Done | Kept) -> str:
        """Count an input and have it put on record; its line, empty where that is on record already."""
        known, line = entry.planned.known, ""
        if isinstance(entry, Done):
            line = file_json(entry.result)
            self.done += 1
            self._count(entry.result.status, entry.result.duration_s)
            self._due[entry.planned.number] = line
        else:
            assert known is not None, entry
            self._count(_STATUS[known.state], known.audio_s)
            self._due[entry.planned.number] = known.id
        if self._record:
            self._record.note(entry, line)
        return line

    def _count(self, status: Status, audio_s: float) -> None:
        self.counts[status] += 1
        self.audio_s += audio_s

    def _write_transcripts(self, entry: Done | Kept, line: str) -> None:
        """Transcripts are made from the line, so that it makes no difference whether that was on record."""
        planned, record = entry.planned, self._record
        if not planned.names or (isinstance(entry, Done) and entry.result.status is not Status.OK):
            return
        if isinstance(entry, Kept) and record:
            if not record.needs_transcripts(planned):
                return
            line = record.lines([planned.id])[planned.id]
        result = file_from_json(line)
        for name, fmt in zip(planned.names, self._request.formats, strict=True):
            text = render(result, fmt, word_times=self._request.word_times)
            if isinstance(self._output, OutputFolder):
                self._output.write(name, text, owned=planned.known is not None and planned.known.owned)
            else:
                self._output.write(name, text)
        if record:
            record.rendered(planned)

    def _append_due(self) -> int:
        first, due = self._next, []
        while (line := self._due.pop(self._next, None)) is not None:
            due.append(line)
            self._next += 1
        self._append(due)
        return self._next - first

    def _append(self, lines: Sequence[str | int]) -> None:
        ids = [line for line in lines if isinstance(line, int)]
        on_record = self._record.lines(ids) if self._record and ids else {}
        for line in lines:
            self._output.append(on_record[line] if isinstance(line, int) else line)


def copied(result: FileResult, path: str) -> FileResult:
    """The result of an input for another with the same content: nothing had to be done."""
    return replace(result, path=path, cache_hit=True, timing=type(result.timing)())


def _is_said(summary: Summary, line: bytes) -> bool:
    """Whether that line is the summary of the same inputs, by a run that was whole as well."""
    try:
        said = summary_from_json(line.decode())
    except ValueError:
        return False
    return (said.files, said.ok, said.failed, said.skipped, said.interrupted) == (
        summary.files, summary.ok, summary.failed, summary.skipped, summary.interrupted,
    )  # fmt: skip
