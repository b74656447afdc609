"""Live streams with stages of a test's own, what is seen of them from outside, and fake ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray

from engine.inline_workers import InlineWorkers
from engine.stream import LiveStream
from engine.stream_options import StreamCounts, StreamOptions
from engine.stream_row import HopPlace, StreamRow
from engine.workers import Workers
from modules.audio.buffer import AudioBuffer
from modules.events import EventType, StreamEvent
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.hop import AnyStage, hops_of
from tests.virtual_time import now_s

RATE_HZ = 1_000
CHUNK = 100
"""Frames of a chunk in the streams made here, 0.1 s."""


class Means:
    """A `BatchStage`: the mean of each payload. It notes the size of every batch; `on_call` runs on the worker."""

    def __init__(self, on_call: Callable[[Sequence[AudioBuffer]], None] = lambda _: None) -> None:
        """Have seen nothing."""
        self.on_call = on_call
        self.batches: list[int] = []

    def process(self, batch: Sequence[AudioBuffer]) -> list[float]:
        """The means."""
        self.batches.append(len(batch))
        self.on_call(batch)
        return [float(payload.samples.mean()) for payload in batch]


@dataclass
class Made:
    """A stream with stages of the test's own on workers of its own, and what is seen from outside."""

    stream: LiveStream
    monitor: RealTimePerformanceMonitor
    left: list[str] = field(default_factory=list)


def make(stages: Sequence[AnyStage], workers: Workers | None = None, **options: Any) -> Made:  # noqa: ANN401 - any option
    """A stream at 1 kHz with chunks of 0.1 s on the loop's own clock."""
    monitor = RealTimePerformanceMonitor()
    row = [HopPlace(hop, workers or InlineWorkers(), hop.open()) for hop in hops_of(stages)]
    chosen = StreamOptions(**{"sample_rate": RATE_HZ, "chunk_s": CHUNK / RATE_HZ, **options})
    made = Made(
        LiveStream(chosen, StreamRow(row, monitor, clock=now_s), on_left=lambda: made.left.append("left")), monitor
    )
    return made


def noise(frames: int, seed: int = 0) -> NDArray[np.float32]:
    """Samples that are whole numbers, so that every sum is exact."""
    return np.random.default_rng(seed).integers(-100, 100, frames).astype(np.float32)


async def events_of(stream: LiveStream) -> list[StreamEvent]:
    """All events to the end."""
    return [event async for event in stream]


async def run_all(made: Made, samples: NDArray[np.float32], sizes: Sequence[int]) -> list[StreamEvent]:
    """Push the samples in pieces of these sizes, over and over, end, and give all events."""
    events: list[StreamEvent] = []
    async with made.stream as stream, anyio.create_task_group() as tasks:

        async def read() -> None:
            events.extend(await events_of(stream))

        tasks.start_soon(read)
        start, number = 0, 0
        while start < len(samples):
            size = sizes[number % len(sizes)]
            await stream.push(samples[start : start + size])
            start, number = start + size, number + 1
        stream.end_input()
    return events


def values(events: Sequence[StreamEvent]) -> list[Any]:
    """The values of the finals."""
    return [event.value for event in events if event.type is EventType.FINAL]


class FakeStream:
    """In the place of a `LiveStream`: notes what it is told, and did what a test says."""

    def __init__(self, priority: int = 0) -> None:
        """Served, as every stream is at first."""
        self.options = StreamOptions(16_000, priority=priority)
        self.counts = StreamCounts(0.0, 0, 0)
        self.is_suspended = False
        self.told: list[str] = []
        self.chunk_s = 0.0
        self.number = 0
        self.accepts: bool | None = None
        self.keeps_little = False

    def use_chunks_of(self, chunk_s: float, *, number: int) -> None:
        """Note the length, and the stream's own number."""
        self.chunk_s, self.number = chunk_s, number

    def accept_input(self, accepts: bool, *, little: bool = False) -> None:  # noqa: FBT001 - as `LiveStream`
        """Note it."""
        self.accepts, self.keeps_little = accepts, little

    def suspend(self) -> None:
        """Not served any more."""
        assert not self.is_suspended
        self.is_suspended = True
        self.told.append("suspend")

    def resume(self) -> None:
        """Served again."""
        assert self.is_suspended
        self.is_suspended = False
        self.told.append("resume")

    def did(self, *, pushed_s: float, chunks: int, on_time: int) -> None:
        """So much more was sent and answered."""
        counts = self.counts
        self.counts = StreamCounts(counts.pushed_s + pushed_s, counts.chunks + chunks, counts.on_time + on_time)

    def falls_behind(self, *, is_behind: bool = True) -> None:
        """More waits of it from now on than will ever be on time, or no longer."""
        self.counts = replace(self.counts, is_behind=is_behind)
