"""What the governor sees and what it decides: `Observation` in, `Decision` with the next `Plan` out. Frozen records.

Whatever was not measured is `None`, never 0. All go to JSON and back without loss (`json_records.py`), so that a log of
them can be replayed.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from modules.batching.live_chunks import LIVE_LENGTHS_S, LengthCost


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan may never exceed, and how fast it moves. One length in `lengths_s` fixes the chunk length.

    Ordinary moves come at most one in `period_s` seconds, and none on a knob that moved less than `dwell_periods` ago.
    """

    lengths_s: tuple[float, ...] = LIVE_LENGTHS_S
    max_workers: int = 1024
    max_streams: int = 1000
    period_s: float = 1.0
    dwell_periods: int = 2

    def __post_init__(self) -> None:
        if not self.lengths_s or list(self.lengths_s) != sorted(set(self.lengths_s)) or self.lengths_s[0] <= 0:
            raise ValueError(f"lengths_s must be seconds above 0, ascending, at least one, got {self.lengths_s}")
        for name in ("max_workers", "max_streams", "dwell_periods"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.period_s < math.inf:
            raise ValueError(f"period_s must be above 0 and finite, got {self.period_s}")

    def suspends(self, plan: "Plan") -> bool:
        """Whether a plan serves only some of the streams that may be open."""
        return plan.max_streams < self.max_streams

    def is_full(self, plan: "Plan") -> bool:
        """Whether a plan has no room: new streams are refused, or some are suspended."""
        return not plan.accepts_streams or self.suspends(plan)


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings in force. Batch caps are not among them: they follow from the cost model at every refit.

    - `chunk_s`: length of the chunks that live streams are cut into.
    - `workers`: worker threads that may run at once.
    - `max_streams`: streams that are served; those beyond it are suspended whole, the lowest priority first, of equals
      those that have fallen behind and then the newest.
    - `work_share`: the most of any tenth of a second that a worker works; less than 1 where a quota would be used up.
    - `folder_share`: the most of the workers' time that folder work may take, 0 (paused) to 1 (all that is idle).
    - `partials`: whether partial results are made.
    - `accepts_streams`: whether new streams are opened; else they get `Overloaded`.
    - `accepts_input`: whether samples are taken in; `False` only at the memory limit.
    """

    chunk_s: float
    workers: int
    max_streams: int
    folder_share: float = 1.0
    partials: bool = True
    accepts_streams: bool = True
    accepts_input: bool = True
    work_share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.chunk_s < math.inf:
            raise ValueError(f"chunk_s must be above 0 and finite, got {self.chunk_s}")
        if self.workers < 1 or self.max_streams < 0:
            raise ValueError(f"workers must be at least 1 and max_streams at least 0, got {self}")
        if not 0 <= self.folder_share <= 1:
            raise ValueError(f"folder_share must be 0 to 1, got {self.folder_share}")
        if not 0 < self.work_share <= 1:
            raise ValueError(f"work_share must be above 0 and at most 1, got {self.work_share}")


@dataclass(frozen=True, slots=True)
class LoadSeen:
    """What live streams asked for since the last observation, and what became of it.

    - `streams`, `admitted`: streams open now, and those of them that are served.
    - `audio_s`: seconds of audio per second that the admitted streams sent.
    - `chunks`, `on_time`: chunks of admitted streams that were answered, failed or dropped, and those on time. Without
      those that were late before they could begin, because their stream was behind: they tell of a time that is over.
    - `standing_queue_s`: the shortest wait for a worker that any live chunk had: a queue that never emptied (the
      "standing queue" of Nichols and Jacobson, Controlling Queue Delay, ACM Queue 10(5), 2012).
    """

    streams: int = 0
    admitted: int = 0
    audio_s: float | None = None
    chunks: int = 0
    on_time: int = 0
    standing_queue_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.admitted <= self.streams:
            raise ValueError(f"0 <= admitted <= streams is needed, got {self.admitted} of {self.streams}")
        if not 0 <= self.on_time <= self.chunks:
            raise ValueError(f"0 <= on_time <= chunks is needed, got {self.on_time} of {self.chunks}")


@dataclass(frozen=True, slots=True)
class ResourcesSeen:
    """What the machine gave since the last observation.

    `cpus` are the effective CPUs; `busy` the share of the workers' time they worked; `throttled` the share of quota
    periods in which this process was held back; `cpu_pressure` the share of time in which something waited for a CPU.
    """

    cpus: float | None = None
    busy: float | None = None
    throttled: float | None = None
    cpu_pressure: float | None = None
    memory_used_bytes: int | None = None
    memory_limit_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("cpus", "memory_limit_bytes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, or None when unknown, got {value}")
        for name in ("throttled", "cpu_pressure"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be a share from 0 to 1, or None when unknown, got {value}")

    @property
    def memory_share(self) -> float | None:
        """How much of the memory limit is used; `None` when either is unknown."""
        if self.memory_used_bytes is None or self.memory_limit_bytes is None:
            return None
        return self.memory_used_bytes / self.memory_limit_bytes


@dataclass(frozen=True, slots=True)
class Observation:
    """All that a decision is made from, at `now_s` of a clock that never goes back.

    `lengths` has the costs known, by chunk length; `folder_waits` says whether folder work would run if it could.
    """

    now_s: float
    load: LoadSeen = field(default_factory=LoadSeen)
    resources: ResourcesSeen = field(default_factory=ResourcesSeen)
    lengths: tuple[LengthCost, ...] = ()
    folder_waits: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.now_s):
            raise ValueError(f"now_s must be an instant in seconds, got {self.now_s}")


class Knob(StrEnum):
    """What a move changes: the field of the plan that has this name."""

    CHUNK = "chunk_s"
    WORKERS = "workers"
    STREAMS = "max_streams"
    FOLDER = "folder_share"
    WORK = "work_share"
    PARTIALS = "partials"
    ACCEPT_STREAMS = "accepts_streams"
    ACCEPT_INPUT = "accepts_input"


@dataclass(frozen=True, slots=True)
class Move:
    """One knob turned, and in one plain sentence what was seen, what was decided and why."""

    knob: Knob
    before: float
    after: float
    sentence: str

    def __post_init__(self) -> None:
        if self.before == self.after:
            raise ValueError(f"a move of {self.knob} must change it, got {self.before} twice")


@dataclass(frozen=True, slots=True)
class Decision:
    """The plan in force from `at_s` on, the moves that made it, and the rungs of the overload ladder it is on."""

    at_s: float
    plan: Plan
    moves: tuple[Move, ...] = ()
    rungs: tuple[str, ...] = ()
