"""Worker threads: one dedicated pool that runs short synchronous calls for the event loop.

What runs next is decided by `ReadyQueue`; here are only the threads and the way back. A call is expected to end soon
(DESIGN, section 4). Cancelling one that runs tells it to stop and then waits for it: nobody else touches what it uses.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self, TypeVar

import anyio
import anyio.to_thread

from engine.awaited_work import awaited
from engine.shared_calls import FOLDER_WORK, CallTimes, Expired, Work, call_each, outcomes, untold, value
from modules.batching.ready_queue import BatchPlan, ReadyQueue
from modules.batching.waiting import FOLDER, Urgency
from modules.tuning.quota_pace import QuotaPace

Result = TypeVar("Result")

_JOIN_S = 5.0  # threads are daemons: one stuck in native code is left behind after this

PLAIN = "plain calls"
"""The kind of calls that share nothing."""

PLAIN_DEADLINE_S = 0.3
"""When the engine's own errands want to be done by: opening a model, closing a file."""


class Workers(Protocol):
    """What the engine needs of workers. All of it belongs to the event loop's thread."""

    async def run(
        self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None, is_folder: bool = False
    ) -> Result:
        """The result of `call`, or what it raised; when cancelled, `cancel` tells a running call to stop.

        With `is_folder` it has no deadline: it waits for idle time, and while folder work is paused.
        """
        ...

    def submit(self, work: Work) -> None:
        """Have the work done; it is told when it is over, never before this returns."""
        ...

    def withdraw(self, work: Work) -> bool:
        """Whether the work could be taken back before a worker began it; it is then never told."""
        ...


