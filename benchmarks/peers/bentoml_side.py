"""BentoML's adaptive dispatcher, by itself, with two threads behind it: `python -m` in its environment.

Its services put it in front of the methods that are `batchable`; here nothing else of a service is in the way.
"""

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from importlib.metadata import version

from bentoml._internal.marshal.dispatcher import CorkDispatcher, NonBlockSema

from benchmarks.peers.model import BareEncoder
from benchmarks.peers.wire import MAX_BATCH, TARGET_S, WORKERS, serve


async def main(model: str, path: str) -> None:
    """Serve the model at the socket."""
    encoder, pool, loop = BareEncoder(model), ThreadPoolExecutor(WORKERS), asyncio.get_running_loop()

    async def encode(batch: Sequence[bytes]) -> list[float]:
        return await loop.run_in_executor(pool, encoder, batch)

    dispatched = CorkDispatcher(
        max_latency_in_ms=round(TARGET_S * 1e3),
        max_batch_size=MAX_BATCH,
        shared_sema=NonBlockSema(WORKERS),
        fallback=lambda: None,
        get_batch_size=lambda _: 1,
    )(encode)

    async def answer(stream: int, sound: bytes, due_s: float) -> float | None:  # noqa: ARG001 - an answer's signature
        said: float | None = await dispatched(sound)
        return said

    settings = f"max_latency_ms {TARGET_S * 1e3:g}, max_batch_size {MAX_BATCH}, {WORKERS} threads"
    await serve(path, lambda: nullcontext(answer), version=version("bentoml"), settings=settings)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
