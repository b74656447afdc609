"""`InlineWorkers`: the twin of `WorkerThreads` that runs a call on the spot, for tests and virtual time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import anyio.lowlevel

from engine.shared_calls import Work, outcomes

Result = TypeVar("Result")


class InlineWorkers:
    """Workers that run every call on the event loop, one after the other."""

    async def run(
        self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None, is_folder: bool = False
    ) -> Result:
        """The result of `call`; other tasks get their turn first."""
        del cancel, is_folder  # a call on the spot can neither be interrupted nor wait
        await anyio.lowlevel.checkpoint()
        return call()

    def submit(self, work: Work) -> None:
        """Do the work, alone, at the loop's next turn."""
        asyncio.get_running_loop().call_soon(self._do, work)

    def withdraw(self, work: Work) -> bool:
        """Whether its turn has not come."""
        was_free = not work.is_claimed
        work.is_claimed = True
        return was_free

    def _do(self, work: Work) -> None:
        if self.withdraw(work):
            (work.result,) = outcomes(work.call, [work.payload])
            work.end()
