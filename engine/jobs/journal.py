"""`Journal`: the crash-safe record of a job. The only importer of sqlite3.

SQLite in WAL mode: a process that is killed at any moment leaves the last group of changes whole or absent. Changes are
gathered by the caller and written in groups. All of it blocks: the engine calls it on a worker, one call at a time.
"""

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from engine.jobs import journal_schema as schema
from engine.jobs.journal_rows import KnownFile, Outcome, Run, RunState, Segment, State
from modules.errors import JournalError
from modules.results import Failure

_BUSY_S = 5.0
_CACHE_KIB = 2_048
_CHECKPOINT_PAGES = (
    4_096  # of 4 KiB: how far the write-ahead log grows before it is worked in, which waits for the disk
)
_MAX_ROWS = 32  # in one statement: 576 values, and any SQLite takes 999
_ADVICE = "run again with --overwrite to do everything anew"


@dataclass(slots=True)
class Changes:
    """What is to be written in one group, all of it or nothing."""

    outcomes: list[Outcome] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    rendered: list[tuple[str, str, int]] = field(default_factory=list)
    """How the transcripts of an input were written, under which names, and its id."""
    renumbered: list[tuple[int, int]] = field(default_factory=list)
    """The place of an input among the others of this run, and its id."""
    gone: list[tuple[int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.outcomes or self.segments or self.rendered or self.renumbered or self.gone)


class Journal:
    """A journal that is open."""

    def __init__(self, path: Path) -> None:
        """Open or make the journal at `path`. Raises `JournalError` when it is damaged or no journal at all."""
        self.path = path
        self.run_id = 0
        self.spent_s = 0.0
        """How long everything that was asked of it has taken."""
        self._where = str(path)
        self._database: sqlite3.Connection
        self._last_id = 0
        with self._translated():
            self._open()
            (self._last_id,) = self._one("SELECT coalesce(max(id), 0) FROM files")

    def __repr__(self) -> str:
        return f"<Journal {str(self.path)!r}, run {self.run_id}>"

    def begin_run(self, run: Run, parts: Mapping[str, object]) -> None:
        """Look the journal over and put a run on record; one that never ended has died.

        `parts` is what its fingerprint is made of. Raises `JournalError` when the journal is damaged.
        """
        with self._translated(), self._whole():
            (verdict,) = self._one("PRAGMA quick_check(1)")
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            self._database.execute("UPDATE runs SET state = ? WHERE state = ?", (RunState.DIED, RunState.RUNNING))
            self.run_id = self._database.execute(schema.PUT_RUN, (None, *astuple(run)[1:])).lastrowid or 0
            written = json.dumps(dict(parts), sort_keys=True, default=str)
            self._database.execute("INSERT OR IGNORE INTO fingerprints VALUES (?, ?)", (run.fingerprint, written))

    def runs(self) -> list[Run]:
        """All runs, the first one first."""
        with self._translated():
            return [Run(row[0], RunState(row[1]), *row[2:]) for row in self._database.execute(schema.RUNS)]

    def parts(self, fingerprint: str) -> dict[str, object]:
        """What a fingerprint was made of; nothing for one that is not known."""
        with self._translated():
            row = self._database.execute("SELECT parts FROM fingerprints WHERE digest = ?", (fingerprint,)).fetchone()
            return dict(json.loads(row[0])) if row else {}

    def write(self, changes: Changes, *, wall_s: float, now: float, state: RunState = RunState.RUNNING) -> None:
        """Put a group of changes on record, with how long the run has lasted. Raises `JournalError`.

        A journal that was taken away meanwhile is first put back in its place from what is still open.
        """
        with self._translated():
            self._be_there()
            with self._whole():
                self._write(changes)
                self._database.execute(schema.PUT_PROGRESS, (wall_s, self.spent_s, state, now, self.run_id))

    def new_id(self) -> int:
        """The id of an input that is not known yet."""
        self._last_id += 1
        return self._last_id

    def known(self, paths: Sequence[str]) -> dict[str, KnownFile]:
        """What is known of these absolute paths; there is no entry for one that is new."""
        values = _padded([_stored(path) for path in paths])
        found = self._files(schema.files_at(len(values)), values)
        return {file.path: file for file in found}

    def files(self, *states: State) -> Iterator[KnownFile]:
        """All inputs in one of these states that are not gone, in the order of their numbers."""
        return self._files(schema.files_in(len(states)), states)

    def counts(self) -> dict[State, tuple[int, float]]:
        """How many inputs are in which state, and their seconds of audio; those that are gone are not counted."""
        with self._translated():
            return {State(state): (count, audio_s) for state, count, audio_s in self._database.execute(schema.COUNTS)}

    def digests(self) -> Iterator[tuple[bytes, int]]:
        """The digest of everything that is done, with its id, in order."""
        with self._translated():
            yield from self._database.execute(schema.DIGESTS)

    def lines(self, ids: Sequence[int]) -> dict[int, str]:
        """The lines of results of these inputs, by id. Raises `JournalError` for one that is not as it was written."""
        with self._translated():
            values = _padded(ids)
            rows = self._database.execute(schema.lines_of(len(values)), values).fetchall()
            for file, crc, line in rows:
                if zlib.crc32(line.encode()) != crc:
                    raise sqlite3.DatabaseError(f"result {file} is not what was written")
            return {file: line for file, _, line in rows}

    def is_done(self, file: int, digest: bytes, fingerprint: str) -> bool:
        """Whether this input has this content and is done with these settings."""
        with self._translated():
            return self._database.execute(schema.IS_DONE, (file, digest, fingerprint)).fetchone() is not None

    def segments(self, file: int) -> list[Segment]:
        """The finished segments of an unfinished recording, in order."""
        with self._translated():
            return [Segment(*row) for row in self._database.execute(schema.SEGMENTS, (file,))]

    def check(self) -> str:
        """What SQLite's integrity check says: "ok", or what is wrong."""
        with self._translated():
            return "; ".join(row[0] for row in self._database.execute("PRAGMA integrity_check"))

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        with suppress(sqlite3.Error):  # all that counts was written before, or its failure was told
            self._database.close()

    def _open(self) -> None:
        self._database = sqlite3.connect(self.path, _BUSY_S, isolation_level=None, check_same_thread=False)
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # WAL with NORMAL never waits for the disk at a commit: after a power cut the last groups may be missing, and
        # are done again, but what is there is consistent.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        ours = (*self._one("PRAGMA application_id"), *self._one("PRAGMA user_version"))
        if ours == (0, 0) and self._one("SELECT count(*) FROM sqlite_master") == (0,):
            with self._whole():
                for statement in schema.TABLES.split(";"):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA application_id = {schema.APPLICATION}")
                self._database.execute(f"PRAGMA user_version = {schema.SCHEMA}")
        elif ours != (schema.APPLICATION, schema.SCHEMA):
            raise sqlite3.DatabaseError("it is no journal that this version of Onbeat can read")
        self._inode = self.path.stat().st_ino

    def _be_there(self) -> None:
        """Put the journal back where it was if it was deleted: the open file still has all of it."""
        with suppress(FileNotFoundError):
            if os.stat(self._where).st_ino == self._inode:  # noqa: PTH116 - once for each group, and four times as quick
                return
            raise sqlite3.DatabaseError("another file was put in its place while it was in use")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        copy = self.path.with_name(f"{self.path.name}.restored")
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(copy)) as restored:
            self._database.backup(restored)
        self._database.close()
        for left in ("-wal", "-shm"):
            self.path.with_name(self.path.name + left).unlink(missing_ok=True)
        copy.rename(self.path)
        self._open()

    def _write(self, changes: Changes) -> None:
        ended = {outcome.row.id for outcome in changes.outcomes if outcome.line}
        self._put(schema.put_files, [_row(outcome.row) for outcome in changes.outcomes])
        self._put(
            schema.put_lines, [_line(outcome.row.id, outcome.line) for outcome in changes.outcomes if outcome.line]
        )
        self._put(
            schema.forget_segments, [(outcome.row.id,) for outcome in changes.outcomes if outcome.forgets_segments]
        )
        self._put(schema.put_segments, [astuple(segment) for segment in changes.segments if segment.file not in ended])
        self._put(schema.put_renderings, [(file, rendering, names) for rendering, names, file in changes.rendered])
        self._database.executemany(schema.PUT_NUMBER, changes.renumbered)
        self._database.executemany(schema.PUT_GONE, changes.gone)

    def _put(self, statement: Callable[[int], str], rows: Sequence[tuple[object, ...]]) -> None:
        """Many rows a statement: with each SQLite gives up Python's lock, and other threads make it wait for it.

        A power of two of them: statements that were seen are kept, and long ones are large.
        """
        while rows:
            count = min(1 << (len(rows).bit_length() - 1), _MAX_ROWS)
            self._database.execute(statement(count), tuple(chain.from_iterable(rows[:count])))
            rows = rows[count:]

    def _files(self, query: str, values: Sequence[object]) -> Iterator[KnownFile]:
        with self._translated():
            for row in self._database.execute(query, values):
                yield _known(row)

    def _one(self, query: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._database.execute(query).fetchone()
        return row

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # what made it fail is told instead
                self._database.execute("ROLLBACK")
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What SQLite or the system says against the journal is a `JournalError`."""
        started_s = time.perf_counter()
        try:
            yield
        except sqlite3.OperationalError as error:  # the disk is full or read-only, or somebody else holds the lock
            raise JournalError(f"cannot use the journal {self.path}: {error}") from error
        except (sqlite3.Error, ValueError) as error:  # ValueError: a state or a number that no journal has
            raise JournalError(f"the journal {self.path} is damaged: {error}; {_ADVICE}") from error
        except OSError as error:
            raise JournalError(f"cannot keep the journal {self.path}: {error.strerror or error}") from error
        finally:
            self.spent_s += time.perf_counter() - started_s


def _stored(text: str) -> str | bytes:
    """The text, or its bytes where a file name in it is no UTF-8: SQLite takes no lone surrogates."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def _padded(values: Sequence[object]) -> list[object]:
    """As many as a power of two, so that there are few statements; the last ones match nothing."""
    return [*values, *[None] * ((1 << max(0, len(values) - 1).bit_length()) - len(values))]


def _line(file: int, line: str) -> tuple[int, int, str]:
    return file, zlib.crc32(line.encode()), line


def _row(file: KnownFile) -> tuple[object, ...]:
    kind, message = (file.error.kind, _shown(file.error.message)) if file.error else (None, None)
    return (
        file.id, _stored(file.path), _stored(file.shown), file.number, file.state, file.size_bytes, file.mtime_ns,
        file.checked_ns, file.digest, file.fingerprint, file.attempts, kind, message, file.audio_s, file.rendering,
        file.outputs, file.owned, file.is_gone,
    )  # fmt: skip


def _shown(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _known(row: Sequence[Any]) -> KnownFile:
    """A row as `FILE_COLUMNS` orders it. Raises `ValueError` for a state that there is not."""
    file, path, shown, number, state, *rest = row
    size_bytes, mtime_ns, checked_ns, digest, fingerprint, attempts, kind, message, *rest = rest
    audio_s, rendering, outputs, owned, is_gone = rest
    return KnownFile(
        file, os.fsdecode(path), os.fsdecode(shown), number, State(state), size_bytes, mtime_ns, checked_ns, digest,
        fingerprint, attempts, Failure(kind, message) if kind else None, audio_s, rendering, outputs,
        bool(owned), bool(is_gone),
    )  # fmt: skip
