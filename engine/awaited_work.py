"""Work that a task waits for: taken back, or told to stop, when whoever waits is cancelled."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import anyio

from engine.shared_calls import Work


class WorkQueue(Protocol):
    """What of workers is needed for it."""

    def submit(self, work: Work) -> None:
        """Have the work done; it is told when it is over, never before this returns."""
        ...

    def withdraw(self, work: Work) -> bool:
        """Whether the work could be taken back before a worker began it; it is then never told."""
        ...


async def awaited(workers: WorkQueue, work: Work, cancel: Callable[[], None] | None = None) -> Work:
    """The same work when it is over; nobody else is told of it.

    Cancelled, it is taken back; what runs already is told to stop by `cancel`, and waited for: until then it may touch
    what it was given.
    """
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    work.told = lambda _: None if over.done() else over.set_result(None)
    workers.submit(work)
    try:
        await over
    except asyncio.CancelledError:
        if not workers.withdraw(work):
            await _stopped(work, cancel)
        raise
    return work


async def _stopped(work: Work, cancel: Callable[[], None] | None) -> None:
    """Tell running work to stop and wait until it has."""
    if work.is_over:
        return
    over = anyio.Event()
    work.told = lambda _: over.set()
    if cancel is not None:
        cancel()
    with anyio.CancelScope(shield=True):
        await over.wait()