class WorkerThreads:
    """`count` threads with a queue of their own; use it as an async context manager.

    Leaving it waits for running calls, which should have been cancelled by then, and ends the threads.
    """

    def __init__(
        self, count: int, *, name: str = "onbeat-worker", on_call: Callable[[CallTimes], None] = lambda _: None
    ) -> None:
        """Prepare; the threads start on entering. `name` is what thread dumps show, with a number.

        `on_call` is told on the event loop of every call, before those who shared it are.
        """
        assert count >= 1, count
        self.count = count
        self.on_call = on_call
        self._name = name
        self._ready: ReadyQueue[Work] = ReadyQueue()
        self._changed = threading.Condition(threading.Lock())  # guards the queue, the claims and the counts
        self._idle = 0
        self._running = 0
        self._folder_running = 0
        self._trying: set[int] = set()
        self._max_running = count
        self._pace, self._work_share = QuotaPace(), 1.0
        self._is_closing = False
        self._finished: deque[Work | CallTimes] = deque()
        self._is_waking = False  # the loop has been told of finished work and has not looked yet
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = False

    def __repr__(self) -> str:
        """A line that says what the pool is doing."""
        state = "running" if self._is_open else "closed"
        return f"<WorkerThreads {self.count} {self._name}, {state}, {self._idle} idle, {len(self._ready)} waiting>"

    async def __aenter__(self) -> Self:
        """Start the threads."""
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._threads = [
            threading.Thread(target=self._work, args=(number,), name=f"{self._name}-{number}", daemon=True)
            for number in range(self.count)
        ]
        for thread in self._threads:
            thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads."""
        self._is_open = False
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._join)

    @property
    def plan(self) -> BatchPlan:
        """How much is taken at once; it may be swapped while the pool runs."""
        return self._ready.plan

    @plan.setter
    def plan(self, plan: BatchPlan) -> None:
        with self._changed:
            self._ready.plan = plan
            self._changed.notify_all()  # folder work may go on

    @property
    def max_running(self) -> int:
        """How many of the threads may run calls at once; it may be changed while the pool runs."""
        return self._max_running

    @max_running.setter
    def max_running(self, workers: int) -> None:
        assert 1 <= workers <= self.count, workers
        with self._changed:
            self._max_running = workers
            self._changed.notify_all()

    @property
    def work_share(self) -> float:
        """How much of a quota's period a worker may work; less than 1 where one would use the quota up."""
        return self._work_share

    @work_share.setter
    def work_share(self, share: float) -> None:
        assert 0 < share <= 1, share
        with self._changed:
            self._work_share = share
            self._changed.notify_all()

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return self._idle == self.count and not self._ready

    @property
    def waiting(self) -> int:
        """How much work waits for a worker."""
        return len(self._ready)

    @property
    def folder_waits(self) -> bool:
        """Whether work without a deadline waits."""
        return self._ready.folder_waits

    async def run(
        self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None, is_folder: bool = False
    ) -> Result:
        """The result of `call`, or what it raised; when cancelled, `cancel` tells a running call to stop.

        With `is_folder` it has no deadline: it waits for idle time, and while folder work is paused.
        """
        urgency = FOLDER_WORK if is_folder else Urgency(time.perf_counter() + PLAIN_DEADLINE_S)
        work = await awaited(self, Work(call_each, call, untold, urgency, PLAIN), cancel)
        result: Result = value(work.result)
        return result

    def submit(self, work: Work) -> None:
        """Have the work done; it is told when it is over, never before this returns."""
        if not self._is_open:
            raise RuntimeError("the workers are not running: use them inside their async with block")
        with self._changed:
            self._ready.put(work, work.kind, work.urgency, home=work.home)
            if self._idle:
                self._changed.notify()

    def withdraw(self, work: Work) -> bool:
        """Whether the work could be taken back before a worker began it; it is then never told."""
        with self._changed:
            was_free = _claim(work)
            if was_free and work.urgency.deadline_s == FOLDER:
                self._ready.forget(work, work.kind)  # live work is taken soon, and passed over then
            return was_free

    def _work(self, number: int) -> None:
        spent_s = time.thread_time()
        while works := self._next(number):
            taken_s, before_s = time.perf_counter(), spent_s
            results = outcomes(works[0].call, [work.payload for work in works])
            ended_s, spent_s = time.perf_counter(), time.thread_time()
            # what this thread has done since the last call, it did for this one: fewer, larger calls would save it
            times = CallTimes(works[0].kind, len(works), ended_s - taken_s, spent_s - before_s)
            for work, result in zip(works, results, strict=True):
                work.result, work.taken_s, work.ended_s, work.calls = result, taken_s, ended_s, len(works)
            self._finish(number, works, times)
            del works, results  # a waiting worker must not keep the last ones alive

    def _next(self, number: int) -> list[Work]:
        """The work to do together, when there is any; none when the pool is closing."""
        with self._changed:
            while True:
                rest_s = self._rest_s() if self._work_share < 1 else 0.0
                if rest_s <= 0 and (free := self._max_running - self._running) > 0:
                    now_s = time.perf_counter()
                    home = number if self._max_running == self.count else None
                    taken = self._ready.take(
                        free,
                        now_s=now_s,
                        folder_running=self._folder_running,
                        tries_running=len(self._trying),
                        home=home,
                    )
                    if expired := [work for work in taken.expired if _claim(work)]:
                        self._give_up(expired, now_s)
                    if works := [work for work in taken.batch if _claim(work)]:
                        self._running += 1
                        self._folder_running += taken.is_folder
                        if taken.is_try:
                            self._trying.add(number)
                        return works
                    if taken.batch or taken.expired:
                        continue
                if self._is_closing:
                    return []
                self._idle += 1
                self._changed.wait(rest_s if rest_s > 0 else None)
                self._idle -= 1

    def _rest_s(self) -> float:
        """For how long a quota has no room for a call."""
        return self._pace.next_s(self._work_share) - time.perf_counter()

    def _give_up(self, works: list[Work], now_s: float) -> None:
        for work in works:
            work.result, work.taken_s, work.ended_s = Expired(), now_s, now_s
        self._tell(works)

    def _finish(self, number: int, works: list[Work], times: CallTimes) -> None:
        with self._changed:
            self._running -= 1
            self._ready.ended(works[0].kind, calls=len(works), service_s=times.service_s)
            self._trying.discard(number)
            self._folder_running -= works[0].urgency.deadline_s == FOLDER
            if self._work_share < 1:
                self._pace.ended(works[0].taken_s, works[0].ended_s)
        self._tell([times, *works])

    def _tell(self, what: Sequence[Work | CallTimes]) -> None:
        """Queue what is to be told on the loop; one wake-up delivers all that waits."""
        self._finished.extend(what)
        if self._is_waking:
            return
        self._is_waking = True
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_waking = False  # before looking: work that ends from now on wakes the loop again
        try:
            while self._finished:
                told = self._finished.popleft()
                if isinstance(told, Work):
                    told.end()
                else:
                    self.on_call(told)
        finally:
            if self._finished:  # telling one of them raised: the others are still told
                self._tell(())

    def _join(self) -> None:
        deadline_s = time.monotonic() + _JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))


def _claim(work: Work) -> bool:
    was_free = not work.is_claimed
    work.is_claimed = True
    return was_free
