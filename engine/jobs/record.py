"""`Record`: a run's side of the journal. It turns what a job does into rows and rows into what a job may leave undone.

It blocks, on a worker, one call at a time. What rows mean for a run, `resume.py` decides.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.jobs.content import Content
from engine.jobs.digest_map import DigestMap
from engine.jobs.journal import Changes
from engine.jobs.journal_rows import KnownFile, Outcome, Run, RunState, Segment, State, state_of, written_names
from engine.jobs.lock import Owner
from engine.jobs.place import JobPlace
from engine.jobs.planned import Done, Kept, Planned
from engine.jobs.resume import CRASHED, Wish, changes, may_go_on
from engine.jobs.seen import Seen
from modules.checkpoint import FinishedSegment, found_from_json, found_json
from modules.results import Failure, FileResult
from modules.results_json import file_from_json

_LINES_AT_ONCE = 256
_NAMED = 10
_NOT_READ = (-1, 0, 0, b"")
_ENDED = (State.OK, State.FAILED, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is put on record of a run: the request, so that it can be resumed, and all that affects its results."""

    request: str
    parts: dict[str, object]


class Record:
    """The record of one run in its place; `rendering` is how it writes transcripts.

    With `is_same_request` the run before asked for the same.
    """

    def __init__(self, place: JobPlace, wish: Wish, rendering: str) -> None:
        """Nothing is on record yet."""
        self.is_same_request = False
        self._place = place
        self._wish = wish
        self._rendering = rendering
        self._changes = Changes()
        self._digests = DigestMap()
        self._earlier_s = 0.0
        self._started_s = time.perf_counter()

    @property
    def wall_s(self) -> float:
        """How long the job has taken, the runs before this one included."""
        return self._earlier_s + self._run_s

    @property
    def _run_s(self) -> float:
        return time.perf_counter() - self._started_s

    def begin(self, facts: RunFacts) -> list[str]:
        """Put the run on record; in words, what is worth saying of the runs before it. Raises `JournalError`."""
        journal, now = self._place.journal, self._place.clock()
        runs = journal.runs()
        self._earlier_s = sum(run.wall_s for run in runs)
        self.is_same_request = bool(runs) and runs[-1].request == facts.request
        owner = Owner.here(now)
        who, fingerprint = f"{owner.pid} on {owner.host}", self._wish.fingerprint
        journal.begin_run(Run(0, RunState.RUNNING, now, now, 0.0, 0.0, who, facts.request, fingerprint), facts.parts)
        for digest, file in journal.digests():
            self._digests.add(digest, file)
        self._blame()
        return self._said_of(runs[-1], facts) if runs else []

    def note(self, entry: Done | Kept, line: str) -> None:
        """Have an outcome put on record with the next group; `line` is that of an input that was processed."""
        planned, known = entry.planned, entry.planned.known
        if isinstance(entry, Done):
            row = self._row(planned, entry.content, state_of(entry.result), entry.attempts, entry.result)
            self._changes.outcomes.append(Outcome(row, line))
            if row.state is State.OK:
                self._digests.add(row.digest, row.id)
            return
        assert known is not None, entry
        if content := entry.content or planned.content:  # other facts, the same content
            known = replace(known, mtime_ns=content.facts.mtime_ns, checked_ns=content.checked_ns)
            known = replace(known, number=planned.number, is_gone=False)
            self._changes.outcomes.append(Outcome(known, forgets_segments=False))
        elif known.number != planned.number or known.is_gone:
            self._changes.renumbered.append((planned.number, known.id))

    def begun(self, planned: Planned, content: Content, *, attempts: int, error: Failure | None = None) -> None:
        """Have it put on record that a recording is under way, and how often it was tried."""
        row = replace(self._row(planned, content, State.BEGUN, attempts), error=error)
        goes_on = may_go_on(planned.known, content, self._wish) or error is not None
        self._changes.outcomes.append(Outcome(row, forgets_segments=not goes_on))

    def segments(self, planned: Planned, segments: Sequence[FinishedSegment]) -> None:
        """Have finished segments put on record."""
        rows = [Segment(planned.id, one.number, one.start_s, found_json(one.found)) for one in segments]
        self._changes.segments += rows

    def rendered(self, planned: Planned) -> None:
        """Have it put on record, once their names are on the disk, that the transcripts of an input are written."""
        self._changes.rendered.append((self._rendering, written_names(planned.names), planned.id))

    def commit(self, state: RunState = RunState.RUNNING) -> None:
        """Put a group on record. Raises `JournalError`, and `OutputError` when transcripts cannot be synced."""
        if self._changes.rendered:
            self._place.output.sync()
        if self._changes or state is not RunState.RUNNING:
            self._place.journal.write(self._changes, wall_s=self._run_s, state=state, now=self._place.clock())
        self._changes = Changes()

    def lines(self, ids: Sequence[int]) -> dict[int, str]:
        """The lines of results that are on record for these inputs, by id. Raises `JournalError`."""
        found: dict[int, str] = {}
        for start in range(0, len(ids), _LINES_AT_ONCE):
            found |= self._place.journal.lines(ids[start : start + _LINES_AT_ONCE])
        return found

    def needs_transcripts(self, planned: Planned) -> bool:
        """Whether the transcripts of an input that is done are missing, or are not as this run wants them."""
        known = planned.known
        if known is None or known.state is not State.OK or not planned.names:
            return False
        is_as_wanted = (known.rendering, known.outputs) == (self._rendering, written_names(planned.names))
        return not is_as_wanted or not all(map(self._place.output.has, planned.names))

    def may_have(self, digest: bytes) -> bool:
        """Whether an input with this content may be done; a quick look without the journal, which never misses one."""
        return digest in self._digests

    def copy_of(self, digest: bytes) -> FileResult | None:
        """The result of an input with this content that is done with the same settings, if there is one."""
        file = self._digests.get(digest)
        if file is None or not self._place.journal.is_done(file, digest, self._wish.fingerprint):
            return None
        return file_from_json(self.lines([file])[file])

    def recalled(self, planned: Planned, content: Content) -> dict[int, FinishedSegment]:
        """The segments of an unfinished recording that are on record and are still good, by number."""
        if not may_go_on(planned.known, content, self._wish):
            return {}
        rows = self._place.journal.segments(planned.id)
        return {row.number: FinishedSegment(row.number, row.start_s, found_from_json(row.found)) for row in rows}

    def unfound(self, seen: Seen) -> list[KnownFile]:
        """What ended on record and was not found in this run, in its old order."""
        journal = self._place.journal
        if sum(count for state, (count, _) in journal.counts().items() if state in _ENDED) <= len(seen):
            return []
        return [file for file in journal.files(*_ENDED) if file.id not in seen]

    def leave_out(self, files: Sequence[KnownFile]) -> list[str]:
        """Have it put on record that these are none of the inputs any more; in words, those that have vanished."""
        self._changes.gone += [(file.id,) for file in files]
        vanished = [file.shown for file in files if not os.path.lexists(file.path)]
        said = [f"vanished: {name} is no longer there; what was made of it before stays" for name in vanished[:_NAMED]]
        if len(vanished) > _NAMED:
            said.append(f"vanished: and {len(vanished) - _NAMED} more")
        if others := len(files) - len(vanished):
            said.append(f"{others} files of earlier runs are not among these inputs and are left out of the results")
        return said

    def _row(
        self, planned: Planned, content: Content | None, state: State, attempts: int, result: FileResult | None = None
    ) -> KnownFile:
        known = planned.known
        facts = _NOT_READ if content is None else (
            content.facts.size_bytes, content.facts.mtime_ns, content.checked_ns, content.digest,
        )  # fmt: skip
        return KnownFile(
            planned.id, planned.key, str(planned.found.path), planned.number, state, *facts, self._wish.fingerprint,
            attempts, *((result.error, result.duration_s) if result else (None, 0.0)), "",
            *((known.outputs, known.owned) if known else ("", False)),
        )  # fmt: skip

    def _blame(self) -> None:
        """Count the crash of an earlier run against what it had in hand."""
        left = sorted(self._place.in_hand.left) if self._place.crash else []
        known = self._place.journal.known(left)
        for path in left:
            try:
                facts = Path(path).stat()
            except OSError:
                continue
            row = known.get(path) or KnownFile(self._place.journal.new_id(), path, path, 0, State.BEGUN)
            if row.state is not State.OK:
                error = Failure(CRASHED, f"native code crashed while it was in hand: {self._place.crash}")
                row = replace(row, state=State.BEGUN, attempts=row.attempts + 1, error=error)
                row = replace(row, size_bytes=facts.st_size, mtime_ns=facts.st_mtime_ns)
                self._changes.outcomes.append(Outcome(row, forgets_segments=False))
        self.commit()

    def _said_of(self, previous: Run, facts: RunFacts) -> list[str]:
        said = []
        if (dead := self._place.lock.previous) is not None:
            how = f"crashed ({self._place.crash})" if self._place.crash else "was killed"
            said.append(f"going on from a run that {how}: {dead.described(self._place.clock())} until now")
        if previous.fingerprint != self._wish.fingerprint:
            before = self._place.journal.parts(previous.fingerprint)
            what = ", ".join(changes(before, facts.parts)) or "what affects results"
            said.append(f"changed since the last run: {what}; what depends on it is done again")
        return said
