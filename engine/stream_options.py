"""What a live stream is made with, and what it counts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.shared_calls import Answer
from engine.workers import Workers
from modules.audio.buffer import AudioBuffer
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.hop import Hop, HopSession

OverloadPolicy = Literal["wait", "reject", "drop_oldest", "drop_newest"]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream is treated. `deadline_s` is the chunk latency it asks for, `priority` counts before the deadline.

    With more than `max_buffered_s` seconds waiting, `push` waits, raises `Overloaded`, drops the oldest samples, or
    drops the new ones, by the `overload` policy. `chunk_s` is the chunk length in seconds.
    """

    sample_rate: int
    deadline_s: float = 0.3
    priority: int = 0
    overload: OverloadPolicy = "wait"
    max_buffered_s: float = 10.0
    chunk_s: float = 0.2

    def __post_init__(self) -> None:
        for name, lowest in (("deadline_s", 0.0), ("max_buffered_s", 0.0), ("chunk_s", 0.0)):
            if not getattr(self, name) > lowest:
                raise ValueError(f"{name} must be above {lowest}, got {getattr(self, name)}")
        if self.overload not in ("wait", "reject", "drop_oldest", "drop_newest"):
            raise ValueError(f"overload must be wait, reject, drop_oldest or drop_newest, got {self.overload!r}")
        AudioBuffer.check_rate(self.sample_rate)

    @property
    def max_buffered_frames(self) -> int:
        """The limit on waiting samples, never less than a chunk."""
        return round(max(self.max_buffered_s, self.chunk_s) * self.sample_rate)

    @property
    def chunk_frames(self) -> int:
        """The length of a chunk in frames."""
        return max(1, round(self.chunk_s * self.sample_rate))


@dataclass(frozen=True, slots=True)
class StreamRow:
    """The hops a stream's chunks pass, each with the workers it runs on and the stream's own session in it."""

    hops: Sequence[tuple[Hop, Workers, HopSession]]
    monitor: RealTimePerformanceMonitor
    served: Callable[[Hop, Answer[Any]], None] = lambda _hop, _answer: None
    """Told of every hop: what it waited and what it took."""
    clock: Callable[[], float] = time.perf_counter


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """What became of a stream's samples and chunks so far; frames at the rate they were pushed with."""

    pushed_frames: int = 0
    waiting_frames: int = 0
    dropped_frames: int = 0
    answered_chunks: int = 0
    failed_chunks: int = 0
