"""What the flows of recordings share, what one has cost, and what is told of it: records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import anyio

from engine.files_at_once import FilesAtOnce
from engine.memory import MemoryKeeper, unlimited
from engine.pipeline import Pipeline
from engine.speech_calls import SpeechCalls
from engine.workers import Workers
from modules.batching.chunks import ChunkSizer
from modules.checkpoint import FinishedSegment
from modules.monitoring.histogram import LatencyHistogram
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.recognisers import Recogniser

ALONE_SERVICE_S = 0.2
"""How long a call of a recording may keep a worker when nobody else waits for it."""

BESIDE_LIVE_SERVICE_S = 0.03
"""How long it may while live streams are open: none of them then waits long for a worker."""


@dataclass(frozen=True, slots=True)
class FlowParts:
    """What all recordings of a processor share."""

    pipeline: Pipeline
    workers: Workers
    slots: anyio.Semaphore
    """How many recogniser sessions may be open at once, over all recordings."""
    sizer: ChunkSizer
    target_s: float
    """A chunk is on time within this."""
    speech: SpeechCalls = field(kw_only=True)
    """The calls of the pipeline's segmenter."""
    files: FilesAtOnce = field(default_factory=FilesAtOnce)
    """How many recordings are worked on at once."""
    has_live_streams: Callable[[], bool] = lambda: False
    rest_share: Callable[[], float] = lambda: 0.0
    """How long to rest after each hop, in times of what it took: the governor's share for folder work."""
    on_heard: Callable[[float], None] = lambda _: None
    """Told the seconds of audio after each chunk that was recognised."""
    monitor: RealTimePerformanceMonitor = field(default_factory=RealTimePerformanceMonitor)
    """Told of every hop; recordings have no deadline, so they are none of its live chunks."""
    memory: MemoryKeeper = field(default_factory=unlimited)
    """Lets recordings begin and go on."""

    @property
    def max_service_s(self) -> float:
        """How long a call of a recording may keep a worker now."""
        return BESIDE_LIVE_SERVICE_S if self.has_live_streams() else ALONE_SERVICE_S


def is_instant(recogniser: Recogniser) -> bool:
    """Whether what it does takes less time than the way to a worker, so that it can be done on the spot."""
    return bool(getattr(recogniser, "is_instant", False))


@dataclass(slots=True)
class FlowCounts:
    """What one recording has cost so far; seconds summed over workers."""

    audio_s: float = 0.0
    decode_s: float = 0.0
    model_s: float = 0.0
    """Its share, where calls were shared."""
    queue_s: float = 0.0
    """For which its calls waited until a worker began them."""
    on_time: int = 0
    """Chunks within the target."""
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)


@dataclass(frozen=True, slots=True)
class Milestones:
    """Segments that need not be recognised again, by number, and who is told of each one that is finished."""

    recalled: Mapping[int, FinishedSegment] = field(default_factory=dict)
    on_segment: Callable[[FinishedSegment], None] = lambda _: None
