"""What a side's process and the generator say to each other over a local socket, and how a side ends. No libraries.

A request is a `REQUEST` and the samples, 32-bit floats; its answer an `ANSWER`. What cannot be answered has no answer.
"""

import asyncio
import json
import os
import signal
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

REQUEST = struct.Struct("<IIId")
"""Number of the request, stream, bytes of sound, and the instant, of `time.perf_counter`, at which it was due."""
ANSWER = struct.Struct("<Id")
"""Number of the request, and what the model says."""

MAX_BATCH = 16
WORKERS = 2
TARGET_S = 0.3
WAIT_S = 0.01
"""For a batch to fill, where a server waits for that at all."""

Answer = Callable[[int, bytes, float], Awaitable[float | None]]
"""Told the stream, the sound and when it was due; gives what the model says, `None` where it gave up."""

Session = Callable[[], AbstractAsyncContextManager[Answer]]
"""What answers the requests of one connection."""


def announce(**facts: str) -> None:
    """Tell who started this process where it is to be found, and end with it; stdout is stderr from now on."""
    wire = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print(json.dumps(facts), file=wire, flush=True)
    threading.Thread(target=_end_with_stdin, daemon=True).start()


def _end_with_stdin() -> None:
    while os.read(0, 1 << 16):  # not sys.stdin, whose lock a process that is forked meanwhile would have for ever
        pass
    end(os.getpid())


def end(pid: int) -> None:
    """End a process and all that it has started, also those in groups of their own: none has anything to save."""
    for each in [*family(pid)][::-1]:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def family(pid: int) -> Iterator[int]:
    """A process and all that it has started, itself first."""
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


async def serve(path: str, session: Session, **facts: str) -> None:
    """Answer requests at the socket until this process is ended; `facts` are announced once it can be reached."""

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with session() as answer:
            await _serve_one(reader, writer, answer)

    server = await asyncio.start_unix_server(serve_one, path)
    announce(wire="socket", address=path, **facts)
    async with server:
        await server.serve_forever()


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    tasks: set[asyncio.Task[None]] = set()
    try:
        while True:
            number, stream, size, due_s = REQUEST.unpack(await reader.readexactly(REQUEST.size))
            sound = await reader.readexactly(size)
            _start(_answered(writer, number, answer(stream, sound, due_s)), tasks)
    except asyncio.IncompleteReadError:
        writer.close()
    finally:
        for task in tasks:
            task.cancel()


def _start(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:  # Any: what a coroutine is sent
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _answered(writer: asyncio.StreamWriter, number: int, found: Awaitable[float | None]) -> None:
    said = await found
    if said is not None:
        writer.write(ANSWER.pack(number, said))
