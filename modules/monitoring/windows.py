"""Windows: what was measured between two ticks of the monitor, with histograms while they are recent, then without."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from modules.monitoring.engine_state import EngineState
from modules.monitoring.histogram import HistogramSnapshot, LatencyHistogram
from modules.monitoring.snapshot import ChunkCounts


@dataclass(frozen=True, slots=True)
class HopTimes:
    """Per hop of one stage: seconds waited for a worker, and seconds on it."""

    queue: HistogramSnapshot
    service: HistogramSnapshot


@dataclass(frozen=True, slots=True)
class Slice:
    """A window with its histograms, so that several add up to a longer one. Seconds of the clock that ticks.

    `stages` and `folder` are by stage, the hops of live streams and those of recordings; `recorded_audio_s` is how much
    of recordings was recognised.
    """

    start_s: float
    end_s: float
    counts: ChunkCounts = field(default_factory=ChunkCounts)
    latency: HistogramSnapshot = field(default_factory=HistogramSnapshot)
    stages: tuple[tuple[str, HopTimes], ...] = ()
    folder: tuple[tuple[str, HopTimes], ...] = ()
    recorded_audio_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.start_s < self.end_s:
            raise ValueError(f"a window must begin before it ends, got {self.start_s} s to {self.end_s} s")
        if self.latency.count != self.counts.answered:
            raise ValueError(f"latency must have all {self.counts.answered} answered chunks, got {self.latency.count}")


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of `count` times, in seconds, each at most `MAX_RELATIVE_ERROR` off, the ends exact."""

    count: int
    min_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    max_s: float

    @classmethod
    def of(cls, times: HistogramSnapshot) -> "Quantiles | None":
        """The quantiles of a histogram; `None` when it is empty."""
        if times.min is None or times.max is None:
            return None
        p50_s, p95_s, p99_s = (times.quantile(q) for q in (0.5, 0.95, 0.99))
        return cls(times.count, times.min, p50_s, p95_s, p99_s, times.max)


@dataclass(frozen=True, slots=True)
class StageWindow:
    """One stage in one window: how long its hops waited for a worker, and how long the worker took."""

    stage: str
    queue: Quantiles
    service: Quantiles


@dataclass(frozen=True, slots=True)
class Window:
    """A slice without its histograms, and what the engine said at its end. This is what history keeps."""

    start_s: float
    end_s: float
    counts: ChunkCounts = field(default_factory=ChunkCounts)
    latency: Quantiles | None = None
    stages: tuple[StageWindow, ...] = ()
    folder: tuple[StageWindow, ...] = ()
    recorded_audio_s: float = 0.0
    state: EngineState = field(default_factory=EngineState)

    @classmethod
    def of(cls, measured: Slice, state: EngineState) -> "Window":
        """The window of a slice."""
        return cls(
            start_s=measured.start_s,
            end_s=measured.end_s,
            counts=measured.counts,
            latency=Quantiles.of(measured.latency),
            stages=_stage_windows(measured.stages),
            folder=_stage_windows(measured.folder),
            recorded_audio_s=measured.recorded_audio_s,
            state=state,
        )

    @property
    def duration_s(self) -> float:
        """How long it was."""
        return self.end_s - self.start_s

    @property
    def answered_per_s(self) -> float:
        """Live chunks answered a second."""
        return self.counts.answered / self.duration_s

    @property
    def recorded_factor(self) -> float:
        """Seconds of recordings recognised a second."""
        return self.recorded_audio_s / self.duration_s

    @property
    def standing_wait_s(self) -> float | None:
        """The shortest wait for a worker, at the stage where that is longest; `None` without a hop.

        A queue that a batch leaves behind empties now and then; one that never does stands, as CoDel tells them apart
        (Nichols and Jacobson, ACM Queue 10(5), 2012).
        """
        return max((stage.queue.min_s for stage in self.stages), default=None)


def joined(slices: Sequence[Slice]) -> Slice:
    """The slice from the first one's start to the last one's end; there must be one."""
    return Slice(
        start_s=slices[0].start_s,
        end_s=slices[-1].end_s,
        counts=counts_of(slices),
        latency=latency_of(slices),
        stages=_stages_joined(each.stages for each in slices),
        folder=_stages_joined(each.folder for each in slices),
        recorded_audio_s=sum(each.recorded_audio_s for each in slices),
    )


def counts_of(parts: Iterable[Slice | Window]) -> ChunkCounts:
    """The chunks of all of them."""
    counts = ChunkCounts()
    for part in parts:
        counts = counts + part.counts
    return counts


def latency_of(parts: Iterable[Slice]) -> HistogramSnapshot:
    """The latencies of all of them."""
    return _sum(part.latency for part in parts)


def _stages_joined(parts: Iterable[tuple[tuple[str, HopTimes], ...]]) -> tuple[tuple[str, HopTimes], ...]:
    by_name: dict[str, list[HopTimes]] = {}
    for part in parts:
        for name, times in part:
            by_name.setdefault(name, []).append(times)
    return tuple(
        (name, HopTimes(_sum(times.queue for times in each), _sum(times.service for times in each)))
        for name, each in by_name.items()
    )


def _sum(parts: Iterable[HistogramSnapshot]) -> HistogramSnapshot:
    total = LatencyHistogram()
    for part in parts:
        total.merge(part)
    return total.snapshot()


def _stage_windows(stages: Iterable[tuple[str, HopTimes]]) -> tuple[StageWindow, ...]:
    found = ((name, Quantiles.of(times.queue), Quantiles.of(times.service)) for name, times in stages)
    return tuple(StageWindow(name, queue, service) for name, queue, service in found if queue and service)
