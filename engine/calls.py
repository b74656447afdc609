"""`Calls`: what is under way in a processor, so that leaving it can cancel all of it and wait for its end."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from engine.changes import Changes


class Calls:
    """The calls under way, so that leaving the processor can cancel them and wait for their end."""

    def __init__(self) -> None:
        """Start with none."""
        self._scopes: set[anyio.CancelScope] = set()
        self._changes = Changes()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count the caller as under way inside the block, which `stop` cancels."""
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
                self._changes.tell()

    async def stop(self) -> None:
        """Cancel all and return when the last has ended."""
        while self._scopes:
            for scope in self._scopes:
                scope.cancel()
            await self._changes.wait()
