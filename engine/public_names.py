"""The public names of Onbeat: what `from engine import ...` gives, and nothing else."""

from engine.config import BatchProcessingConfig
from engine.config_sources import LoadedConfig, load_config
from engine.jobs.request import JobRequest
from engine.plain_call import process_audio_file
from engine.processor import AsyncAudioProcessor
from engine.stream import LiveStream
from engine.stream_options import StreamOptions
from engine.version import __version__
from modules.audio.buffer import AudioBuffer
from modules.audio.formats import TranscriptFormat
from modules.audio.transcript import TranscriptSegment, Word
from modules.errors import (
    AudioError,
    ConfigError,
    DeadlineExceeded,
    DecodeError,
    ModelError,
    OnbeatError,
    OutputError,
    Overloaded,
    StageFailed,
    StreamClosed,
)
from modules.events import EventType, StreamEvent
from modules.monitoring.targets import PerformanceTarget
from modules.results import Failure, FileResult, Status, Summary, Timing

__all__ = [
    "AsyncAudioProcessor",
    "AudioBuffer",
    "AudioError",
    "BatchProcessingConfig",
    "ConfigError",
    "DeadlineExceeded",
    "DecodeError",
    "EventType",
    "Failure",
    "FileResult",
    "JobRequest",
    "LiveStream",
    "LoadedConfig",
    "ModelError",
    "OnbeatError",
    "OutputError",
    "Overloaded",
    "PerformanceTarget",
    "StageFailed",
    "Status",
    "StreamClosed",
    "StreamEvent",
    "StreamOptions",
    "Summary",
    "Timing",
    "TranscriptFormat",
    "TranscriptSegment",
    "Word",
    "__version__",
    "load_config",
    "process_audio_file",
]
