"""One recording from its source to its `FileResult`: opened on a worker, run through a flow, closed in any case."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import anyio

from engine.flow import Flow
from engine.flow_parts import FlowCounts, FlowParts, Milestones
from engine.pipeline import Pipeline
from engine.speech_calls import BLOCK_S
from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.audio.decode_children import DecodeChildren
from modules.audio.sound_limits import SoundLimits
from modules.audio.source import Source, name_of
from modules.errors import DecodeError, OnbeatError
from modules.results import Failure, FileResult, LatencyQuantiles, Status, Timing

_log = logging.getLogger(__name__)


class Recording(Protocol):
    """Something to transcribe. `blocks` and `close` run on a worker, one at a time."""

    def blocks(self, pipeline: Pipeline, facts: dict[str, Any]) -> Iterator[AudioBuffer]:
        """Its audio, mono at the pipeline's rate; `facts` gets what is known of it, by the names of `FileResult`."""
        ...

    def cancel(self) -> None:
        """Come back soon from getting a block, where that can be; any thread may call it."""
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
            limits = SoundLimits(max_audio_s=pipeline.config.max_audio_s)
            reader = self._open.enter_context(open_audio(self._source, limits=limits))
            facts.update(sample_rate=reader.sample_rate, channels=reader.channels, decoder=reader.decoder)
            yield from pipeline.heard(reader.blocks(BLOCK_S), reader.sample_rate, facts)
            facts.update(decoder=reader.decoder)  # another may have gone on where the first broke off

    def cancel(self) -> None:
        """A decoder in this process cannot be stopped inside a block."""

    def close(self) -> None:
        """Close what an unfinished run left open."""
        self._open.close()


class IsolatedRecording:
    """A recording in a path, decoded by another process: what it does to a decoder, it does there."""

    def __init__(self, path: str | PathLike[str], children: DecodeChildren) -> None:
        """Nothing is opened yet."""
        self._audio = children.open(name_of(path), BLOCK_S)
        self._open = ExitStack()
        self.cancel = self._audio.cancel

    def blocks(self, pipeline: Pipeline, facts: dict[str, Any]) -> Iterator[AudioBuffer]:
        """Its audio, mono at the pipeline's rate. Raises `DecodeError`, of which `DecoderLost` is one."""
        with self._open:
            audio = self._open.enter_context(self._audio)
            facts.update(sample_rate=audio.sample_rate, channels=audio.channels, decoder=audio.decoder)
            yield from pipeline.heard(audio.blocks(), audio.sample_rate, facts)
            facts.update(decoder=audio.decoder)

    def close(self) -> None:
        """End the process of an unfinished run."""
        self._open.close()


class RecordingInMemory:
    """Samples in memory as a recording."""

    def __init__(self, buffer: AudioBuffer) -> None:
        """Take the whole buffer."""
        self._buffer = buffer

    def blocks(self, pipeline: Pipeline, facts: dict[str, Any]) -> Iterator[AudioBuffer]:
        """Its audio, mono at the pipeline's rate."""
        facts.update(sample_rate=self._buffer.sample_rate, channels=self._buffer.channels, decoder="memory")
        yield from pipeline.heard(self._buffer.blocks(BLOCK_S), self._buffer.sample_rate, facts)

    def cancel(self) -> None:
        """Getting a block is quick."""

    def close(self) -> None:
        """Nothing is open."""


class WatchedRecording:
    """Another recording, with a call on the worker before the first of it is read and one when all of it has been.

    When a decoder gives up, `check` is asked first: a file that changed under it is not to blame for what it held.
    `busy_since_s` is when its decoder was asked for the block it has not given yet, by the monotonic clock.
    """

    def __init__(
        self, path: Path, recording: Recording, *, begin: Callable[[], None], check: Callable[[], None]
    ) -> None:
        """Nothing is called yet."""
        self.path = path
        self.busy_since_s: float | None = None
        self._recording = recording
        self._begin = begin
        self._check = check
        self.cancel = recording.cancel
        self.close = recording.close

    def blocks(self, pipeline: Pipeline, facts: dict[str, Any]) -> Iterator[AudioBuffer]:
        """Its audio. Raises `DecodeError`, and what `check` raises."""
        self._begin()
        blocks = self._recording.blocks(pipeline, facts)
        try:
            while (block := self._next(blocks)) is not None:
                yield block
        except DecodeError:
            self._check()
            raise
        self._check()

    def _next(self, blocks: Iterator[AudioBuffer]) -> AudioBuffer | None:
        self.busy_since_s = time.monotonic()
        try:
            return next(blocks, None)
        finally:
            self.busy_since_s = None


async def transcribe(
    name: str, recording: Recording, parts: FlowParts, milestones: Milestones | None = None
) -> FileResult:
    """The result of a recording, called `name` in it. Raises what goes wrong, as an `OnbeatError`."""
    started_s = time.perf_counter()
    facts: dict[str, Any] = {}
    flow = Flow(parts, recording.blocks(parts.pipeline, facts), milestones, cancel=recording.cancel)
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
        backend=parts.pipeline.backend,
        why=parts.pipeline.choice.why,
        text=" ".join(segment.text for segment in segments if segment.text),
        segments=segments,
        timing=_timing(flow.counts, time.perf_counter() - started_s),
        models=parts.pipeline.models,
        **facts,
    )


async def attempt_at(
    name: str, recording: Recording, parts: FlowParts, milestones: Milestones | None = None
) -> FileResult:
    """The result of the recording, of status `failed` where `transcribe` would have raised."""
    return await settled(name, transcribe(name, recording, parts, milestones))


async def settled(name: str, transcribing: Awaitable[FileResult]) -> FileResult:
    """What comes of it, of status `failed` where it raises."""
    try:
        return await transcribing
    except OnbeatError as error:
        return failed(name, error)
    except Exception as error:  # noqa: BLE001 - a defect of ours or of a library costs one recording, not the run
        _log.exception("an unexpected error while processing %s", name)
        return failed(name, error)


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
        queue_s=counts.queue_s,
    )
