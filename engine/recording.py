"""One recording from its source to its `FileResult`: opened on a worker, run through a flow, closed in any case."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import anyio

from engine.flow import BLOCK_S, Flow, FlowCounts, FlowParts
from engine.pipeline import Pipeline
from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.audio.source import Source, name_of
from modules.errors import OnbeatError
from modules.results import Failure, FileResult, LatencyQuantiles, Status, Timing
from modules.stages.fused import through

_log = logging.getLogger(__name__)


class Recording(Protocol):
    """Something to transcribe. Both methods run on a worker, one at a time."""

    def blocks(self, pipeline: Pipeline, facts: dict[str, Any]) -> Iterator[AudioBuffer]:
        """Its audio, mono at the pipeline's rate; `facts` gets its `sample_rate`, `channels` and `decoder`."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


class StoredRecording:
    """A recording in a path, bytes or file object: opened with its first block and closed with its last."""

    def __init__(self, source: Source) -> None:
        """Nothing is opened yet."""
        self._source = source
        self._open = ExitStack()

    def blocks(self, pipeline: Pipeline, facts: dict[str, Any]) -> Iterator[AudioBuffer]:
        """Its audio, mono at the pipeline's rate. Raises `DecodeError`."""
        with self._open:
            reader = self._open.enter_context(open_audio(self._source))
            facts.update(sample_rate=reader.sample_rate, channels=reader.channels, decoder=reader.decoder)
            yield from through(reader.blocks(BLOCK_S), pipeline.sound(reader.sample_rate))
            facts.update(decoder=reader.decoder)  # another may have gone on where the first broke off

    def close(self) -> None:
        """Close what an unfinished run left open."""
        self._open.close()


class RecordingInMemory:
    """Samples in memory as a recording."""

    def __init__(self, buffer: AudioBuffer) -> None:
        """Take the whole buffer."""
        self._buffer = buffer

    def blocks(self, pipeline: Pipeline, facts: dict[str, Any]) -> Iterator[AudioBuffer]:
        """Its audio, mono at the pipeline's rate."""
        facts.update(sample_rate=self._buffer.sample_rate, channels=self._buffer.channels, decoder="memory")
        yield from through(self._buffer.blocks(BLOCK_S), pipeline.sound(self._buffer.sample_rate))

    def close(self) -> None:
        """Nothing is open."""


async def transcribe(name: str, recording: Recording, parts: FlowParts) -> FileResult:
    """The result of a recording, called `name` in it. Raises what goes wrong, as an `OnbeatError`."""
    started_s = time.perf_counter()
    facts: dict[str, Any] = {}
    flow = Flow(parts, recording.blocks(parts.pipeline, facts))
    try:
        segments = await flow.run()
    except BaseException:
        with anyio.CancelScope(shield=True):
            await parts.workers.run(recording.close)
        raise
    return FileResult(
        path=name,
        status=Status.OK,
        duration_s=flow.counts.audio_s,
        backend=parts.pipeline.choice.backend,
        why=parts.pipeline.choice.why,
        text=" ".join(segment.text for segment in segments if segment.text),
        segments=segments,
        timing=_timing(flow.counts, time.perf_counter() - started_s),
        **facts,
    )


async def attempt(source: Source, parts: FlowParts) -> FileResult:
    """The result of the recording in `source`, of status `failed` where `transcribe` would have raised."""
    try:
        return await transcribe(name_of(source), StoredRecording(source), parts)
    except OnbeatError as error:
        return failed(name_of(source), error)
    except Exception as error:  # noqa: BLE001 - a defect of ours or of a library costs one recording, not the run
        _log.exception("an unexpected error while processing %s", name_of(source))
        return failed(name_of(source), error)


def failed(name: str, error: Exception) -> FileResult:
    """The result of an input that could not be done, with the error's kind and its text on one line."""
    message = " ".join(str(error).split()) or type(error).__name__
    return FileResult(path=name, status=Status.FAILED, error=Failure(type(error).__name__, message))


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
