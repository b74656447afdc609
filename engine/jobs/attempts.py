"""`Attempts`: one input from being planned to its outcome: read, compared, recognised, tried again where that may help.

What is decided, `resume.py` decides; who is first among equals, `twins.py`.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import anyio

from engine.files_at_once import FilesAtOnce
from engine.jobs.company import Company
from engine.jobs.content import Content, ContentReading, check_unchanged
from engine.jobs.groups import Entry, Groups
from engine.jobs.parts import Books, JobParts
from engine.jobs.planned import Assignment, Done, Kept, Planned
from engine.jobs.record import Record
from engine.jobs.resume import attempts_before, is_blamed, is_worth_another, still_holds
from engine.jobs.twins import Twins
from engine.jobs.writing import copied
from modules.checkpoint import FinishedSegment
from modules.results import FileResult

LONG_S = 1.0
"""A recording that has been under way for so long has its finished segments put on record."""

CHANGED_PAUSE_S = 1.0
"""A recording that changed while it was read gets so long to come to rest."""


class Withheld(Exception):
    """The input is left to the next run: the job is being drained, and work on it has not begun."""


class Attempts:
    """Outcomes of inputs, many at once. With a record, nothing is done that was done before."""

    def __init__(self, parts: JobParts, record: Record | None, groups: Groups, drained: anyio.Event) -> None:
        """Begin nothing any more once `drained` is set."""
        self._parts = parts
        self._books = parts.books
        self._record = record
        self._groups = groups
        self._drained = drained
        self._twins = Twins()
        self._company = Company()

    def expect(self, planned: Planned) -> None:
        """This input will be asked for; tell of them in their order."""
        if self._record and planned.found.facts:
            self._twins.expect(planned.number, planned.found.facts.size_bytes)

    def settled(self, entries: Sequence[Entry]) -> None:
        """These outcomes are on record: inputs with the same content need not wait any more."""
        for entry in entries:
            if isinstance(entry, Done) and entry.content:
                self._twins.settle(entry.planned.number, entry.content.digest, entry.result)

    async def outcome(self, planned: Planned) -> Entry:
        """What comes of the input. Raises `Withheld`, and `JournalError`."""
        slot = _Slot(self._parts.files)
        try:
            await slot.take()
            if self._drained.is_set():
                raise Withheld
            if self._record is None or self._books is None:
                return Done(planned, await self._parts.transcribe(self._assignment(planned)))
            return await self._journaled(planned, slot, self._record, self._books)
        finally:
            self._is_read(planned)
            slot.leave()

    async def _journaled(self, planned: Planned, slot: "_Slot", record: Record, books: Books) -> Entry:
        content = planned.content or await self._read(planned)
        self._is_read(planned)
        if content is None:
            return Done(planned, await self._parts.transcribe(self._assignment(planned)))
        if still_holds(planned.known, content, books.wish):
            return Kept(planned, content)
        if result := await self._twin(planned, content, slot, record):
            return Done(planned, copied(result, str(planned.found.path)), content)
        try:
            done = await self._tried(planned, content, record, books)
        except BaseException:
            self._twins.settle(planned.number, content.digest, None)
            raise
        if done.content is None or done.content.digest != content.digest:
            self._twins.settle(planned.number, content.digest, None)
        return done

    async def _twin(self, planned: Planned, content: Content, slot: "_Slot", record: Record) -> FileResult | None:
        """The result of an earlier input with the same content, waited for outside the slot."""
        size, digest = content.facts.size_bytes, content.digest
        if self._twins.must_wait(planned.number, size, digest):
            slot.leave()
        if result := await self._twins.result(planned.number, size, digest):
            return result
        await slot.take()
        if self._drained.is_set():
            self._twins.settle(planned.number, digest, None)
            raise Withheld
        return await self._parts.workers.run(lambda: record.copy_of(digest)) if record.may_have(digest) else None

    async def _tried(self, planned: Planned, content: Content, record: Record, books: Books) -> Done:
        """The result after as many attempts as it is worth; what one has finished, the next goes on from."""
        attempts = attempts_before(planned.known, content)
        recalled = await self._parts.workers.run(lambda: record.recalled(planned, content)) if planned.known else {}
        checkpoints = Checkpoints(planned, content, dict(recalled), is_on_record=bool(recalled))
        while True:
            attempts += 1
            result = await self._attempt(planned, content, checkpoints, attempts)
            if result.error is None or not is_worth_another(result.error.kind, attempts, books.wish):
                return Done(planned, result, content, attempts)
            self._groups.change(partial(record.begun, planned, content, attempts=attempts, error=result.error))
            if result.error.kind == "SourceChanged":
                await anyio.sleep(CHANGED_PAUSE_S)
                content = await self._read(planned) or content
                checkpoints = Checkpoints(planned, content, {}, is_on_record=False)

    async def _attempt(
        self, planned: Planned, content: Content, checkpoints: "Checkpoints", attempts: int
    ) -> FileResult:
        assert self._record is not None
        assert self._books is not None
        record, marks = self._record, self._books.place.in_hand
        place = -1

        def begin() -> None:
            nonlocal place
            place = marks.mark(planned.key)

        def on_segment(segment: FinishedSegment) -> None:
            for change in checkpoints.changes(segment, record, attempts - 1):
                self._groups.change(change)

        assignment = Assignment(
            planned.found.path,
            lambda audio_s: self._parts.observer.heard(planned.found.path, audio_s),
            recalled=checkpoints.finished,
            on_segment=on_segment,
            begin=begin,
            check=lambda: check_unchanged(planned.found.path, content.facts),
            head=content.head,
            size_bytes=content.facts.size_bytes,
            is_suspect=planned.is_suspect or attempts > 1,
        )
        try:
            async with self._company.left() if is_blamed(planned.known) else self._company.joined():
                return await self._parts.transcribe(assignment)
        finally:
            marks.free(place)

    def _assignment(self, planned: Planned) -> Assignment:
        path = planned.found.path
        return Assignment(path, lambda audio_s: self._parts.observer.heard(path, audio_s))

    async def _read(self, planned: Planned) -> Content | None:
        """The content of a recording, step by step; nothing where it cannot be read: its decoder will say why."""
        workers = self._parts.workers
        try:
            reading = await workers.run(lambda: ContentReading(planned.found.path))
        except OSError:
            return None
        try:
            while (content := await workers.run(reading.advance)) is None:
                pass
        except OSError:
            return None
        else:
            return content
        finally:
            reading.close()

    def _is_read(self, planned: Planned) -> None:
        if planned.found.facts:
            self._twins.read(planned.number, planned.found.facts.size_bytes)


class Checkpoints:
    """The segments that one recording has finished, so that neither another attempt nor another run does them again."""

    def __init__(
        self, planned: Planned, content: Content, finished: dict[int, FinishedSegment], *, is_on_record: bool
    ) -> None:
        """`finished` are those of an earlier run."""
        self.finished = finished
        self._planned = planned
        self._content = content
        self._is_on_record = is_on_record
        self._unsaved: list[FinishedSegment] = []
        self._began_s = time.monotonic()

    def changes(self, segment: FinishedSegment, record: Record, attempts: int) -> list[Callable[[], None]]:
        """What to put on record, now that this segment is finished too; nothing yet where a recording may be short."""
        self.finished[segment.number] = segment
        self._unsaved.append(segment)
        if time.monotonic() - self._began_s < LONG_S:
            return []
        changes: list[Callable[[], None]] = [partial(record.segments, self._planned, self._unsaved)]
        if not self._is_on_record:
            changes.insert(0, partial(record.begun, self._planned, self._content, attempts=attempts))
        self._is_on_record, self._unsaved = True, []
        return changes


class _Slot:
    """A place among the files that are worked on, held or not."""

    def __init__(self, files: FilesAtOnce) -> None:
        self._files = files
        self._is_held = False

    async def take(self) -> None:
        if not self._is_held:
            await self._files.acquire()
            self._is_held = True

    def leave(self) -> None:
        if self._is_held:
            self._is_held = False
            self._files.release()
