"""`Outbox`: the events of a stream between those who cause them and the one who reads them."""

from collections import deque
from dataclasses import replace

from engine.changes import Changes
from modules.events import EventType, StreamEvent

MAX_UNREAD_EVENTS = 10_000
"""Events nobody has read; beyond these the stream waits for its reader before it goes on."""


class Outbox:
    """Events in order. A partial, or a drop right after a drop, takes the place of one that nobody has read."""

    def __init__(self) -> None:
        """Start empty."""
        self._events: deque[StreamEvent] = deque()
        self._told = Changes()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_full(self) -> bool:
        """Whether its reader is so far behind that nothing new should begin."""
        return len(self._events) >= MAX_UNREAD_EVENTS

    def put(self, event: StreamEvent) -> None:
        """Add an event and wake its reader."""
        last = self._events[-1] if self._events else None
        if last and event.type is last.type is EventType.PARTIAL:
            self._events.pop()
        elif last and event.type is last.type is EventType.DROPPED and not round(event.start_s - last.end_s, 6):
            self._events.pop()
            event = replace(event, start_s=last.start_s, samples=last.samples + event.samples)
        self._events.append(event)
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
