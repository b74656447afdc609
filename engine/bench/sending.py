"""Sending by a schedule, from the generator's process to this event loop."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio
from anyio.abc import ByteReceiveStream, Process

from engine.bench import generator
from engine.bench.generator import HEAD, OVER, SAID, SEND
from modules.measuring.schedules import Schedule

LEAD_S: Final = 0.05
"""From the moment the generator knows the schedule to the start."""

OnSend = Callable[[int, int, float], None]
"""Told of the stream, the piece's number and the instant, of `time.perf_counter`, at which it was due."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What the generator says of itself: how late it was, in seconds, and the CPU time it used."""

    late_p50_s: float
    late_p99_s: float
    late_max_s: float
    cpu_s: float
    started_s: float


async def send(schedule: Schedule, on_send: OnSend, on_start: Callable[[float], None] = lambda _: None) -> Generated:
    """Have the generator send it all; `on_start` is told the instant of the start before the first piece is due.

    Raises `RuntimeError` when the generator dies.
    """
    sends = schedule.sends()
    told = HEAD.pack(LEAD_S, len(sends)) + b"".join(SEND.pack(each.at_s, each.stream, each.number) for each in sends)
    command = [sys.executable, "-I", "-S", str(generator.__file__)]
    async with await anyio.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None) as process:
        return await _received(process, told, on_send, on_start)


async def _received(process: Process, told: bytes, on_send: OnSend, on_start: Callable[[float], None]) -> Generated:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        await process.stdin.send(told)
    except anyio.BrokenResourceError as error:
        raise _died() from error
    rest, started_s = b"", None
    while True:
        rest += await _more(process.stdout)
        whole = len(rest) // SAID.size * SAID.size
        for place, (stream, number, due_s) in enumerate(SAID.iter_unpack(rest[:whole])):
            if stream == OVER:
                assert started_s is not None
                return await _last_words(process.stdout, rest[(place + 1) * SAID.size :], number, started_s)
            if started_s is None:
                started_s = due_s
                on_start(started_s)
            else:
                on_send(stream, number, due_s)
        rest = rest[whole:]


async def _last_words(stdout: ByteReceiveStream, said: bytes, length: int, started_s: float) -> Generated:
    while len(said) < length:
        said += await _more(stdout)
    words = json.loads(said[:length])
    late = words["late_s"]
    return Generated(late["p50"], late["p99"], late["max"], words["cpu_s"], started_s)


async def _more(stdout: ByteReceiveStream) -> bytes:
    try:
        return await stdout.receive(1 << 16)
    except anyio.EndOfStream as error:
        raise _died() from error


def _died() -> RuntimeError:
    return RuntimeError("the load generator ended before its schedule did; its stderr says why")
