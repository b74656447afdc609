"""Live streams each in a task of its own, which opens the stream, reads its events and leaves it, as an application's.

A task of its own it must be: an `async with` block is left by the task that entered it, in the order of entering.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Self

from engine.stream import LiveStream
from modules.events import StreamEvent

Opening = Callable[[], AbstractAsyncContextManager[LiveStream]]
OnEvent = Callable[[int, StreamEvent], None]


class StreamTasks:
    """Opens streams by number, passes on their events, and leaves them."""

    def __init__(self, opening: Opening, on_event: OnEvent = lambda *_: None) -> None:
        """`opening` makes a stream to enter; `on_event` is told of each event with the stream's number."""
        self._opening = opening
        self._on_event = on_event
        self._streams: dict[int, LiveStream] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        """Nothing is open yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave all streams."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._tasks.clear()
        self._streams.clear()

    def __getitem__(self, number: int) -> LiveStream:
        """The open stream of that number."""
        return self._streams[number]

    async def open(self, stream: int) -> None:
        """Open a stream. Raises what opening it does, such as `Overloaded`."""
        is_open: asyncio.Future[LiveStream] = asyncio.get_running_loop().create_future()
        self._tasks[stream] = asyncio.create_task(self._live(stream, is_open))
        try:
            self._streams[stream] = await is_open
        except BaseException:
            del self._tasks[stream]
            raise

    async def close(self, stream: int) -> None:
        """Leave the stream."""
        task = self._tasks.pop(stream)
        del self._streams[stream]
        task.cancel()
        await asyncio.wait({task})

    async def _live(self, number: int, is_open: "asyncio.Future[LiveStream]") -> None:
        try:
            async with self._opening() as stream:
                is_open.set_result(stream)
                async for event in stream:
                    self._on_event(number, event)
        except Exception as error:
            if is_open.done():
                raise
            is_open.set_exception(error)
