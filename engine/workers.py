"""Worker threads: one dedicated pool that runs short synchronous calls for the event loop, and its inline twin.

What runs next is decided by `ReadyQueue`; here are only the threads and the way back. A call is expected to end soon
(DESIGN, section 4). Cancelling one that runs tells it to stop and then waits for it: nobody else touches what it uses.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from engine.shared_calls import Answer, Raised, SharedCall, call_each, outcomes
from modules.batching.ready_queue import BatchPlan, ReadyQueue, Urgency

Result = TypeVar("Result")

_JOIN_S = 5.0  # threads are daemons: one stuck in native code is left behind after this
_FOLDER_WORK = Urgency()
_ALONE = "alone"  # the kind of plain calls, each taken by itself


class Workers(Protocol):
    """What the engine needs of workers."""

    async def run(self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None) -> Result:
        """The result of `call`, or what it raised; when cancelled, `cancel` tells a running call to stop."""
        ...

    async def share(
        self,
        call: SharedCall,
        payload: object,
        *,
        urgency: Urgency = _FOLDER_WORK,
        cancel: Callable[[], None] | None = None,
    ) -> Answer[Any]:
        """What `call` gives for `payload`, run together with other payloads that wait for the same `call`."""
        ...


class InlineWorkers:
    """Workers that run a call on the spot: for tests and virtual time."""

    async def run(self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None) -> Result:
        """The result of `call`; other tasks get their turn first."""
        del cancel  # a call on the spot cannot be interrupted
        await anyio.lowlevel.checkpoint()
        return call()

    async def share(
        self,
        call: SharedCall,
        payload: object,
        *,
        urgency: Urgency = _FOLDER_WORK,
        cancel: Callable[[], None] | None = None,
    ) -> Answer[Any]:
        """What `call` gives for `payload` alone."""
        del urgency, cancel
        await anyio.lowlevel.checkpoint()
        (result,) = call([payload])
        if isinstance(result, Raised):
            raise result.error
        return Answer(result, 0.0, 0.0)


class _Job:
    """One payload on its way; `is_claimed` belongs to the pool's lock, `is_over` and `on_over` to the loop's thread."""

    __slots__ = (
        "call",
        "calls",
        "ended_s",
        "future",
        "is_claimed",
        "is_over",
        "on_over",
        "payload",
        "put_s",
        "result",
        "taken_s",
    )

    def __init__(self, call: SharedCall, payload: object, future: "asyncio.Future[Any]") -> None:
        self.call = call
        self.payload = payload
        self.future = future
        self.is_claimed = False
        self.is_over = False
        self.on_over: anyio.Event | None = None
        self.result: object = None
        self.put_s = time.perf_counter()
        self.taken_s = self.ended_s = 0.0
        self.calls = 1

    def deliver(self) -> None:
        """Hand the outcome to the waiter, or just say that the call has ended when the waiter was cancelled."""
        self.is_over = True
        if self.on_over is not None:
            self.on_over.set()
        if self.future.done():  # cancelled
            return
        if isinstance(self.result, Raised):
            self.future.set_exception(self.result.error)
        else:
            self.future.set_result(self.result)


class WorkerThreads:
    """`count` threads with a queue of their own; use it as an async context manager.

    Leaving it waits for running calls, which should have been cancelled by then, and ends the threads.
    """

    def __init__(self, count: int, *, name: str = "onbeat-worker") -> None:
        """Prepare; the threads start on entering. `name` is what thread dumps show, with a number."""
        assert count >= 1, count
        self.count = count
        self._name = name
        self._ready: ReadyQueue[_Job] = ReadyQueue()
        self._changed = threading.Condition(threading.Lock())  # guards the queue, the claims and the idle count
        self._idle = 0
        self._is_closing = False
        self._finished: deque[_Job] = deque()
        self._is_waking = False  # the loop has been told of finished jobs and has not looked yet
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        """A line that says what the pool is doing."""
        state = "running" if self._loop else "closed"
        return f"<WorkerThreads {self.count} {self._name}, {state}, {self._idle} idle, {len(self._ready)} waiting>"

    async def __aenter__(self) -> Self:
        """Start the threads."""
        self._loop = asyncio.get_running_loop()
        self._threads = [
            threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
            for number in range(self.count)
        ]
        for thread in self._threads:
            thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads."""
        self._loop = None
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._join)

    @property
    def plan(self) -> BatchPlan:
        """How many payloads may share a call, by call; it may be swapped while the pool runs."""
        return self._ready.plan

    @plan.setter
    def plan(self, plan: BatchPlan) -> None:
        with self._changed:
            self._ready.plan = plan

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return self._idle == self.count and not self._ready

    async def run(self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None) -> Result:
        """The result of `call`, or what it raised; when cancelled, `cancel` tells a running call to stop."""
        job = await self._answered(call_each, call, _ALONE, _FOLDER_WORK, cancel)
        return job.result  # type: ignore[return-value]  # what `call` gave

    async def share(
        self,
        call: SharedCall,
        payload: object,
        *,
        urgency: Urgency = _FOLDER_WORK,
        cancel: Callable[[], None] | None = None,
    ) -> Answer[Any]:
        """What `call` gives for `payload`, run together with other payloads that wait for the same `call`."""
        job = await self._answered(call, payload, call, urgency, cancel)
        return Answer(job.result, job.taken_s - job.put_s, job.ended_s - job.taken_s, job.calls)

    async def _answered(
        self, call: SharedCall, payload: object, kind: Hashable, urgency: Urgency, cancel: Callable[[], None] | None
    ) -> _Job:
        if self._loop is None:
            raise RuntimeError("the workers are not running: use them inside their async with block")
        job = _Job(call, payload, self._loop.create_future())
        with self._changed:
            self._ready.put(job, kind, urgency)
            if self._idle:
                self._changed.notify()
        try:
            await job.future
        except asyncio.CancelledError:
            if not self._withdraw(job):
                await self._stopped(job, cancel)
            raise
        return job

    def _withdraw(self, job: _Job) -> bool:
        """Whether the job could be taken back before a worker began it."""
        with self._changed:
            return self._claim(job)

    def _claim(self, job: _Job) -> bool:
        was_free = not job.is_claimed
        job.is_claimed = True
        return was_free

    async def _stopped(self, job: _Job, cancel: Callable[[], None] | None) -> None:
        """Tell a running call to stop and wait until it has."""
        if job.is_over:
            return
        job.on_over = anyio.Event()
        if cancel is not None:
            cancel()
        with anyio.CancelScope(shield=True):
            await job.on_over.wait()

    def _work(self) -> None:
        while jobs := self._next():
            taken_s = time.perf_counter()
            results = outcomes(jobs[0].call, [job.payload for job in jobs])
            ended_s = time.perf_counter()
            for job, result in zip(jobs, results, strict=True):
                job.result, job.taken_s, job.ended_s, job.calls = result, taken_s, ended_s, len(jobs)
            self._finish(jobs)
            del jobs, results  # a waiting worker must not keep the last ones alive

    def _next(self) -> list[_Job]:
        """The jobs to run together, when there are any; none when the pool is closing."""
        with self._changed:
            while True:
                while not self._ready:
                    if self._is_closing:
                        return []
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                if jobs := [job for job in self._ready.take(1 + self._idle) if self._claim(job)]:
                    return jobs

    def _finish(self, jobs: list[_Job]) -> None:
        """Queue the outcomes for the loop; one wake-up delivers all that are waiting."""
        self._finished.extend(jobs)
        if self._is_waking:
            return
        self._is_waking = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            jobs[0].future.get_loop().call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_waking = False  # before looking: a job that finishes from now on wakes the loop again
        while self._finished:
            self._finished.popleft().deliver()

    def _join(self) -> None:
        deadline_s = time.monotonic() + _JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
