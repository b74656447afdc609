"""How many calls a second the engine's workers give: two tasks a worker, so that none waits for the loop."""

import threading
import time
from collections.abc import Callable

import anyio

from engine.workers import WorkerThreads


async def rows_per_s(call: Callable[[], object], *, rows: int, workers: int, seconds: float) -> float:
    """Rows a second of calls of so many rows, on so many workers, over about so long. Raises what `call` does."""
    async with WorkerThreads(workers) as pool:
        await pool.run(call)
        return await rows_per_s_on(pool, call, rows=rows, seconds=seconds)


async def rows_per_s_on(pool: WorkerThreads, call: Callable[[], object], *, rows: int, seconds: float) -> float:
    """The same on workers that run already, and have nothing else to do.

    The sum of what each worker gives until its own last call: that another one has a call left is no time of its own.
    """
    done: dict[int, int] = {}
    ended_s: dict[int, float] = {}

    def counted() -> None:
        call()
        worker = threading.get_ident()
        done[worker] = done.get(worker, 0) + 1
        ended_s[worker] = time.perf_counter()

    async def keep_calling(until_s: float) -> None:
        while time.perf_counter() < until_s:
            await pool.run(counted)

    started_s = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(2 * pool.count):
            tasks.start_soon(keep_calling, started_s + seconds)
    return sum(count * rows / (ended_s[worker] - started_s) for worker, count in done.items())
