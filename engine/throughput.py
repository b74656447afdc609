"""How many calls a second the engine's workers give: two tasks a worker, so that none waits for the loop."""

import time
from collections.abc import Callable

import anyio

from engine.workers import WorkerThreads


async def rows_per_s(call: Callable[[], object], *, rows: int, workers: int, seconds: float) -> float:
    """Rows a second of calls of so many rows, on so many workers, over about so long. Raises what `call` does."""
    done = 0

    async def keep_calling(pool: WorkerThreads, until_s: float) -> None:
        nonlocal done
        while time.perf_counter() < until_s:
            await pool.run(call)
            done += 1

    async with WorkerThreads(workers) as pool:
        await pool.run(call)
        started_s = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(2 * workers):
                tasks.start_soon(keep_calling, pool, started_s + seconds)
        return done * rows / (time.perf_counter() - started_s)
