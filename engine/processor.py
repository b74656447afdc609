"""`AsyncAudioProcessor`: recordings in, transcripts out, from an asyncio application."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from engine.calls import Calls
from engine.config import BatchProcessingConfig
from engine.failures import first_error
from engine.flow import FlowParts
from engine.jobs.outputs import OutputFolder
from engine.jobs.run import FolderJob, JobObserver, JobOutput, JobParts, JobRequest, Unobserved
from engine.pipeline import Pipeline, build_pipeline
from engine.recording import RecordingInMemory, StoredRecording, attempt, transcribe
from engine.stream import LiveStream
from engine.stream_options import StreamOptions
from engine.streams import StreamLimits, Streams
from engine.version import __version__
from engine.workers import WorkerThreads
from modules.audio.buffer import AudioBuffer
from modules.audio.formats import TranscriptFormat
from modules.audio.source import Source, name_of
from modules.batching.chunks import ChunkSizer
from modules.errors import AudioError
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.resources import effective_cpus, worker_count
from modules.results import FileResult, Summary
from modules.results_json import header_json
from modules.stages.hop import AnyStage


class AsyncAudioProcessor:
    """An engine that is awaited: enter it, hand it recordings, leave it. Leaving cancels what still runs inside.

    All methods may be called from many tasks at once; models and workers are shared, and calls wait for their turn.
    """

    def __init__(
        self, config: BatchProcessingConfig | None = None, *, monitor: RealTimePerformanceMonitor | None = None
    ) -> None:
        """Take the settings; models are loaded and workers started on entering. `monitor` is told of live streams."""
        self.monitor = monitor or RealTimePerformanceMonitor()
        self._config = config or BatchProcessingConfig()
        self._workers = WorkerThreads(self._config.workers or worker_count(effective_cpus()))
        self._files = anyio.Semaphore(self._workers.count)
        self._calls = Calls()
        self._parts: FlowParts | None = None
        self._streams: Streams | None = None

    async def __aenter__(self) -> Self:
        """Load the models. Raises `ModelError`."""
        await self._workers.__aenter__()
        try:
            pipeline = await self._workers.run(
                lambda: build_pipeline(self._config, workers=self._workers.count, version=__version__)
            )
        except BaseException:
            await self._workers.__aexit__(*sys.exc_info())
            raise
        self._parts = FlowParts(
            pipeline=pipeline,
            workers=self._workers,
            slots=anyio.Semaphore(pipeline.max_sessions),
            sizer=_chunk_sizer(self._config),
            target_s=self._config.p99_chunk_latency_ms / 1e3,
            has_live_streams=self._has_live_streams,
        )
        limits = StreamLimits(self._config.max_streams, self._config.max_batch if self._config.batching else 1)
        self._streams = Streams(pipeline, self._workers, limits, self.monitor)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what runs, wait until it has stopped, end the workers and the recogniser."""
        parts, self._parts = self._parts, None
        with anyio.CancelScope(shield=True):
            await self._calls.stop()
            if parts and self._streams:
                await self._streams.close()
                await self._workers.run(parts.pipeline.close)
            await self._workers.__aexit__(kind, error, trace)

    @property
    def pipeline(self) -> Pipeline:
        """The stages in force. Raises `RuntimeError` outside the `async with` block."""
        return self._running().pipeline

    @asynccontextmanager
    async def open_stream(
        self,
        sample_rate: int,
        *,
        stages: Sequence[AnyStage] | None = None,
        **options: Any,  # noqa: ANN401 - see below
    ) -> AsyncIterator[LiveStream]:
        """A live stream of audio at `sample_rate` Hz: push samples in, iterate over its events.

        `options` are the other fields of `StreamOptions`: `deadline_s`, `priority`, `overload`, `max_buffered_s` and
        `chunk_s`. `stages` are stages of your own in the place of the recogniser; they get the samples as they were
        pushed, and what the last one gives are `final` events with a `value`. Streams that are given the same stages
        share their model calls. Raises `Overloaded` when `max_streams` are open, and `ModelError`.
        """
        self._running()
        assert self._streams is not None
        with self._calls.one():
            if self._config.chunk_s and "chunk_s" not in options:
                options["chunk_s"] = self._config.chunk_s
            async with await self._streams.open(StreamOptions(sample_rate, **options), stages) as stream:
                yield stream
            return
        raise _left()

    async def process(self, samples: Any, sample_rate: int | None = None) -> FileResult:  # noqa: ANN401 - any array
        """The transcript of samples in memory: an `AudioBuffer`, or an array of shape (frames,) or (frames, channels).

        `sample_rate` in Hz goes with an array. Raises `AudioError` for what is no audio, and `ModelError`.
        """
        parts = self._running()
        if isinstance(samples, AudioBuffer):
            buffer = samples
        elif sample_rate is None:
            raise AudioError("an array needs its sample_rate in Hz: process(samples, sample_rate=16_000)")
        else:
            buffer = await self._workers.run(lambda: AudioBuffer.of(samples, sample_rate))
        with self._calls.one():
            async with self._files:
                return await transcribe("<samples>", RecordingInMemory(buffer), parts)
        raise _left()

    async def process_file(self, source: Source) -> FileResult:
        """The transcript of a recording given as path, bytes or binary file object.

        Raises `DecodeError` when it cannot be decoded, and `ModelError`.
        """
        parts = self._running()
        with self._calls.one():
            async with self._files:
                return await transcribe(name_of(source), StoredRecording(source), parts)
        raise _left()

    async def process_files(self, sources: Iterable[Source]) -> AsyncIterator[FileResult]:
        """A result for each source, as they finish; `path` names its input, `status` says what became of it.

        One that fails is a result of status `failed` and does not disturb the others. `sources` may be lazy.
        """
        parts = self._running()
        send, receive = anyio.create_memory_object_stream[FileResult](0)
        # No task group here: one must not stay open over a `yield` (PEP 789). The task ends in the `finally`.
        feeder = asyncio.create_task(self._feed(sources, send, parts))
        try:
            async for result in receive:
                yield result
            await feeder
        finally:
            feeder.cancel()
            await asyncio.wait({feeder})
            receive.close()

    async def process_folder(
        self,
        folder: str | PathLike[str],
        output: str | PathLike[str],
        *,
        formats: Sequence[TranscriptFormat] = (),
        overwrite: bool = False,
    ) -> Summary:
        """Process every recording below `folder`; `results.jsonl`, and each of `formats`, go into the folder `output`.

        Raises `ConfigError` for a missing folder and `OutputError` when results cannot be written.
        """
        self._running()
        target = OutputFolder(output, overwrite=overwrite)
        request = JobRequest((Path(folder),), formats=formats, exclude=target.path)
        await self._workers.run(request.check)  # first: nothing is written for a folder that is not there
        await self._workers.run(target.prepare)
        return await self.run_job(request, target)

    async def run_job(self, request: JobRequest, output: JobOutput, observer: JobObserver | None = None) -> Summary:
        """Process a request and write to `output`, telling `observer`; what `onbeat run` does.

        Raises `ConfigError` for a path that is not there and `OutputError` when results cannot be written.
        """
        parts = self._running()

        async def one(path: Path, on_heard: Callable[[float], None]) -> FileResult:
            async with self._files:
                on_heard(0.0)
                return await attempt(path, replace(parts, on_heard=on_heard))

        header = header_json(version=__version__, fingerprint=parts.pipeline.fingerprint)
        with self._calls.one():
            return await FolderJob(
                request, JobParts(one, self._workers, output, header, observer or Unobserved())
            ).run()
        raise _left()

    async def _feed(
        self, sources: Iterable[Source], send: MemoryObjectSendStream[FileResult], parts: FlowParts
    ) -> None:
        """Start a task a source, never more than may be in hand, and send what comes of them."""

        async def one(source: Source) -> None:
            try:
                await send.send(await attempt(source, parts))
            finally:
                self._files.release()

        with send:
            with self._calls.one(), first_error():
                async with anyio.create_task_group() as tasks:
                    for source in sources:
                        await self._files.acquire()
                        tasks.start_soon(one, source)
                return
            raise _left()

    def _has_live_streams(self) -> bool:
        return self._streams is not None and self._streams.open_now > 0

    def _running(self) -> FlowParts:
        if self._parts is None:
            raise RuntimeError("the processor is not running: use it inside its own `async with` block")
        return self._parts


def process_audio_file(source: Source, config: BatchProcessingConfig | None = None) -> FileResult:
    """The transcript of one recording, as a plain call.

    Raises `DecodeError` and `ModelError`; `RuntimeError` inside a running event loop, where `process_file` is awaited.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return anyio.run(_process_one, source, config)
    raise RuntimeError(
        "process_audio_file() would block the running event loop: await AsyncAudioProcessor.process_file()"
    )


async def _process_one(source: Source, config: BatchProcessingConfig | None) -> FileResult:
    async with AsyncAudioProcessor(config) as processor:
        return await processor.process_file(source)


def _left() -> RuntimeError:
    return RuntimeError("the processor's `async with` block was left while this call was under way")


def _chunk_sizer(config: BatchProcessingConfig) -> ChunkSizer:
    return ChunkSizer(allowed_s=(config.chunk_s,)) if config.chunk_s else ChunkSizer()
