"""The records of a run: one `FileResult` an input and one `Summary`, with the fields `results.jsonl` has.

How they are written stands in `results_json.py`.
"""

from dataclasses import dataclass
from enum import StrEnum

from modules.audio.detection import Detection
from modules.audio.transcript import TranscriptSegment
from modules.models.run_records import ModelIdentity


class Status(StrEnum):
    """How an input ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an input was not done: `kind` is the error's class name, `message` one line for a person."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class LatencyQuantiles:
    """Chunk latency in milliseconds; all zero when there was no chunk."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of one input went, in seconds; `on_time` is the fraction of chunks within the target.

    `decode_s` and `model_s` are summed over workers, so together they may exceed `wall_s`; so is `queue_s`, for which
    calls waited until a worker began them.
    A chunk of a file counts as available when the engine asks for it: a file can always supply the next.
    """

    wall_s: float = 0.0
    decode_s: float = 0.0
    model_s: float = 0.0
    chunks: int = 0
    chunk_latency_ms: LatencyQuantiles = LatencyQuantiles()
    on_time: float = 1.0
    queue_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.on_time <= 1:
            raise ValueError(f"on_time must be 0 to 1, got {self.on_time}")


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one input. `backend` names the recogniser, `why` the reason it was chosen.

    `detections` are the sounds that were heard, `None` where nobody listened for any; `models` those that were asked.
    """

    path: str
    status: Status
    duration_s: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    decoder: str = ""
    backend: str = ""
    why: str = ""
    text: str = ""
    segments: tuple[TranscriptSegment, ...] = ()
    detections: tuple[Detection, ...] | None = None
    timing: Timing = Timing()
    cache_hit: bool = False
    error: Failure | None = None
    models: tuple[ModelIdentity, ...] = ()

    def __post_init__(self) -> None:
        if (self.status is Status.OK) == (self.error is not None):
            raise ValueError(f"status {self.status} does not go with error {self.error}")
        if not 0 <= self.duration_s < float("inf"):
            raise ValueError(f"duration_s must be 0 or more and finite, got {self.duration_s}")


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in one line; `realtime_factor` is audio seconds per wall second, `peak_memory_mb` 0 when unknown."""

    files: int
    ok: int
    failed: int
    skipped: int
    audio_s: float
    wall_s: float
    realtime_factor: float
    peak_memory_mb: float
    interrupted: bool = False

    def __post_init__(self) -> None:
        if min(self.ok, self.failed, self.skipped) < 0 or self.ok + self.failed + self.skipped > self.files:
            raise ValueError(f"ok, failed and skipped must be 0 or more and together at most files: {self}")
