"""A side that says the sum of the samples: what a peer's program is, without a peer. Silence it gives up."""

import asyncio
import sys
from array import array
from contextlib import nullcontext

from benchmarks.peers.wire import serve


async def answer(stream: int, sound: bytes, due_s: float) -> float | None:  # noqa: ARG001 - an answer's signature
    """The sum, or nothing where that is 0; none that sounds like 99 is ever answered."""
    said = sum(array("f", sound))
    if said == 99:
        await asyncio.Event().wait()
    return said or None


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[2], lambda: nullcontext(answer), version="1.0", settings=f"model {sys.argv[1]}"))
