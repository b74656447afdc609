"""Ctrl-C and SIGTERM: the first one cancels and lets what is finished be written, a second one ends the program."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from engine.cli.exits import Exit, Interrupted
from engine.cli.terminal import show_cursor
from engine.failures import first_error

GRACE_S = 1.5
"""What native code gets to come back in, such as a model that is being loaded; then the program ends without it."""

DRAIN_S = 0.5
"""What recordings in hand get to come to their end; then what they have finished is saved and the rest given up."""

_STEPS = 10

_CODES = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}

Answer = TypeVar("Answer")


def run_interruptible(main: Callable[[], Awaitable[Answer]], *, drain: Callable[[], None] | None = None) -> Answer:
    """The answer of `main`, run in an event loop. Raises `Interrupted` when a signal ended it, after its clean-up.

    With `drain` it is told first to begin nothing more, and is cancelled if it is not over `DRAIN_S` later.
    """
    return anyio.run(_guarded, main, drain)


async def _guarded(main: Callable[[], Awaitable[Answer]], drain: Callable[[], None] | None) -> Answer:
    code: Exit | None = None

    async def watch(scope: anyio.CancelScope) -> None:
        nonlocal code
        with anyio.open_signal_receiver(*_CODES) as signals:
            async for received in signals:
                if code is not None:
                    _leave(code)
                code = _CODES[received]
                tasks.start_soon(_leave_after_grace, code)
                if drain is None:
                    scope.cancel()
                else:
                    drain()
                    tasks.start_soon(_cancel_later, scope)

    with first_error():
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as scope:
                tasks.start_soon(watch, scope)
                answer = await main()
            tasks.cancel_scope.cancel()
    if code is not None:
        raise Interrupted(code)
    return answer


async def _cancel_later(scope: anyio.CancelScope) -> None:
    await _passed(DRAIN_S)
    scope.cancel()


async def _leave_after_grace(code: Exit) -> None:
    await _passed(GRACE_S)
    _leave(code)


async def _passed(seconds: float) -> None:
    """Return after that time, of which hardly any passes while the program is stopped or gets no processor."""
    for _ in range(_STEPS):
        await anyio.sleep(seconds / _STEPS)


def _leave(code: Exit) -> None:
    """End at once: every line of results that was written is whole, and child processes end with their pipes."""
    sys.stdout.flush()
    sys.stderr.flush()
    show_cursor()
    os._exit(code)
