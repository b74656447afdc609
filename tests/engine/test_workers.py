"""Worker threads: what they run, what they hand back, and how a call that runs is cancelled."""

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from engine.inline_workers import InlineWorkers
from engine.shared_calls import FOLDER_WORK, CallTimes, Expired, Raised, SharedCall, Work
from engine.workers import PLAIN, WorkerThreads
from modules.batching.ready_queue import BatchPlan
from modules.batching.waiting import Urgency
from modules.tuning.quota_pace import PERIOD_S

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
    with pytest.raises(RuntimeError, match="async with"):
        WorkerThreads(1).submit(Asked(doubled, 1).work)


async def test_leaving_the_block_ends_the_threads() -> None:
    """No thread stays."""
    async with WorkerThreads(3, name="ending") as workers:
        await workers.run(lambda: None)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ending")]


async def test_the_pool_says_what_it_is_doing() -> None:
    """One line for a log."""
    async with WorkerThreads(2) as workers:
        assert re.fullmatch(r"<WorkerThreads 2 onbeat-worker, running, \d idle, 0 waiting>", repr(workers))


# Work that is handed in, and shared


class Asked:
    """Work on its way; it counts how often it is told that it is over."""

    def __init__(self, call: SharedCall, payload: object, urgency: Urgency = FOLDER_WORK, kind: str = "test") -> None:
        """Not handed in yet; it is told on the loop that runs."""
        self.told = 0
        self._over = anyio.Event()
        self.on_told: Callable[[Work], None] = lambda _: None
        self.work = Work(call, payload, self._tell, urgency, kind)

    def _tell(self, work: Work) -> None:
        assert work is self.work
        self.told += 1
        self.on_told(work)
        self._over.set()

    async def is_over(self) -> None:
        """Wait until it is told."""
        with anyio.fail_after(5):
            await self._over.wait()


@asynccontextmanager
async def held(workers: WorkerThreads) -> AsyncIterator[None]:
    """All workers are busy until the block is left; whatever is handed in meanwhile waits."""
    busy = [threading.Event() for _ in range(workers.count)]
    gate = threading.Event()

    def hold(began: threading.Event) -> None:
        began.set()
        gate.wait(5)

    async with anyio.create_task_group() as tasks:
        for began in busy:
            tasks.start_soon(workers.run, partial(hold, began))
        for began in busy:
            await workers_have(began)
        yield
        gate.set()


def doubled(payloads: Sequence[int]) -> list[int]:
    """A shared call."""
    return [2 * payload for payload in payloads]


async def test_work_of_one_kind_shares_a_call() -> None:
    """As many as the plan allows; each gets its own result and knows how many shared it."""
    calls: list[list[int]] = []

    def shared(payloads: Sequence[int]) -> list[int]:
        calls.append(list(payloads))
        return doubled(payloads)

    async with WorkerThreads(1) as workers:
        workers.plan = BatchPlan(caps={"test": 3})
        asked = [Asked(shared, number, Urgency(1.0)) for number in range(5)]
        async with held(workers):
            for each in asked:
                workers.submit(each.work)
            assert workers.waiting == 5
        for each in asked:
            await each.is_over()
    assert calls == [[0, 1, 2], [3, 4]]
    assert [each.work.result for each in asked] == [0, 2, 4, 6, 8]
    assert [each.work.calls for each in asked] == [3, 3, 3, 2, 2]
    assert all(each.work.put_s <= each.work.taken_s <= each.work.ended_s for each in asked)
    assert all(each.told == 1 for each in asked)


@pytest.mark.parametrize("gives", [[], [1, 2, 3]])
async def test_a_call_that_gives_another_number_of_results_fails_for_all_who_shared_it(gives: list[int]) -> None:
    """Nobody gets the result of another."""
    async with WorkerThreads(1) as workers:
        asked = Asked(lambda _: gives, 7)
        workers.submit(asked.work)
        await asked.is_over()
    assert isinstance(asked.work.result, Raised)
    assert re.search(rf"gave {len(gives)} results for 1 payloads", str(asked.work.result.error))


