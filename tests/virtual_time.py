"""Time that jumps: an event loop whose clock goes straight to the next timer, and workers that take as long as drawn.

What would take an hour takes as long as its Python does, and the same seed gives the same run. A program in which every
task waits for ever raises instead of hanging.
"""

import asyncio
import random
import selectors
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio

from engine.shared_calls import Work, outcomes
from modules.batching.waiting import Urgency

Result = TypeVar("Result")


class NothingLeft(RuntimeError):
    """Every task waits, and no timer is set: without threads nothing can happen any more."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that never sleeps: when nothing is ready its clock jumps to the next timer."""

    def __init__(self) -> None:
        """Start at 0 s."""
        self.now_s = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """The virtual clock."""
        return self.now_s


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise NothingLeft("every task waits and no timer is set")
        if not ready and timeout:
            self._loop.now_s += timeout
        return ready


def run_virtually(main: Callable[[], Awaitable[Result]]) -> Result:
    """The result of `main`, run in a loop of virtual time."""
    return anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})


def now_s() -> float:
    """The clock of the loop that runs, for whoever wants one as an argument."""
    return asyncio.get_running_loop().time()


class SlowWorkers:
    """`InlineWorkers` on which each call takes a time drawn from a seed; they count what is under way and are fair.

    They remember the urgency of every shared call.
    """

    def __init__(self, seed: int, *, max_s: float = 0.5) -> None:
        """Take up to `max_s` virtual seconds a call."""
        self._chance = random.Random(seed)
        self._max_s = max_s
        self.under_way = 0
        self.cancelled = 0
        self.urgencies: list[Urgency] = []

    async def run(
        self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None, is_folder: bool = False
    ) -> Result:
        """The result of `call`, after a while."""
        del is_folder
        await self._take_time(cancel)
        return call()

    def submit(self, work: Work) -> None:
        """Do the work, alone, after a while."""
        self.urgencies.append(work.urgency)
        seconds = self._chance.random() * self._max_s
        self.under_way += 1
        asyncio.get_running_loop().call_later(seconds, self._do, work)

    def withdraw(self, work: Work) -> bool:
        """Whether it was not done yet."""
        if work.is_claimed:
            return False
        work.is_claimed = True
        self.under_way -= 1
        self.cancelled += 1
        return True

    def _do(self, work: Work) -> None:
        if work.is_claimed:
            return
        work.is_claimed = True
        self.under_way -= 1
        (work.result,) = outcomes(work.call, [work.payload])
        work.end()

    async def _take_time(self, cancel: Callable[[], None] | None) -> float:
        seconds = self._chance.random() * self._max_s
        self.under_way += 1
        try:
            await anyio.sleep(seconds)
        except BaseException:
            self.cancelled += 1
            if cancel:
                cancel()
            raise
        finally:
            self.under_way -= 1
        return seconds


OPTIONS: Mapping[str, Any] = {"loop_factory": VirtualTimeLoop}
"""The options of anyio's asyncio backend that give a test virtual time."""
