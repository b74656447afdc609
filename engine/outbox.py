"""`Outbox`: the events of a stream between those who cause them and the one who reads them."""

import math
from collections import deque

from engine.changes import Changes
from modules.events import EventType, StreamEvent

MAX_UNREAD_EVENTS = 10_000
"""Events nobody has read; beyond these the stream waits for its reader before it goes on."""

SELDOM_S = 1.0
"""Seconds from one event that seldom wakes the reader to the next."""


class Outbox:
    """Events in order. A partial, or a drop right after a drop, takes the place of one that nobody has read."""

    def __init__(self) -> None:
        """Start empty."""
        self._events: deque[StreamEvent] = deque()
        self._told = Changes()
        self._woken_s = -math.inf

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_full(self) -> bool:
        """Whether its reader is so far behind that nothing new should begin."""
        return len(self._events) >= MAX_UNREAD_EVENTS

    def put(self, event: StreamEvent, *, seldom_at_s: float | None = None) -> None:
        """Add an event and wake its reader.

        For one with `seldom_at_s`, the instant now, the reader is woken when `SELDOM_S` have gone by since the last
        such; else it is read with whatever wakes the reader next.
        """
        last = self._events[-1] if self._events else None
        if last and event.type is last.type is EventType.PARTIAL:
            self._events.pop()
        elif last and event.type is last.type is EventType.DROPPED and not round(event.start_s - last.end_s, 6):
            self._events.pop()
            event = StreamEvent(event.type, last.start_s, event.end_s, samples=last.samples + event.samples)
        self._events.append(event)
        if seldom_at_s is not None:
            if seldom_at_s - self._woken_s < SELDOM_S:
                return
            self._woken_s = seldom_at_s
        self._told.tell()

    def take(self) -> StreamEvent:
        """The next event; there is one."""
        return self._events.popleft()

    def wake(self) -> None:
        """Let the reader look again: something else has changed."""
        self._told.tell()

    async def changed(self) -> None:
        """Wait for the next event or `wake`."""
        await self._told.wait()