async def test_work_is_told_on_the_loop_and_never_while_it_is_handed_in() -> None:
    """However quick the worker is: who hands in may first remember what."""
    seen: list[tuple[str, int]] = []
    async with WorkerThreads(2) as workers:
        for number in range(200):
            over = anyio.Event()

            def told(_: Work, over: anyio.Event = over) -> None:
                seen.append(("told", threading.get_ident()))
                over.set()

            workers.submit(Work(doubled, number, told))
            seen.append(("handed in", threading.get_ident()))
            await over.wait()
    assert seen == [("handed in", threading.get_ident()), ("told", threading.get_ident())] * 200


async def test_work_that_was_withdrawn_never_runs_and_is_never_told() -> None:
    """It can be taken back until a worker has begun it, once."""
    ran: list[int] = []

    def shared(payloads: Sequence[int]) -> list[int]:
        ran.extend(payloads)
        return list(payloads)

    async with WorkerThreads(1) as workers:
        gone, stays = Asked(shared, 1), Asked(shared, 2)
        async with held(workers):
            workers.submit(gone.work)
            workers.submit(stays.work)
            assert workers.withdraw(gone.work)
            assert not workers.withdraw(gone.work)
        await stays.is_over()
        assert not workers.withdraw(stays.work)
        await workers.run(lambda: None)
    assert ran == [2]
    assert (gone.told, stays.told) == (0, 1)


async def test_work_that_may_be_dropped_and_cannot_be_on_time_has_expired() -> None:
    """Its call never runs; what is late and may not be dropped is done all the same."""
    ran: list[int] = []

    def shared(payloads: Sequence[int]) -> list[int]:
        ran.extend(payloads)
        return list(payloads)

    async with WorkerThreads(1) as workers:
        dropped = Asked(shared, 1, Urgency(time.perf_counter() - 1.0, if_late="drop"))
        late = Asked(shared, 2, Urgency(time.perf_counter() - 1.0, if_late="yield"))
        for asked in (dropped, late):
            workers.submit(asked.work)
            await asked.is_over()
    assert isinstance(dropped.work.result, Expired)
    assert dropped.work.service_s == 0
    assert dropped.work.queue_s >= 0
    assert late.work.result == 2
    assert ran == [2]
    assert (dropped.told, late.told) == (1, 1)


async def test_a_teller_that_raises_costs_nobody_else_the_news() -> None:
    """Neither one who is told of work nor one who is told of calls; the loop hears what they raised."""
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(str(context["exception"])))

    def on_call(times: CallTimes) -> None:
        if times.kind == "test":
            raise LookupError("on_call")

    def told(_: Work) -> None:
        raise LookupError("told")

    async with WorkerThreads(1, on_call=on_call) as workers:
        workers.plan = BatchPlan(default_cap=10)
        asked = [Asked(doubled, number, Urgency(1.0)) for number in range(3)]
        async with held(workers):
            workers.submit(asked[0].work)
            workers.submit(Work(doubled, 9, told, Urgency(1.0), "test"))
            workers.submit(asked[1].work)
        for each in asked[:2]:
            await each.is_over()
        workers.submit(asked[2].work)
        await asked[2].is_over()
    assert raised == ["on_call", "told", "on_call"]
    assert [each.work.result for each in asked] == [0, 2, 4]


async def test_every_call_is_told_before_those_who_shared_it() -> None:
    """With its kind, how many shared it, and the time it took by the clock and of a CPU."""
    seen: list[object] = []
    async with WorkerThreads(1, on_call=seen.append) as workers:
        workers.plan = BatchPlan(default_cap=10)
        asked = [Asked(doubled, number, Urgency(1.0)) for number in range(4)]
        async with held(workers):
            for each in asked:
                each.on_told = seen.append
                workers.submit(each.work)
        for each in asked:
            await each.is_over()
    holding, times, *works = seen
    assert isinstance(holding, CallTimes)
    assert holding.kind == PLAIN
    assert isinstance(times, CallTimes)
    assert (times.kind, times.calls) == ("test", 4)
    assert times.cpu_s >= 0
    assert times.service_s == pytest.approx(asked[0].work.service_s)
    assert works == [each.work for each in asked]


