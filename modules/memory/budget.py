"""`MemoryBudget`: the sum of what the engine may hold, and who may still be let in. Pure: it is given every number.

The sum (DESIGN, section 5), beside what the process needs with nothing in hand:

    streams x (chunks in hand x chunk bytes + session bytes) + recordings x recording bytes + pool limit + model bytes

What a stream keeps waiting beyond the chunks in hand is not promised to it: it comes out of what is left over, and
back-pressure takes it away when that is gone (`modules/memory/relief.py`).
"""

import math
from dataclasses import dataclass, replace

BYTES_PER_SAMPLE = 4
CHUNKS_IN_HAND = 3
"""Of a stream that keeps up: one that fills, one on its way through the stages, what the stages keep of the last."""

RECORDING_BYTES = 16 * 2**20
"""What a recording holds while it is processed: a decoder with its tables, a block and its pieces, queued speech."""

SPARE_SHARE = 0.25
"""Of the room, what is left to streams that may come by recordings that could also be processed later."""


@dataclass(frozen=True, slots=True)
class StreamNeed:
    """What one live stream holds while it keeps up; `session_bytes` is what its stages remember of it."""

    chunk_bytes: int
    session_bytes: int
    chunks_in_hand: int = CHUNKS_IN_HAND

    def __post_init__(self) -> None:
        for name in ("chunk_bytes", "session_bytes", "chunks_in_hand"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")

    @classmethod
    def of(cls, *, sample_rate: int, chunk_s: float, session_bytes: int, channels: int = 1) -> "StreamNeed":
        """The need of a stream at `sample_rate` Hz in chunks of `chunk_s` seconds."""
        return cls(math.ceil(sample_rate * chunk_s) * channels * BYTES_PER_SAMPLE, session_bytes)

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.chunks_in_hand * self.chunk_bytes + self.session_bytes


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """What may be held beside the models: `max_memory_bytes`, less the idle process and the pool, is there to be given.

    `idle_bytes` is the unique set of the process with its models loaded and nothing in hand, less `model_bytes`.
    """

    max_memory_bytes: int
    pool_bytes: int = 0
    idle_bytes: int = 0
    model_bytes: int = 0

    def __post_init__(self) -> None:
        for name in ("max_memory_bytes", "pool_bytes", "idle_bytes", "model_bytes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")

    @property
    def room_bytes(self) -> int:
        """What streams and recordings may take together."""
        return max(0, self.max_memory_bytes - self.idle_bytes - self.pool_bytes)

    def sum_bytes(self, streams: int, need: StreamNeed, *, recordings: int = 0) -> int:
        """The whole sum, models and idle process included, with so many of each."""
        given = streams * need.total_bytes + recordings * RECORDING_BYTES
        return given + self.pool_bytes + self.idle_bytes + self.model_bytes

    def max_streams(self, need: StreamNeed, *, recordings: int = 0) -> int:
        """How many such streams fit beside so many recordings."""
        left = self.room_bytes - recordings * RECORDING_BYTES
        return max(0, left // max(1, need.total_bytes))

    def admits(self, wanted_bytes: int, *, given_bytes: int) -> bool:
        """Whether `wanted_bytes` more may be given when so many are; something always may when nothing is.

        A budget that lets nobody in would be of no use to anybody.
        """
        return not given_bytes or given_bytes + wanted_bytes <= self.room_bytes

    def can_spare(self, wanted_bytes: int, *, given_bytes: int) -> bool:
        """Whether `wanted_bytes` more leave streams that may come their share of the room."""
        return given_bytes + wanted_bytes <= (1 - SPARE_SHARE) * self.room_bytes

    def within(self, limit_bytes: int) -> "MemoryBudget":
        """The budget that is left when the whole process may have `limit_bytes`; the pool shrinks in proportion."""
        beside = max(0, limit_bytes - self.model_bytes)
        if beside >= self.max_memory_bytes:
            return self
        pool_bytes = self.pool_bytes * beside // self.max_memory_bytes
        return replace(self, max_memory_bytes=beside, pool_bytes=pool_bytes)
