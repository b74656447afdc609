"""`FilesAtOnce`: how many recordings are worked on at once.

As many as there are workers keep these busy. Where it is the voice detector that they wait for, and not a recogniser,
more of them make its calls cheaper: these are begun one by one, and not replaced when recognisers are short again.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio

MORE_A_WORKER = 7
"""Recordings beside each worker's own at most: a worker's calls of the detector then have eight rows."""


class FilesAtOnce:
    """Places for recordings, given out in the order in which they are asked for; an async context manager is one."""

    def __init__(
        self, workers: int = 1, *, is_held_up: Callable[[], bool] = lambda: True, has_to_learn: bool = True
    ) -> None:
        """Begin with a place for each worker; there are no more than these while `is_held_up` says so.

        Without `has_to_learn` it is known that recordings wait for nothing else: then more are begun at once.
        """
        self._has_to_learn = has_to_learn
        self._places = anyio.Semaphore(workers)
        self._most_more = MORE_A_WORKER * workers
        self._more = 0
        self._is_held_up = is_held_up

    def __repr__(self) -> str:
        return f"<FilesAtOnce {self._more} more, {self._places.value} free>"

    async def __aenter__(self) -> Self:
        """Take a place."""
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.release()

    async def acquire(self) -> None:
        """Wait for a place and take it."""
        if not self._has_to_learn and not self._places.value and self._may_be_more():
            self._add()
        await self._places.acquire()

    def release(self) -> None:
        """Give a place back; one of those there are more is given up when nobody waits for it, or it is of no use."""
        if self._more and not self._is_useful():
            self._more -= 1
        else:
            self._places.release()

    def searched(self) -> None:
        """A recording has been searched a little further: that is what they do, so one more may be begun."""
        if self._may_be_more() and self._is_useful():
            self._add()

    def _add(self) -> None:
        self._more += 1
        self._places.release()

    def _is_useful(self) -> bool:
        """Whether somebody waits for a place, and what is in hand does not wait for something else."""
        return self._places.statistics().tasks_waiting > 0 and not self._is_held_up()

    def _may_be_more(self) -> bool:
        return self._more < self._most_more and not self._is_held_up()