async def test_what_a_worker_does_between_calls_counts_for_the_call_that_follows() -> None:
    """Fewer and larger calls save it, so whoever sizes calls has to know: no CPU time of a worker is nobody's."""
    seen: list[CallTimes] = []
    async with WorkerThreads(1, on_call=seen.append) as workers:
        at_s = [await workers.run(time.thread_time) for _ in range(20)]
    assert sum(times.cpu_s for times in seen) >= at_s[-1] - at_s[0]


# How much runs


async def test_folder_work_that_is_paused_waits_and_nothing_else_does() -> None:
    """The engine's own calls and live work run on; the folder work runs once the plan allows it again."""
    order: list[str] = []
    with anyio.fail_after(5):
        async with WorkerThreads(2) as workers, anyio.create_task_group() as tasks:
            workers.plan = BatchPlan(max_folder_batches=0)
            tasks.start_soon(partial(workers.run, partial(order.append, "folder"), is_folder=True))
            await anyio.wait_all_tasks_blocked()
            assert await workers.run(lambda: "plain") == "plain"
            live = Asked(doubled, 4, Urgency(time.perf_counter() + 60))
            workers.submit(live.work)
            await live.is_over()
            assert live.work.result == 8
            assert (workers.waiting, workers.folder_waits, order) == (1, True, [])
            order.append("allowed")
            workers.plan = BatchPlan(max_folder_batches=1)
    assert order == ["allowed", "folder"]
    assert (workers.waiting, workers.folder_waits) == (0, False)


async def test_a_folder_call_that_is_cancelled_while_it_is_paused_never_runs() -> None:
    """Not even when folder work is allowed again; nor does it go on being counted."""
    ran: list[str] = []
    async with WorkerThreads(1) as workers:
        workers.plan = BatchPlan(max_folder_batches=0)
        with anyio.move_on_after(0):
            await workers.run(partial(ran.append, "never"), is_folder=True)
        assert (workers.waiting, workers.folder_waits) == (0, False)
        workers.plan = BatchPlan()
        await workers.run(partial(ran.append, "folder"), is_folder=True)
    assert ran == ["folder"]


class Gated:
    """A call for many threads that ends when `gate` is opened; `began` counts those that have begun."""

    def __init__(self) -> None:
        """None has begun."""
        self.gate = threading.Event()
        self.began = threading.Semaphore(0)

    def __call__(self) -> None:
        """Wait."""
        self.began.release()
        self.gate.wait(5)

    async def have_begun(self, calls: int) -> None:
        """Wait until so many more have begun."""
        for _ in range(calls):
            assert await anyio.to_thread.run_sync(partial(self.began.acquire, timeout=5))


async def test_no_more_batches_of_folder_work_run_at_once_than_the_plan_allows() -> None:
    """Also where there are workers enough; a batch that ends makes room for the next."""
    call = Gated()
    async with WorkerThreads(4) as workers, anyio.create_task_group() as tasks:
        workers.plan = BatchPlan(max_folder_batches=2)
        for _ in range(5):
            tasks.start_soon(partial(workers.run, call, is_folder=True))
        await call.have_begun(2)
        for _ in range(10):  # workers that have looked again
            await workers.run(lambda: None)
        assert workers.waiting == 3
        call.gate.set()
        await call.have_begun(3)


