"""`StreamBook`: which live streams are open, which of them are served, and what they ask for."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from engine.stream import LiveStream
from modules.tuning.plan import LoadSeen, Plan


@dataclass(slots=True)
class _Entry:
    """A stream, and how far its counts were when they were looked at last."""

    stream: LiveStream
    number: int
    is_suspended: bool = False
    pushed_s: float = 0.0
    chunks: int = 0
    on_time: int = 0

    @property
    def order(self) -> tuple[int, bool, int]:
        """Who is served first: the higher priority, then who is not behind, then who came first."""
        return (-self.stream.options.priority, self.stream.counts.is_behind, self.number)


class StreamBook:
    """The open streams. On the event loop."""

    def __init__(self) -> None:
        """Start with none."""
        self._entries: dict[LiveStream, _Entry] = {}
        self._opened = 0
        self._plan: Plan | None = None
        self._keeps_little = False
        self._seen_s: float | None = None
        self._least_wait_s = math.inf

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LiveStream]:
        return iter(self._entries)

    @property
    def suspended(self) -> int:
        """How many are open and not served."""
        return sum(entry.is_suspended for entry in self._entries.values())

    def add(self, stream: LiveStream) -> None:
        """A stream was opened: it follows the plan in force."""
        self._opened += 1
        self._entries[stream] = _Entry(stream, self._opened)
        if self._plan is not None:
            stream.use_chunks_of(self._plan.chunk_s, number=self._opened)
            stream.accept_input(self._plan.accepts_input, little=self._keeps_little)
            self._admit(self._plan.max_streams)

    def remove(self, stream: LiveStream) -> None:
        """A stream is over: its place goes to the first that is not served."""
        self._entries.pop(stream, None)
        if self._plan is not None:
            self._admit(self._plan.max_streams)

    def waited(self, queue_s: float) -> None:
        """A chunk has waited so many seconds for a worker."""
        self._least_wait_s = min(self._least_wait_s, queue_s)

    def follow(self, plan: Plan) -> None:
        """Treat the streams as `plan` says: the first `max_streams` in order are served.

        Who has fallen behind comes last among those of a priority: it is late anyway, and those in its stead are not.
        """
        self._plan = plan
        for entry in self._entries.values():
            entry.stream.use_chunks_of(plan.chunk_s, number=entry.number)
            entry.stream.accept_input(plan.accepts_input, little=self._keeps_little)
        self._admit(plan.max_streams)

    def keep_little(self, is_little: bool) -> None:  # noqa: FBT001 - the one thing it says
        """Let little of each stream wait while memory is short, or again as much as its options allow."""
        self._keeps_little = is_little
        if self._plan is not None:
            self.follow(self._plan)

    def seen(self, now_s: float) -> LoadSeen:
        """What the streams sent and what became of it since this was asked last."""
        pushed_s = 0.0
        chunks = on_time = 0
        for entry in self._entries.values():
            counts = entry.stream.counts
            if not entry.is_suspended:
                pushed_s += counts.pushed_s - entry.pushed_s
                chunks += counts.chunks - entry.chunks
                on_time += counts.on_time - entry.on_time
            entry.pushed_s, entry.chunks, entry.on_time = counts.pushed_s, counts.chunks, counts.on_time
        period_s = None if self._seen_s is None else now_s - self._seen_s
        least_s, self._least_wait_s = self._least_wait_s, math.inf
        self._seen_s = now_s
        return LoadSeen(
            streams=len(self),
            admitted=len(self) - self.suspended,
            audio_s=pushed_s / period_s if period_s else None,
            chunks=chunks,
            on_time=on_time,
            standing_queue_s=least_s if least_s < math.inf else None,
        )

    def _admit(self, most: int) -> None:
        """Serve the first `most` streams and suspend the rest, where that is not so."""
        if len(self) <= most and not self.suspended:
            return
        in_order = sorted(self._entries.values(), key=lambda entry: entry.order)
        for place, entry in enumerate(in_order):
            if entry.is_suspended != (is_suspended := place >= most):
                entry.is_suspended = is_suspended
                if is_suspended:
                    entry.stream.suspend()
                else:
                    entry.stream.resume()
