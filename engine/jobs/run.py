"""A folder job: every input found is attempted, what came of it is written in input order, the sum is drawn."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

import anyio
from anyio.abc import TaskGroup

from engine.changes import Changes
from engine.failures import first_error
from engine.jobs.attempts import Attempts, Withheld
from engine.jobs.discover import Found, discover
from engine.jobs.groups import Entry, Groups
from engine.jobs.journal_rows import State
from engine.jobs.outputs import OutputNames
from engine.jobs.parts import MAX_IN_HAND, JobParts
from engine.jobs.planned import Done, Kept, Planned
from engine.jobs.planning import Planner
from engine.jobs.record import Record
from engine.jobs.request import JobRequest, Notice
from engine.jobs.resume import Action
from engine.jobs.settling import Settling
from engine.jobs.writing import ResultWriter
from modules.errors import OutputError
from modules.monitoring.resources import peak_rss_bytes
from modules.results import FileResult, Status, Summary

MAX_UNWRITTEN = 1024
"""Inputs that may be under way or done while an earlier one is not: a limit on memory, hardly ever on speed."""

POLL_S = 1.0
"""A job that watches looks for new recordings so often, or less often where looking takes long."""

_FIRST_BATCH, _MAX_BATCH = 4, 256  # inputs looked for at once: few first, so that work begins soon
_LOOKING_SHARE = 0.05  # of the time of a job that watches


class FolderJob:
    """One run over its inputs. Cancelled, it still writes the lines of all that is done, and a summary that says so."""

    def __init__(self, request: JobRequest, parts: JobParts) -> None:
        """Check the request. Raises `ConfigError` for a path that is not there."""
        request.check()
        self._request = request
        self._parts = parts
        self._started_s = time.perf_counter()
        self._inputs = anyio.CancelScope()
        self._drained = anyio.Event()
        self._in_hand_room = anyio.Semaphore(MAX_IN_HAND)
        self._unwritten = 0
        self._room_changes = Changes()
        books = parts.books
        names = OutputNames([str(fmt) for fmt in request.formats], several_inputs=len(request.paths) > 1)
        self._record = Record(books.place, books.wish, request.rendering) if books else None
        self._planner = Planner(names, books, Settling() if request.watch else None)
        self._writer = ResultWriter(request, parts.output, self._record)
        self._groups = Groups(parts.workers, self._writer, self._on_written)
        self._attempts = Attempts(parts, self._record, self._groups, self._drained)

    def drain(self) -> None:
        """Begin no more inputs. Those in hand go on; who cannot wait for them cancels the job."""
        self._drained.set()
        self._room_changes.tell()

    async def run(self) -> Summary:
        """Do it all. Raises `OutputError` when results cannot be written; what was written before stays."""
        try:
            self._tell(await self._parts.workers.run(self._begin))
            with first_error(), self._inputs:
                async with anyio.create_task_group() as writing:
                    writing.start_soon(self._groups.write_always)
                    async with anyio.create_task_group() as tasks:
                        await self._find(tasks)
                    writing.cancel_scope.cancel()
        except OutputError:
            with anyio.CancelScope(shield=True):
                await self._parts.workers.run(self._give_up)
            raise
        except BaseException:
            await self._conclude(is_whole=False)
            raise
        return await self._conclude(is_whole=not self._inputs.cancel_called and not self._drained.is_set())

    def _begin(self) -> list[str]:
        """On a worker: what is worth saying of earlier runs."""
        books = self._parts.books
        said = self._record.begin(books.facts) if self._record and books else []
        self._parts.output.append(self._parts.header)
        return said

    async def _find(self, tasks: TaskGroup) -> None:
        """Look for inputs, once or for as long as new ones may arrive, and start a task for each that is to be done."""
        while not self._drained.is_set():
            looking_s = await self._walk(tasks)
            if not self._request.watch:
                return
            with anyio.move_on_after(max(POLL_S, looking_s / _LOOKING_SHARE)):
                await self._drained.wait()

    async def _walk(self, tasks: TaskGroup) -> float:
        """Look for inputs once, in order; how many seconds a worker spent on looking."""
        request = self._request
        inputs = discover(request.paths, recursive=request.recursive, glob=request.glob, exclude=request.exclude)
        looking_s, size = 0.0, _FIRST_BATCH
        while not self._drained.is_set():
            while self._unwritten >= MAX_UNWRITTEN and not self._drained.is_set():
                await self._room_changes.wait()
            found, planned, taken_s = await self._parts.workers.run(lambda: self._plan(inputs, size))  # noqa: B023 - awaited here
            looking_s += taken_s
            if not found:
                break
            await self._start(planned, tasks)
            size = min(2 * size, _MAX_BATCH)
        return looking_s

    def _plan(self, inputs: Iterator[Found], size: int) -> tuple[int, list[Planned], float]:
        """On a worker: the next inputs, how many were looked at for them, and the seconds it took."""
        started_s = time.perf_counter()
        batch = list(islice(inputs, size))
        planned = self._planner.plan(batch)
        return len(batch), planned, time.perf_counter() - started_s

    async def _start(self, planned: Sequence[Planned], tasks: TaskGroup) -> None:
        """Pass on what needs no work, and start a task for each input that does, when there is room."""
        self._unwritten += len(planned)
        to_do = [one for one in planned if not self._is_known(one)]
        for one in to_do:
            await self._in_hand_room.acquire()
            self._attempts.expect(one)
            tasks.start_soon(self._attempt, one)

    def _is_known(self, planned: Planned) -> bool:
        """Whether the outcome of an input is known without any work: it is then passed on to be written."""
        known, verdict = planned.known, planned.found.verdict
        if planned.action is Action.KEEP:
            self._groups.put(Kept(planned))
        elif verdict is not None:
            self._groups.put(Done(planned, verdict))
        elif planned.action is Action.GIVE_UP and known is not None and known.error is not None:
            result = FileResult(str(planned.found.path), Status.FAILED, error=known.error)
            self._groups.put(Done(planned, result, planned.content, known.attempts))
        else:
            return False
        return True

    async def _attempt(self, planned: Planned) -> None:
        """Process one input and pass on what came of it."""
        try:
            entry = await self._attempts.outcome(planned)
        except Withheld:
            return
        finally:
            self._in_hand_room.release()
        self._groups.put(entry)
        self._stop_after(entry)  # not when it is written: many more could be done until then

    def _stop_after(self, entry: Entry) -> None:
        """Begin and do no more after a failure, where that is asked for."""
        if self._request.fail_fast and isinstance(entry, Done) and entry.result.status is Status.FAILED:
            self._inputs.cancel()

    def _on_written(self, entries: Sequence[Entry], lines: int) -> None:
        self._unwritten -= lines
        self._room_changes.tell()
        self._attempts.settled(entries)
        self._planner.settled(entries)
        kept = dict.fromkeys(State, 0)
        audio_s = 0.0
        for entry in entries:
            if isinstance(entry, Done):
                self._parts.observer.finished(entry.result)
                self._stop_after(entry)
            elif (known := entry.planned.known) is not None:
                kept[known.state] += 1
                audio_s += known.audio_s
        if any(kept.values()):
            self._parts.observer.noticed(
                Notice(ok=kept[State.OK], failed=kept[State.FAILED], skipped=kept[State.SKIPPED], audio_s=audio_s)
            )

    async def _conclude(self, *, is_whole: bool) -> Summary:
        with anyio.CancelScope(shield=True):
            try:
                await self._groups.write_all()
                summary, said = await self._parts.workers.run(lambda: self._end(is_whole=is_whole))
            except OutputError:
                await self._parts.workers.run(self._give_up)
                raise
        self._tell(said)
        return summary

    def _end(self, *, is_whole: bool) -> tuple[Summary, list[str]]:
        """On a worker: the last lines. What was not reached before the end keeps the line it has on record."""
        record, said = self._record, list[str]()
        unfound = record.unfound(self._planner.seen) if record else []
        if record and is_whole:
            said, unfound = record.leave_out(unfound), []
        elif record and not record.is_same_request:
            unfound = []
        self._writer.conclude(unfound)
        summary = self._summary(interrupted=not is_whole)
        self._writer.end(summary)
        return summary, said

    def _give_up(self) -> None:
        """On a worker: what cannot be written is not tried again; whatever is on record stays."""
        with suppress(OutputError):
            self._parts.output.close()

    def _tell(self, said: Sequence[str]) -> None:
        for text in said:
            self._parts.observer.noticed(Notice(text))

    def _summary(self, *, interrupted: bool) -> Summary:
        counts, audio_s = self._writer.counts, self._writer.audio_s
        wall_s = self._record.wall_s if self._record else time.perf_counter() - self._started_s
        return Summary(
            files=sum(counts.values()),
            ok=counts[Status.OK],
            failed=counts[Status.FAILED],
            skipped=counts[Status.SKIPPED],
            audio_s=audio_s,
            wall_s=wall_s,
            realtime_factor=audio_s / wall_s if wall_s else 0.0,
            peak_memory_mb=(peak_rss_bytes() or 0) / 1e6,
            interrupted=interrupted,
        )
