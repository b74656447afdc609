"""`EngineState`: what the engine tells the monitor with each tick. What it does not say is unknown, never 0."""

from dataclasses import dataclass, field, fields

from modules.monitoring.pressure import ResourceSample


@dataclass(frozen=True, slots=True)
class BatchState:
    """How calls of one kind, a hop by its name, share model calls: of late, at most, and where more stops paying."""

    kind: str
    mean_batch: float | None = None
    cap: int | None = None
    knee: int | None = None

    def __post_init__(self) -> None:
        _refuse_below_zero(self)


@dataclass(frozen=True, slots=True)
class PlanState:
    """The plan in force. `rungs` are those of the overload ladder that are taken, in words; none without overload."""

    chunk_s: float | None = None
    workers: int | None = None
    admitted_streams: int | None = None
    folder_share: float | None = None
    partials: bool | None = None
    accepts_streams: bool | None = None
    rungs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_below_zero(self)


@dataclass(frozen=True, slots=True)
class EngineState:
    """Streams, queue, batches, machine and plan at one moment.

    `decisions` are the governor's last ones as sentences, oldest first. `model_bytes` is the part of the unique set
    that the memory target does not count: the models, and what an application held before it began with the engine.
    """

    streams_open: int | None = None
    streams_suspended: int | None = None
    chunks_waiting: int | None = None
    batches: tuple[BatchState, ...] = ()
    resources: ResourceSample = field(default_factory=ResourceSample)
    model_bytes: int | None = None
    plan: PlanState = field(default_factory=PlanState)
    decisions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_below_zero(self)


def _refuse_below_zero(record: BatchState | PlanState | EngineState) -> None:
    for each in fields(record):
        value = getattr(record, each.name)
        if isinstance(value, (int, float)) and not value >= 0:
            raise ValueError(f"{each.name} must be 0 or more, or None when unknown, got {value}")
