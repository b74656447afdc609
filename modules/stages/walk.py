"""`Walk`: where a stream's payload stands on its way through a row of hops, and what goes to which hop next. Pure."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from modules.stages.hop import END


class Walk:
    """One payload at a time, or the end of the stream, hop by hop; what leaves the last hop gathers in `outputs`."""

    def __init__(self, hops: int) -> None:
        """A row of so many hops; nothing is on its way."""
        assert hops >= 1, hops
        self._last = hops - 1
        self._pending: deque[tuple[int, Any]] = deque()
        self.hop = 0
        """Where `next` said it is."""
        self._payload: Any = None
        self._is_end = False
        self.outputs: list[Any] = []

    def begin(self, payload: Any) -> None:  # noqa: ANN401 - whatever the stages take; `END` ends hop after hop
        """Let `payload` enter the row, in which nothing is on its way."""
        assert not self._pending, self._pending
        self._pending.append((0, payload))
        self._is_end = payload is END
        self.outputs = []

    def next(self) -> tuple[int, Any] | None:
        """The number of a hop and what it is to be given now; nothing when all has passed."""
        if not self._pending:
            return None
        self.hop, self._payload = self._pending.popleft()
        return self.hop, self._payload

    @property
    def is_over(self) -> bool:
        """Whether what entered has passed all hops."""
        return not self._pending

    def answered(self, outputs: Iterable[Any]) -> None:
        """The hop gave these for what `next` said last: they go on, in order, and an end goes on behind them."""
        if self.hop == self._last:
            self.outputs += outputs
            return
        self._pending.extend((self.hop + 1, output) for output in outputs)
        self._pass_on_the_end()

    def failed(self) -> None:
        """The hop failed on it: all that came of the payload is given up, since that is answered whole or not at all.

        At the end only this is: what hops owe besides is kept, and the end still reaches the hops behind.
        """
        if not self._is_end:
            self._pending.clear()
        self._pass_on_the_end()

    def _pass_on_the_end(self) -> None:
        if self._payload is END and self.hop < self._last:
            self._pending.append((self.hop + 1, END))
