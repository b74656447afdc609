"""`Groups`: what came of inputs on its way to the writer, a group at a time, so that a commit is paid for by many."""

import time
from collections.abc import Callable, Sequence

import anyio

from engine.jobs.planned import Done, Kept
from engine.jobs.writing import ResultWriter
from engine.workers import Workers

PERIOD_S = 0.2
"""A group is written so long after the one before: what a killed run has to do again at most, beside work in hand."""

MAX_DONE = 64
"""Inputs in a group that were processed: with a transcript each, some 20 ms of a worker."""

MAX_GROUP = 256
"""Inputs in a group, those included that were done before."""

Entry = Done | Kept


class Groups:
    """Entries and other changes are put in at any time; `write_always` writes them, while it runs.

    `on_written` is told on the event loop of the entries of each group and how many lines it brought.
    """

    def __init__(
        self, workers: Workers, writer: ResultWriter, on_written: Callable[[Sequence[Entry], int], None]
    ) -> None:
        """Nothing waits to be written."""
        self._workers = workers
        self._writer = writer
        self._on_written = on_written
        self._waiting: list[Entry] = []
        self._changes: list[Callable[[], None]] = []
        self._something = anyio.Event()
        self._plenty = anyio.Event()
        self._written_s = -PERIOD_S

    def __repr__(self) -> str:
        return f"<Groups {len(self._waiting)} waiting>"

    def put(self, entry: Entry) -> None:
        """Have this written."""
        self._waiting.append(entry)
        self._something.set()
        if len(self._waiting) >= MAX_DONE or isinstance(entry, Kept):  # which costs no commit
            self._plenty.set()

    def change(self, change: Callable[[], None]) -> None:
        """Have this called on the worker before the next group is put on record."""
        self._changes.append(change)
        self._something.set()

    async def write_always(self) -> None:
        """Write groups until cancelled. Raises `OutputError`."""
        while True:
            await self._something.wait()
            with anyio.move_on_after(self._written_s + PERIOD_S - time.monotonic()):
                await self._plenty.wait()
            await self._write_one()

    async def write_all(self) -> None:
        """Write all that waits. Raises `OutputError`."""
        while self._waiting or self._changes:
            await self._write_one()

    async def _write_one(self) -> None:
        size = self._group_size()
        group, self._waiting = self._waiting[:size], self._waiting[size:]
        changes, self._changes = self._changes, []
        self._something, self._plenty = anyio.Event(), anyio.Event()
        if self._waiting:
            self._something.set()
            self._plenty.set()
        with anyio.CancelScope(shield=True):  # a group that a worker has is written, and then told
            lines = await self._workers.run(lambda: self._write(changes, group))
        self._written_s = time.monotonic()
        self._on_written(group, lines)

    def _group_size(self) -> int:
        done = 0
        for size, entry in enumerate(self._waiting[:MAX_GROUP]):
            done += isinstance(entry, Done)
            if done > MAX_DONE:
                return size
        return MAX_GROUP

    def _write(self, changes: Sequence[Callable[[], None]], group: Sequence[Entry]) -> int:
        for change in changes:
            change()
        return self._writer.write(group)
