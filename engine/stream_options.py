"""What a live stream is made with, and what it counts."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from modules.audio.buffer import AudioBuffer
from modules.batching.waiting import IfLate, Urgency

OverloadPolicy = Literal["wait", "reject", "drop_oldest", "drop_newest"]

DEFAULT_CHUNK_S = 0.2
"""The chunk length that the engine begins with, in seconds: the grain of most recognisers."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream is treated. `deadline_s` is the chunk latency it asks for, `priority` counts before the deadline.

    With more than `max_buffered_s` seconds waiting, `push` waits, raises `Overloaded`, drops the oldest samples, or
    drops the new ones, by the `overload` policy. `chunk_s` fixes the chunk length in seconds; where it is `None` the
    engine chooses, and may change it.
    """

    sample_rate: int
    deadline_s: float = 0.3
    priority: int = 0
    overload: OverloadPolicy = "wait"
    max_buffered_s: float = 10.0
    chunk_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("deadline_s", "max_buffered_s", "chunk_s"):
            value = getattr(self, name)
            if not (value is None and name == "chunk_s") and not 0 < value < math.inf:
                raise ValueError(f"{name} must be more than 0 seconds and finite, got {value}")
        if self.overload not in get_args(OverloadPolicy):
            raise ValueError(f"overload must be wait, reject, drop_oldest or drop_newest, got {self.overload!r}")
        AudioBuffer.check_rate(self.sample_rate)

    def urgency(self, available_s: float, *, number: int = 0, is_end: bool = False) -> Urgency:
        """How urgent a chunk is whose last sample was there at `available_s`, or the end of the input.

        `number` is the stream's own: where not all can be on time, those that were opened last yield.
        """
        if_late: IfLate = "insist" if is_end else "drop" if self.overload == "drop_oldest" else "yield"
        return Urgency(available_s + self.deadline_s, self.priority, if_late, number)


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """How much a stream was sent in seconds, and its chunks: answered, failed or dropped, and those on time.

    Without chunks that were late before they could begin, the stream being behind; `is_behind` says that it is now.
    """

    pushed_s: float
    chunks: int
    on_time: int
    is_behind: bool = False


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """What became of a stream's samples and chunks so far; frames at the rate they were pushed with."""

    pushed_frames: int = 0
    waiting_frames: int = 0
    dropped_frames: int = 0
    answered_chunks: int = 0
    failed_chunks: int = 0
