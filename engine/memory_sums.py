"""The memory budget of the settings, and what a stream is expected to need: `modules/memory` with numbers put in."""

from contextlib import AbstractContextManager

from engine.config import BatchProcessingConfig
from engine.memory import MemoryKeeper
from engine.pipeline import Pipeline
from engine.stream_options import DEFAULT_CHUNK_S
from engine.streams import StreamWish
from modules.errors import ModelError
from modules.memory.budget import MemoryBudget, StreamNeed
from modules.memory.model_files import acoustic_bytes, files_bytes
from modules.memory.outlook import MemoryOutlook, session_bytes
from modules.monitoring.resources import unique_set_bytes
from modules.stages.recognisers import RecogniserChoice
from modules.stages.vad_silero import RATE_HZ, packaged_model

POOL_BYTES = 32 * 2**20
"""The limit of the pool that stages may lease blocks from, at most a sixteenth of `max_memory_mb`."""

MAX_BARE_BYTES = 128 * 2**20
"""What a process takes that has imported the engine and little else; more belongs to the application that holds it."""

_POOL_SHARE = 16
_MB = 2**20


def known_unique_set_bytes() -> int:
    """This process's unique set; 0 where the system does not tell."""
    try:
        return unique_set_bytes()
    except OSError:
        return 0


def keeper_of(pipeline: Pipeline, *, before_bytes: int) -> MemoryKeeper:
    """The keeper for a processor whose models are loaded and which has nothing in hand.

    `before_bytes` was the unique set before they were. What that has more than the engine's own imports take is an
    application's, which may be large, and is counted neither in the budget nor against it.
    """
    not_ours_bytes = max(0, before_bytes - MAX_BARE_BYTES)
    own_bytes = max(0, known_unique_set_bytes() - not_ours_bytes)
    model_bytes = model_bytes_of(pipeline.config, pipeline.choice)
    budget = budget_of(pipeline.config, pipeline.choice, idle_bytes=max(0, own_bytes - model_bytes))
    return MemoryKeeper(budget, not_ours_bytes=not_ours_bytes)


def room_of(keeper: MemoryKeeper, pipeline: Pipeline, wish: StreamWish) -> AbstractContextManager[None]:
    """Room for such a stream; entering it raises `Overloaded`. Of an application's own stages nothing is known."""
    choice = None if wish.has_own_stages else pipeline.choice
    return keeper.stream(need_of(choice, chunk_s=wish.chunk_s, sample_rate=wish.sample_rate))


def budget_of(config: BatchProcessingConfig, choice: RecogniserChoice | None, *, idle_bytes: int) -> MemoryBudget:
    """The budget when the process with nothing in hand has a unique set of `idle_bytes` beside its models."""
    max_memory_bytes = config.max_memory_mb * _MB
    return MemoryBudget(
        max_memory_bytes,
        pool_bytes=min(POOL_BYTES, max_memory_bytes // _POOL_SHARE),
        idle_bytes=idle_bytes,
        model_bytes=model_bytes_of(config, choice),
    )


def model_bytes_of(config: BatchProcessingConfig, choice: RecogniserChoice | None) -> int:
    """The files of the recogniser's model and the voice detector's, as far as these are in this process."""
    recogniser = files_bytes(choice.model) if choice and choice.model else 0
    try:
        detector = files_bytes(packaged_model()) if config.segmenting == "on" else 0
    except ModelError:
        detector = 0
    return recogniser + detector


def need_of(choice: RecogniserChoice | None, *, chunk_s: float, sample_rate: int = RATE_HZ) -> StreamNeed:
    """What a stream needs with that recogniser; `None` for stages of which nothing is known."""
    remembered_bytes = 0
    if choice:
        width_bytes = acoustic_bytes(choice.model) if choice.model else 0
        remembered_bytes = session_bytes(choice.backend, acoustic_bytes=width_bytes)
    return StreamNeed.of(sample_rate=sample_rate, chunk_s=chunk_s, session_bytes=remembered_bytes)


def outlook_of(
    config: BatchProcessingConfig, choice: RecogniserChoice | None, *, workers: int, idle_bytes: int
) -> MemoryOutlook:
    """The sum for as many streams as the settings allow and as many recordings as there are workers."""
    return MemoryOutlook(
        budget_of(config, choice, idle_bytes=idle_bytes),
        need_of(choice, chunk_s=config.chunk_s or DEFAULT_CHUNK_S),
        max_streams=config.max_streams,
        recordings=workers,
    )
