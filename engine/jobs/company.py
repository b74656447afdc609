"""`Company`: recordings are worked on side by side, but one that is blamed for a crash is worked on alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from engine.changes import Changes


class Company:
    """Who is at work on recordings. Of a crash while one is alone, nobody else is blamed."""

    def __init__(self) -> None:
        """Nobody is at work."""
        self._at_work = 0
        self._loners = 0
        self._turn = anyio.Lock()
        self._changes = Changes()

    def __repr__(self) -> str:
        return f"<Company {self._at_work} at work, {self._loners} alone or waiting to be>"

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        """Inside the block others may be at work, but none that must be alone; those that wait to be go first."""
        while self._loners:
            await self._changes.wait()
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            self._changes.tell()

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Inside the block nobody else is at work."""
        self._loners += 1
        try:
            async with self._turn:
                while self._at_work:
                    await self._changes.wait()
                yield
        finally:
            self._loners -= 1
            self._changes.tell()
