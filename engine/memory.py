"""`MemoryKeeper`: keeps what streams and recordings hold within the memory budget. It decides nothing itself.

Streams are let in or refused, recordings wait for their turn; when memory gets short all the same, pools are trimmed,
recordings go on one at a time and nothing new begins. What was accepted is never given up.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
import anyio.to_thread

from engine.changes import Changes
from modules.errors import Overloaded
from modules.memory.budget import RECORDING_BYTES, MemoryBudget, StreamNeed
from modules.memory.heap import give_back_free_memory
from modules.memory.pool import BufferPool
from modules.memory.relief import MemoryReading, MemoryRelief, Relief

RETRY_AFTER_S = 1.0

LOOKS_BETWEEN_TRIMS = 10
"""While memory stays short the allocator is asked again after so many looks."""

LOOKS_BETWEEN_FOLDER_TRIMS = 4
"""While there are recordings and no live streams, whom it would make wait, it is asked after so many."""

_MB = 2**20

_log = logging.getLogger(__name__)


class Turn:
    """A recording's place among those that are in hand."""

    def __init__(self, keeper: "MemoryKeeper") -> None:
        """Stand in `keeper`'s line."""
        self._keeper = keeper

    async def may_go_on(self) -> None:
        """Return when the recording may take more memory: at once, or while memory is short when it is the first."""
        await self._keeper.wait_for(self)


class MemoryKeeper:
    """One for a processor; everything but `look` is for its event loop alone, and none of that takes long."""

    def __init__(
        self,
        budget: MemoryBudget,
        pool: BufferPool | None = None,
        *,
        not_ours_bytes: int = 0,
        give_back: Callable[[], object] = give_back_free_memory,
    ) -> None:
        """Keep to `budget`; `not_ours_bytes` of the process belong to an application that holds the engine."""
        self.on_relief: Callable[[Relief, str], None] = lambda _, __: None
        """Told the steps in force when they change, with the reason in words."""
        self.not_ours_bytes = not_ours_bytes
        self.budget = budget
        """What is in force now: less than the settings allow when the system has less."""
        self.pool = pool or BufferPool(budget.pool_bytes)
        self.given_bytes = 0
        """What is promised to the streams and recordings that were let in."""
        self._allowed = budget
        self._relief = MemoryRelief()
        self._give_back = give_back
        self._looks_since_trim = 0
        self._streams = 0
        self._has_said_so = False
        self._changed = Changes()
        self._in_hand: dict[Turn, None] = {}  # in the order in which they began

    def __repr__(self) -> str:
        given, room = self.given_bytes // _MB, self.budget.room_bytes // _MB
        return f"<MemoryKeeper {given} of {room} MB given, {len(self._in_hand)} recordings, relief: {self.relief}>"

    @property
    def relief(self) -> Relief:
        """The steps in force."""
        return self._relief.now

    @property
    def can_spare_a_recording(self) -> bool:
        """Whether one more recording leaves room enough for streams that may come."""
        return self.budget.can_spare(RECORDING_BYTES, given_bytes=self.given_bytes)

    @contextmanager
    def stream(self, need: StreamNeed) -> Iterator[None]:
        """Room for a stream inside the block. Raises `Overloaded` when there is none."""
        if self.relief.refuse and self.given_bytes:  # else there is nothing that could end and give memory back
            raise Overloaded(f"memory is short: {self._state()}", retry_after_s=RETRY_AFTER_S)
        if not self.budget.admits(need.total_bytes, given_bytes=self.given_bytes):
            raise Overloaded(
                f"a stream needs {_mb(need.total_bytes)} MB and {self._state()}; raise max_memory_mb, or close streams",
                retry_after_s=RETRY_AFTER_S,
            )
        self._streams += 1
        try:
            with self._given(need.total_bytes):
                yield
        finally:
            self._streams -= 1

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[Turn]:
        """Room for a recording inside the block; waits until there is some."""
        while self._in_hand and (
            self.relief.refuse or not self.budget.admits(RECORDING_BYTES, given_bytes=self.given_bytes)
        ):
            self._say_that_recordings_wait()
            await self._changed.wait()
        turn = Turn(self)
        self._in_hand[turn] = None
        try:
            with self._given(RECORDING_BYTES):
                yield turn
        finally:
            del self._in_hand[turn]
            self._changed.tell()

    async def wait_for(self, turn: Turn) -> None:
        """Return when that recording may take more memory; see `Turn`."""
        while self.relief.pause_folder and turn is not next(iter(self._in_hand)):
            await self._changed.wait()

    async def look(
        self, *, own_bytes: int | None, system_used_bytes: int | None = None, system_limit_bytes: int | None = None
    ) -> Relief:
        """Act on what is used now, `None` being unknown: this process's unique set, and what the system counts.

        Call it about once a second; it may take a thread's time to trim.
        """
        was = self.relief
        if system_limit_bytes is not None:
            self.budget = self._allowed.within(max(0, system_limit_bytes - self.not_ours_bytes))
        ours_bytes = None if own_bytes is None else max(0, own_bytes - self.not_ours_bytes)
        limit_bytes = max(1, self.budget.max_memory_bytes + self.budget.model_bytes)
        reading = MemoryReading(ours_bytes, limit_bytes, system_used_bytes, system_limit_bytes)
        now = self._relief.decide(reading)
        if self.pool.max_bytes != self.budget.pool_bytes:
            self.pool.max_bytes = self.budget.pool_bytes
        if now != was:
            why = f"{100 * (reading.share or 0):.0f} % of the memory is used: {self._state()}"
            _log.log(logging.WARNING if now.trim_pools else logging.INFO, "relief is now %s: %s", now, why)
            self.on_relief(now, why)
        self._changed.tell()
        if now.trim_pools:
            await self._trim(every_looks=LOOKS_BETWEEN_TRIMS, at_once=not was.trim_pools)
        elif self._in_hand and not self._streams:  # each thread's share of what is kept grows all along a job
            await self._trim(every_looks=LOOKS_BETWEEN_FOLDER_TRIMS)
        return now

    async def _trim(self, *, every_looks: int, at_once: bool = False) -> None:
        """Now and then, or at once, have the allocator give back what it keeps, and the pool while memory is short."""
        self._looks_since_trim += 1
        if at_once or self._looks_since_trim >= every_looks:
            self._looks_since_trim = 0
            if self.relief.trim_pools:
                self.pool.trim()
            await anyio.to_thread.run_sync(self._give_back)

    @contextmanager
    def _given(self, wanted_bytes: int) -> Iterator[None]:
        self.given_bytes += wanted_bytes
        try:
            yield
        finally:
            self.given_bytes -= wanted_bytes
            self._changed.tell()

    def _say_that_recordings_wait(self) -> None:
        if not self._has_said_so:
            self._has_said_so = True
            _log.info("recordings wait for memory: %s; raise max_memory_mb to have more at once", self._state())

    def _state(self) -> str:
        """What there is to give, and what is given."""
        return f"{_mb(self.given_bytes)} of {_mb(self.budget.room_bytes)} MB are given"


def unlimited() -> MemoryKeeper:
    """A keeper that lets everybody in: for tests, and for parts of the engine that are used alone."""
    return MemoryKeeper(MemoryBudget(1 << 62))


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / _MB:.1f}"
