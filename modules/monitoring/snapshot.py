"""`MonitorSnapshot`: what a monitor counted since its start, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from modules.monitoring.histogram import HistogramSnapshot


@dataclass(frozen=True, slots=True)
class ChunkCounts:
    """What became of live chunks. A chunk is answered, failed or dropped.

    `on_time` were answered within their stream's deadline; `late` were answered later than the target's chunk latency,
    `pipeline_late` later than its pipeline latency allows.
    """

    answered: int = 0
    on_time: int = 0
    late: int = 0
    pipeline_late: int = 0
    failed: int = 0
    dropped: int = 0

    @property
    def chunks(self) -> int:
        """All of them."""
        return self.answered + self.failed + self.dropped

    @property
    def on_time_fraction(self) -> float | None:
        """Chunks on time among all; `None` when there was none."""
        return self.on_time / self.chunks if self.chunks else None

    def __add__(self, other: "ChunkCounts") -> "ChunkCounts":
        """Both."""
        return ChunkCounts(
            self.answered + other.answered,
            self.on_time + other.on_time,
            self.late + other.late,
            self.pipeline_late + other.pipeline_late,
            self.failed + other.failed,
            self.dropped + other.dropped,
        )


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Per hop of one stage: seconds waited for a worker, seconds on it, and their sum."""

    queue: HistogramSnapshot
    service: HistogramSnapshot
    total: HistogramSnapshot


def _no_stages() -> Mapping[str, StageTimes]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class MonitorSnapshot:
    """What was measured so far. A drop or an error is a miss; `latency` has the live chunks that were answered.

    `stages` are the hops of live streams, `folder` those of recordings, of which `recorded_audio_s` seconds were
    recognised. Recordings have no deadline: they are not among the chunks.
    """

    stages: Mapping[str, StageTimes] = field(default_factory=_no_stages)
    latency: HistogramSnapshot = field(default_factory=HistogramSnapshot)
    counts: ChunkCounts = field(default_factory=ChunkCounts)
    folder: Mapping[str, StageTimes] = field(default_factory=_no_stages)
    recorded_audio_s: float = 0.0

    @property
    def answered(self) -> int:
        """Live chunks that were answered."""
        return self.counts.answered

    @property
    def on_time(self) -> int:
        """Live chunks that were answered within their stream's deadline."""
        return self.counts.on_time

    @property
    def failed(self) -> int:
        """Live chunks on which a stage raised."""
        return self.counts.failed

    @property
    def dropped(self) -> int:
        """How often samples were dropped."""
        return self.counts.dropped

    @property
    def on_time_fraction(self) -> float:
        """Chunks on time among all that were answered, failed or dropped; 1 when there was none."""
        fraction = self.counts.on_time_fraction
        return 1.0 if fraction is None else fraction
