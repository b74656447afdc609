"""One recording from its source to its `FileResult`: opened on a worker, run through a flow, closed in any case."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import anyio

from engine.flow import BLOCK_S, Flow, FlowCounts, FlowParts
from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.audio.source import Source, name_of
from modules.audio.transcript import TranscriptSegment
from modules.errors import OnbeatError
from modules.results import Failure, FileResult, LatencyQuantiles, Status, Timing
from modules.stages.fused import through

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A recording that is open: its rate in Hz, its channels, who decodes it, and its blocks of so many seconds."""

    sample_rate: int
    channels: int
    decoder: str
    blocks: Callable[[float], Iterator[AudioBuffer]]


@asynccontextmanager
async def opened(source: Source, parts: FlowParts) -> AsyncIterator[Opened]:
    """The recording in `source`, open inside the block. Raises `DecodeError`."""
    with ExitStack() as stack:
        try:
            reader = await parts.workers.run(lambda: stack.enter_context(open_audio(source)))
            yield Opened(reader.sample_rate, reader.channels, reader.decoder, reader.blocks)
        finally:
            with anyio.CancelScope(shield=True):
                await parts.workers.run(stack.close)


def in_memory(buffer: AudioBuffer) -> Opened:
    """Samples in memory as a recording."""
    return Opened(buffer.sample_rate, buffer.channels, "memory", buffer.blocks)


async def transcribe_opened(name: str, recording: Opened, parts: FlowParts) -> FileResult:
    """The result of a recording that is open. Raises what goes wrong, as an `OnbeatError`."""
    started_s = time.perf_counter()
    blocks = through(recording.blocks(BLOCK_S), parts.pipeline.sound(recording.sample_rate))
    flow = Flow(parts, blocks)
    segments = await flow.run()
    result = _result(name, parts, segments, _timing(flow.counts, time.perf_counter() - started_s))
    return replace(
        result,
        duration_s=flow.counts.audio_s,
        sample_rate=recording.sample_rate,
        channels=recording.channels,
        decoder=recording.decoder,
    )


async def transcribe(source: Source, parts: FlowParts) -> FileResult:
    """The result of the recording in `source`. Raises what goes wrong, as an `OnbeatError`."""
    started_s = time.perf_counter()
    async with opened(source, parts) as recording:
        result = await transcribe_opened(name_of(source), recording, parts)
    return replace(result, timing=replace(result.timing, wall_s=time.perf_counter() - started_s))


async def attempt(source: Source, parts: FlowParts) -> FileResult:
    """The result of the recording in `source`, of status `failed` where `transcribe` would have raised."""
    try:
        return await transcribe(source, parts)
    except OnbeatError as error:
        return failed(name_of(source), error)
    except Exception as error:  # noqa: BLE001 - a defect of ours or of a library costs one recording, not the run
        _log.exception("an unexpected error while processing %s", name_of(source))
        return failed(name_of(source), error)


def failed(name: str, error: Exception) -> FileResult:
    """The result of an input that could not be done, with the error's kind and its text on one line."""
    message = " ".join(str(error).split()) or type(error).__name__
    return FileResult(path=name, status=Status.FAILED, error=Failure(type(error).__name__, message))


def _result(name: str, parts: FlowParts, segments: tuple[TranscriptSegment, ...], timing: Timing) -> FileResult:
    return FileResult(
        path=name,
        status=Status.OK,
        backend=parts.pipeline.choice.backend,
        why=parts.pipeline.choice.why,
        text=" ".join(segment.text for segment in segments if segment.text),
        segments=segments,
        timing=timing,
    )


def _timing(counts: FlowCounts, wall_s: float) -> Timing:
    latency = counts.latency
    quantiles: dict[str, Any] = (
        {f"p{q}": latency.quantile(q / 100) * 1e3 for q in (50, 95, 99)} if latency.count else {}
    )
    return Timing(
        wall_s=wall_s,
        decode_s=counts.decode_s,
        model_s=counts.model_s,
        chunks=latency.count,
        chunk_latency_ms=LatencyQuantiles(**quantiles, max=latency.max * 1e3) if quantiles else LatencyQuantiles(),
        on_time=counts.on_time / latency.count if latency.count else 1.0,
    )
