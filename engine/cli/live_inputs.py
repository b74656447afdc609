"""Where live audio comes from: a file, raw PCM on stdin, a microphone. Each is read off the event loop."""

import os
import select
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread

from modules.audio.decode import open_audio
from modules.audio.microphone import open_microphone
from modules.audio.raw import raw_blocks
from modules.audio.source import Source

_BLOCK_S = 0.1
_LOOK_UP_S = 0.1  # how long a thread waits for stdin before it looks whether anybody still wants it


@dataclass(frozen=True, slots=True)
class OpenedInput:
    """An input that is open: its rate in Hz and its blocks, each of which can be pushed."""

    sample_rate: int
    blocks: AsyncIterator[Any]


@dataclass(frozen=True, slots=True)
class LiveInput:
    """An input to be opened; one that `is_unstoppable` goes on whether or not anybody keeps up."""

    opened: Callable[[], AbstractAsyncContextManager[OpenedInput]]
    is_unstoppable: bool = False


def file_input(source: Source, *, realtime: bool) -> LiveInput:
    """Any recording, as fast as it is taken, or no faster than it was spoken."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[OpenedInput]:
        stack = ExitStack()
        try:
            reader = await anyio.to_thread.run_sync(lambda: stack.enter_context(open_audio(source)))
            blocks = _each(reader.blocks(_BLOCK_S))
            yield OpenedInput(reader.sample_rate, _paced(blocks) if realtime else blocks)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(stack.close)

    return LiveInput(opened)


def raw_input(rate: int, channels: int) -> LiveInput:
    """Raw little-endian 16-bit PCM on stdin, passed on as it arrives."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[OpenedInput]:
        stdin = _Stdin()
        blocks = raw_blocks(stdin, rate, channels, block_s=_BLOCK_S)
        try:
            yield OpenedInput(rate, _each(blocks, abandon=True))
        finally:
            stdin.is_wanted = False

    return LiveInput(opened)


def microphone_input(rate: int) -> LiveInput:
    """The default microphone. Opening it raises `ConfigError` where sounddevice or a device is missing."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[OpenedInput]:
        with open_microphone(rate, block_s=_BLOCK_S) as blocks:
            yield OpenedInput(rate, _each(blocks))

    return LiveInput(opened, is_unstoppable=True)


class _Stdin:
    """Standard input, unbuffered; a thread that waits in `read` comes back soon after nobody wants it any more.

    One that stayed would keep the program from ending while whoever writes to it is silent.
    """

    def __init__(self) -> None:
        """Begin where nothing has been read."""
        self.is_wanted = True

    def read(self, size: int) -> bytes:
        """What is there, at most `size` bytes; nothing at the end."""
        file = sys.stdin.fileno()
        while self.is_wanted:
            if select.select([file], [], [], _LOOK_UP_S)[0]:
                return os.read(file, size)
        return b""


async def _each(blocks: Any, *, abandon: bool = False) -> AsyncIterator[Any]:  # noqa: ANN401 - any iterator of buffers
    """The blocks, each waited for on a thread, which a cancelled caller waits for unless it may be left behind."""
    while (block := await anyio.to_thread.run_sync(next, blocks, None, abandon_on_cancel=abandon)) is not None:
        yield block


async def _paced(blocks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Each block when its last sample would have been spoken."""
    started_s = anyio.current_time()
    async for block in blocks:
        await anyio.sleep_until(started_s + block.end_s)
        yield block
