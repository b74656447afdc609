"""A trial: a schedule is sent to something that carries streams, and every piece's answer is timed from outside."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from engine.bench.sending import Generated, send
from modules.batching.live_chunks import LIVE_LENGTHS_S
from modules.errors import Overloaded
from modules.measuring.pieces import Moment, Outcome
from modules.measuring.schedules import Schedule
from modules.measuring.validity import doubts
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.resource_sampler import ResourceSampler

ALWAYS_OPEN_S = 0.0
"""Streams that open by then are open before anything is sent."""

COOL_DOWN_S = LIVE_LENGTHS_S[-1]
"""The end of a schedule that does not count: a chunk that begins there may not be whole when all is over."""


class Book(Protocol):
    """What keeps account: a `PieceBook`, or what knows as much in another way."""

    def sent(self, stream: int, number: int, due_s: float) -> None:
        """A piece is sent that was due at `due_s`."""
        ...

    def outcome(self, *, from_s: float, until_s: float) -> Outcome:
        """What became of the pieces due between these instants."""
        ...

    def moments(self, *, from_s: float, until_s: float) -> list[Moment]:
        """The same by when pieces were due."""
        ...


class Carrier(Protocol):
    """What is tried: it carries streams, and tells the trial's book of its answers."""

    async def open(self, stream: int) -> None:
        """Take the stream on. Raises `Overloaded` when it is refused: all it sends is then lost."""
        ...

    def push(self, stream: int, number: int, due_s: float) -> None:
        """Take a piece whose last sample was there at `due_s`."""
        ...

    async def close(self, stream: int) -> None:
        """The stream sends no more."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it; `outcome` is of the time after the warm-up, `moments` of the warm-up too, in seconds of it all.

    The cool-down is in neither. `doubts` say why it is not to be trusted.
    """

    outcome: Outcome
    moments: tuple[Moment, ...]
    generated: Generated
    seen: ResourceSample
    doubts: tuple[str, ...]
    refused: int = 0


@dataclass(slots=True)
class _Streams:
    """Which streams are open, and what was sent to those that are not yet."""

    carrier: Carrier
    schedule: Schedule
    book: Book
    open_now: set[int] = field(default_factory=set)
    waiting: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)

    async def open(self, stream: int) -> None:
        try:
            await self.carrier.open(stream)
        except Overloaded:
            self.refused.add(stream)
            self.waiting.pop(stream, None)
            return
        self.open_now.add(stream)
        for number, due_s in self.waiting.pop(stream, ()):
            self.carrier.push(stream, number, due_s)

    def sent(self, stream: int, number: int, due_s: float) -> None:
        self.book.sent(stream, number, due_s)
        if stream in self.open_now:
            self.carrier.push(stream, number, due_s)
        elif stream not in self.refused:
            self.waiting.setdefault(stream, []).append((number, due_s))

    async def follow(self, stream: int, started_s: float) -> None:
        """Open it when it opens, and close it when it closes, where that is not at the end."""
        sent = self.schedule.streams[stream]
        if sent.opens_s > ALWAYS_OPEN_S:
            await _until(started_s + sent.opens_s)
            await self.open(stream)
        if sent.closes_s < self.schedule.seconds and stream not in self.refused:
            await _until(started_s + sent.closes_s)
            self.open_now.discard(stream)
            await self.carrier.close(stream)


async def try_out(
    carrier: Carrier,
    schedule: Schedule,
    book: Book,
    *,
    warm_up_s: float,
    cool_down_s: float = COOL_DOWN_S,
    target_s: float = 0.3,
    on_start: Callable[[float], None] = lambda _: None,
    beside_cpu_s: Callable[[], float] = lambda: 0.0,
) -> Trial:
    """Send the schedule to the carrier, which answers to `book`; what is due between warm-up and cool-down counts.

    `beside_cpu_s` is the CPU time so far of processes that belong to the carrier and are no children of this one.
    """
    if warm_up_s + cool_down_s >= schedule.seconds:
        raise ValueError(
            f"a trial must be longer than its warm-up of {warm_up_s:g} s and cool-down of {cool_down_s:g} s, "
            f"got {schedule.seconds:g} s"
        )
    streams = _Streams(carrier, schedule, book)
    for number, sent in enumerate(schedule.streams):
        if sent.opens_s <= ALWAYS_OPEN_S:
            await streams.open(number)
    sampler = ResourceSampler(limits_period_s=0.5)
    sampler.sample(time.perf_counter())
    before_s = beside_cpu_s()
    async with anyio.create_task_group() as tasks:
        generated = await send(schedule, streams.sent, lambda started_s: _begin(streams, tasks, started_s, on_start))
        seen, ours_s = sampler.sample(time.perf_counter()), generated.cpu_s + beside_cpu_s() - before_s
        await anyio.sleep(target_s)
        tasks.cancel_scope.cancel()
    started_s = generated.started_s
    until_s = started_s + schedule.seconds - cool_down_s
    moments = book.moments(from_s=started_s, until_s=until_s)
    return Trial(
        outcome=book.outcome(from_s=started_s + warm_up_s, until_s=until_s),
        moments=tuple(Moment(each.at_s - started_s, each.sent, each.on_time) for each in moments),
        generated=generated,
        seen=seen,
        doubts=tuple(doubts(generated.late_p99_s, seen, ours=ours_s / (seen.period_s or 1.0))),
        refused=len(streams.refused),
    )


def _begin(streams: _Streams, tasks: TaskGroup, started_s: float, on_start: Callable[[float], None]) -> None:
    on_start(started_s)
    for number, sent in enumerate(streams.schedule.streams):
        if sent.opens_s > ALWAYS_OPEN_S or sent.closes_s < streams.schedule.seconds:
            tasks.start_soon(streams.follow, number, started_s)


async def _until(instant_s: float) -> None:
    await anyio.sleep(max(0.0, instant_s - time.perf_counter()))
