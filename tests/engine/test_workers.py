"""Worker threads: what they run, what they hand back, and how a call that runs is cancelled."""

import asyncio
import re
import threading
from functools import partial

import anyio
import anyio.to_thread
import pytest

from engine.workers import InlineWorkers, WorkerThreads

pytestmark = pytest.mark.anyio


async def test_a_call_runs_on_a_named_worker_thread() -> None:
    """Thread dumps show whose thread it is."""
    async with WorkerThreads(2) as workers:
        name = await workers.run(lambda: threading.current_thread().name)
    assert name.startswith("onbeat-worker-")


async def test_what_a_call_raises_reaches_its_caller_alone() -> None:
    """The neighbours succeed."""

    def fail() -> None:
        raise ZeroDivisionError("on purpose")

    async with WorkerThreads(1) as workers:
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            await workers.run(fail)
        assert await workers.run(lambda: 7) == 7


async def test_every_one_of_many_calls_is_answered_with_its_own_result() -> None:
    """No wake-up is lost between threads that finish at the same moment."""
    async with WorkerThreads(4) as workers:
        answers = await asyncio.gather(*(workers.run(partial(int, n)) for n in range(5_000)))
    assert answers == list(range(5_000))


async def test_as_many_calls_run_at_once_as_there_are_workers() -> None:
    """Two calls that wait for each other both run; with one worker they would wait for ever."""
    meeting = threading.Barrier(2, timeout=5)
    async with WorkerThreads(2) as workers, anyio.create_task_group() as tasks:
        tasks.start_soon(workers.run, meeting.wait)
        tasks.start_soon(workers.run, meeting.wait)


async def test_a_cancelled_call_that_has_not_begun_never_runs() -> None:
    """It is taken back from the queue."""
    gate, ran = threading.Event(), []
    async with WorkerThreads(1) as workers, anyio.create_task_group() as tasks:
        tasks.start_soon(workers.run, lambda: gate.wait(5))
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0):
            await workers.run(lambda: ran.append("never"))
        gate.set()
        await workers.run(lambda: None)
    assert ran == []


async def test_a_cancelled_call_that_runs_is_told_to_stop_and_waited_for() -> None:
    """When the cancelled caller goes on, nothing uses what the call used."""
    begun, stop, over = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        stop.wait(5)
        over.append("over")

    async with WorkerThreads(1) as workers, anyio.create_task_group() as tasks:

        async def call() -> None:
            try:
                await workers.run(work, cancel=stop.set)
            finally:
                assert over == ["over"]

        tasks.start_soon(call)
        await workers_have(begun)
        tasks.cancel_scope.cancel()
    assert over == ["over"]


async def workers_have(event: threading.Event) -> None:
    """Wait for a thread without blocking the loop."""
    await anyio.to_thread.run_sync(event.wait)


async def test_calling_a_pool_that_is_not_running_is_an_error() -> None:
    """The message says what to do."""
    with pytest.raises(RuntimeError, match="async with"):
        await WorkerThreads(1).run(lambda: None)


async def test_leaving_the_block_ends_the_threads() -> None:
    """No thread stays."""
    async with WorkerThreads(3, name="ending") as workers:
        await workers.run(lambda: None)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ending")]


async def test_the_pool_says_what_it_is_doing() -> None:
    """One line for a log."""
    async with WorkerThreads(2) as workers:
        assert re.fullmatch(r"<WorkerThreads 2 onbeat-worker, running, \d idle, 0 waiting>", repr(workers))


async def test_inline_workers_run_a_call_on_the_spot() -> None:
    """The twin for tests gives the same answer on the loop's own thread."""
    assert await InlineWorkers().run(threading.get_ident) == threading.get_ident()