async def test_no_more_tries_of_a_larger_batch_run_at_once_than_the_plan_allows() -> None:
    """Of three workers one tries four, the others take the two that are proven; a try that ends makes room."""
    gated, sizes = Gated(), list[int]()

    def shared(payloads: Sequence[int]) -> list[int]:
        sizes.append(len(payloads))
        gated()
        return doubled(payloads)

    async with WorkerThreads(3) as workers:
        workers.plan = BatchPlan(caps={"test": 4}, proven={"test": 2}, max_tries=1)
        asked = [Asked(shared, number, Urgency(1.0)) for number in range(20)]
        async with held(workers):
            for each in asked:
                workers.submit(each.work)
        await gated.have_begun(3)
        assert sorted(sizes) == [2, 2, 4]
        gated.gate.set()
        for each in asked:
            await each.is_over()
        before, later = len(sizes), [Asked(shared, number, Urgency(1.0)) for number in range(12)]
        async with held(workers):
            for each in later:
                workers.submit(each.work)
        for each in later:
            await each.is_over()
    assert [each.work.result for each in asked] == [2 * number for number in range(20)]
    assert 4 in sizes[before:]


async def test_no_more_calls_run_at_once_than_may() -> None:
    """The limit may be raised while calls wait, and lowered; none is forgotten."""
    call = Gated()
    async with WorkerThreads(4) as workers:
        workers.max_running = 1
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(workers.run, call)
            await call.have_begun(1)
            assert (workers.waiting, workers.max_running) == (4, 1)
            workers.max_running = 3
            await call.have_begun(2)
            assert workers.waiting == 2
            workers.max_running = 1
            call.gate.set()
            await call.have_begun(2)
        assert await workers.run(lambda: 7) == 7


async def test_a_worker_rests_where_a_quota_would_run_out_and_does_all_it_is_given() -> None:
    """Of any stretch as long as a quota's period at most the share, and what one call is too long, is work."""
    ran: list[tuple[float, float]] = []

    def work() -> None:
        started_s = time.perf_counter()
        while time.perf_counter() < started_s + 0.01:
            pass
        ran.append((started_s, time.perf_counter()))

    async with WorkerThreads(1) as workers:
        workers.work_share = 0.3
        await asyncio.gather(*(workers.run(work) for _ in range(10)))
        assert len(ran) == 10
        for _, until_s in ran:
            from_s = until_s - PERIOD_S
            worked_s = sum(
                max(0.0, ended_s - max(started_s, from_s)) for started_s, ended_s in ran if ended_s <= until_s
            )
            assert worked_s <= 0.3 * PERIOD_S + max(ended_s - started_s for started_s, ended_s in ran)
        workers.work_share = 1.0
        await workers.run(work)


async def test_the_pool_knows_whether_it_is_idle() -> None:
    """It is when nothing runs and nothing waits."""
    async with WorkerThreads(2) as workers:
        async with held(workers):
            assert not workers.is_idle
        with anyio.fail_after(5):
            while not workers.is_idle:  # a worker tells of its last call before it goes to rest
                await anyio.lowlevel.checkpoint()


# The twin for tests


async def test_inline_workers_run_a_call_on_the_spot() -> None:
    """The twin for tests gives the same answer on the loop's own thread."""
    assert await InlineWorkers().run(threading.get_ident) == threading.get_ident()


async def test_inline_workers_do_work_at_the_loops_next_turn() -> None:
    """So it is told after it was handed in; until then it can be taken back."""
    workers = InlineWorkers()
    done, gone = Asked(doubled, 4), Asked(doubled, 5)
    for asked in (done, gone):
        workers.submit(asked.work)
    assert done.told == 0
    assert workers.withdraw(gone.work)
    await done.is_over()
    assert not workers.withdraw(done.work)
    assert (done.work.result, done.told, gone.told) == (8, 1, 0)


async def test_inline_workers_hand_on_what_a_call_raises() -> None:
    """In the place of the result."""

    def fail(_: Sequence[int]) -> list[int]:
        raise ZeroDivisionError("on purpose")

    asked = Asked(fail, 1)
    InlineWorkers().submit(asked.work)
    await asked.is_over()
    assert isinstance(asked.work.result, Raised)
    assert isinstance(asked.work.result.error, ZeroDivisionError)
