"""Worker threads: one dedicated pool that runs short synchronous calls for the event loop, and its inline twin.

A call is expected to end soon (DESIGN, section 4: calls short enough that nothing waits long for them). Cancelling one
that runs tells it to stop and then waits for it: nobody else ever touches what it uses.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

Result = TypeVar("Result")

_JOIN_S = 5.0  # threads are daemons: one stuck in native code is left behind after this


class Workers(Protocol):
    """What the engine needs of workers."""

    @property
    def count(self) -> int:
        """How many calls can run at once."""
        ...

    async def run(self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None) -> Result:
        """The result of `call`, or what it raised; when cancelled, `cancel` tells a running call to stop."""
        ...


class InlineWorkers:
    """Workers that run a call on the spot: for tests and virtual time."""

    count = 1

    async def run(self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None) -> Result:
        """The result of `call`; other tasks get their turn first."""
        del cancel  # a call on the spot cannot be interrupted
        await anyio.lowlevel.checkpoint()
        return call()


class _Job(Generic[Result]):
    """One call on its way; `is_started` belongs to the pool's lock, `is_over` and `on_over` to the loop's thread."""

    __slots__ = ("call", "error", "future", "is_over", "is_started", "on_over", "result")

    def __init__(self, call: Callable[[], Result], future: "asyncio.Future[Result]") -> None:
        self.call = call
        self.future = future
        self.is_started = False
        self.is_over = False
        self.on_over: anyio.Event | None = None
        self.result: Result | None = None
        self.error: BaseException | None = None

    def execute(self) -> None:
        """Run the call; what it raises is kept for the one who waits."""
        try:
            self.result = self.call()
        except BaseException as error:  # noqa: BLE001 - delivered to the waiter, never swallowed
            self.error = error

    def deliver(self) -> None:
        """Hand the outcome to the waiter, or just say that the call has ended when the waiter was cancelled."""
        self.is_over = True
        if self.on_over is not None:
            self.on_over.set()
        if self.future.done():  # cancelled
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # set unless there is an error


class WorkerThreads:
    """`count` threads with a queue of their own; use it as an async context manager.

    Leaving it waits for running calls, which should have been cancelled by then, and ends the threads.
    """

    def __init__(self, count: int, *, name: str = "onbeat-worker") -> None:
        """Prepare; the threads start on entering. `name` is what thread dumps show, with a number."""
        assert count >= 1, count
        self.count = count
        self._name = name
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._claim = threading.Lock()  # decides between a worker that starts a job and a waiter that withdraws it
        self._finished: deque[_Job[Any]] = deque()
        self._is_waking = False  # the loop has been told of finished jobs and has not looked yet
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        """A line that says what the pool is doing."""
        state = "running" if self._loop else "closed"
        return f"<WorkerThreads {self.count} {self._name}, {state}, {self._jobs.qsize()} waiting>"

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
        for _ in self._threads:
            self._jobs.put(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._join)

    async def run(self, call: Callable[[], Result], *, cancel: Callable[[], None] | None = None) -> Result:
        """The result of `call`, or what it raised; when cancelled, `cancel` tells a running call to stop."""
        if self._loop is None:
            raise RuntimeError("the workers are not running: use them inside their async with block")
        future: asyncio.Future[Result] = self._loop.create_future()
        job = _Job(call, future)
        self._jobs.put(job)
        try:
            return await future
        except asyncio.CancelledError:
            if not self._withdraw(job):
                await self._stopped(job, cancel)
            raise

    def _withdraw(self, job: _Job[Any]) -> bool:
        """Whether the job could be taken back before a worker began it."""
        with self._claim:
            taken_back = not job.is_started
            job.is_started = True
        return taken_back

    async def _stopped(self, job: _Job[Any], cancel: Callable[[], None] | None) -> None:
        """Tell a running call to stop and wait until it has."""
        if job.is_over:
            return
        job.on_over = anyio.Event()
        if cancel is not None:
            cancel()
        with anyio.CancelScope(shield=True):
            await job.on_over.wait()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self._withdraw(job):
                continue
            job.execute()
            self._finish(job)
            job = None  # a waiting worker must not keep the last result alive

    def _finish(self, job: _Job[Any]) -> None:
        """Queue the outcome for the loop; one wake-up delivers all that are waiting."""
        self._finished.append(job)
        if self._is_waking:
            return
        self._is_waking = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            job.future.get_loop().call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_waking = False  # before looking: a job that finishes from now on wakes the loop again
        while self._finished:
            self._finished.popleft().deliver()

    def _join(self) -> None:
        deadline_s = time.monotonic() + _JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
