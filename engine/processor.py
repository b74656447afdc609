"""`AsyncAudioProcessor`: recordings in, transcripts out, from an asyncio application."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from engine.cached_results import cache_of, transcribe_once
from engine.calls import Calls
from engine.config import BatchProcessingConfig
from engine.failures import first_error
from engine.flow_parts import FlowParts
from engine.frozen_garbage import frozen_garbage
from engine.governor import DecisionObserver
from engine.jobs.place import JobPlace, Start
from engine.jobs.request import JobObserver, JobOutput, JobRequest, Unobserved
from engine.jobs.run import FolderJob
from engine.jobs.work import FolderWork, OnHang
from engine.live_side import LiveSide, target_of
from engine.memory_sums import keeper_of, known_unique_set_bytes
from engine.pipeline import Pipeline, build_pipeline
from engine.recording import Recording, RecordingInMemory, StoredRecording, settled, transcribe
from engine.stage_config import StageSet, named_stages
from engine.stream import LiveStream
from engine.stream_options import StreamOptions
from engine.version import __version__
from engine.workers import WorkerThreads
from modules.audio.buffer import AudioBuffer
from modules.audio.decode_children import ChildLimits, DecodeChildren
from modules.audio.formats import TranscriptFormat
from modules.audio.source import Source, name_of
from modules.errors import AudioError
from modules.memory.pool import BufferPool
from modules.models.result_cache import ResultCache
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.resources import effective_cpus, worker_count
from modules.results import FileResult, Summary
from modules.stages.hop import AnyStage


class AsyncAudioProcessor:
    """An engine that is awaited: enter it, hand it recordings, leave it. Leaving cancels what still runs inside.

    All methods may be called from many tasks at once; models and workers are shared, and calls wait for their turn.
    """

    def __init__(
        self,
        config: BatchProcessingConfig | None = None,
        *,
        monitor: RealTimePerformanceMonitor | None = None,
        observer: DecisionObserver | None = None,
        stages: StageSet | None = None,
    ) -> None:
        """Take the settings; models are loaded and workers started on entering.

        `monitor` is told of all work, `observer` of every look of the governor and what came of it. `stages`
        are those that the setting `stages` names: `load_stages` reads them.
        """
        self._config = config or BatchProcessingConfig()
        self.monitor = monitor or RealTimePerformanceMonitor(target_of(self._config))
        self._observer = observer
        self._stages = stages
        self._cache: ResultCache | None = None
        self._workers = WorkerThreads(self._config.workers or worker_count(effective_cpus()))
        self._calls = Calls()
        self._jobs: set[FolderJob] = set()
        self._parts: FlowParts | None = None
        self._live: LiveSide | None = None
        self._left = ExitStack()

    async def __aenter__(self) -> Self:
        """Load the models. Raises `ModelError`."""
        await self._workers.__aenter__()
        pipeline: Pipeline | None = None
        try:
            before_bytes = await self._workers.run(known_unique_set_bytes)
            pipeline = loaded = await self._workers.run(
                lambda: build_pipeline(
                    self._config,
                    workers=self._workers.count,
                    version=__version__,
                    extra=named_stages(self._config, self._stages),
                )
            )
            self._cache = await self._workers.run(lambda: cache_of(self._config))
            memory = await self._workers.run(lambda: keeper_of(loaded, before_bytes=before_bytes))
            self._live = await LiveSide.begin(pipeline, self._workers, self.monitor, self._observer, memory)
        except BaseException:
            if pipeline is not None:
                with anyio.CancelScope(shield=True):
                    await self._workers.run(pipeline.close)
            await self._workers.__aexit__(*sys.exc_info())
            raise
        self._parts = self._live.recordings_beside(pipeline, self._workers, self.monitor, memory)
        if self._config.freeze_garbage:
            self._left.enter_context(frozen_garbage())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what runs, wait until it has stopped, end the workers and the recogniser."""
        parts, self._parts = self._parts, None
        self._left.close()
        with anyio.CancelScope(shield=True):
            await self._calls.stop()
            if parts and self._live:
                await self._live.close(parts.pipeline, self._workers)
                await self._workers.run(parts.pipeline.close)
            await self._workers.__aexit__(kind, error, trace)

    @property
    def pipeline(self) -> Pipeline:
        """The stages in force. Raises `RuntimeError` outside the `async with` block."""
        return self._running().pipeline

    @property
    def pool(self) -> BufferPool:
        """Blocks for stages of your own: within `max_memory_mb`, trimmed when memory is short."""
        return self._running().memory.pool

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
        assert self._live is not None
        with self._calls.one():
            async with await self._live.streams.open(StreamOptions(sample_rate, **options), stages) as stream:
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
            async with parts.files:
                return await self._transcribed("<samples>", buffer, RecordingInMemory(buffer), parts)
        raise _left()

    async def process_file(self, source: Source) -> FileResult:
        """The transcript of a recording given as path, bytes or binary file object.

        Raises `DecodeError` when it cannot be decoded, and `ModelError`.
        """
        parts = self._running()
        with self._calls.one():
            async with parts.files:
                return await self._transcribed(name_of(source), source, StoredRecording(source), parts)
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
        resume: bool = True,
        overwrite: bool = False,
    ) -> Summary:
        """Process every recording below `folder`; `results.jsonl`, and each of `formats`, go into the folder `output`.

        What an earlier run has done there is not done again: `overwrite` does everything anew, and without `resume` an
        earlier run is an error. Raises `ConfigError` for a missing folder and `OutputError` when results cannot be
        written, or when another run is at work in the folder `output`.
        """
        self._running()
        place = JobPlace(Path(output), Start.of(resume=resume, overwrite=overwrite))
        request = JobRequest((Path(folder),), formats=formats, exclude=place.folder)
        await self._workers.run(request.check)  # first: nothing is written for a folder that is not there
        await self._workers.run(place.__enter__)
        try:
            return await self.run_job(request, place)
        finally:
            with anyio.CancelScope(shield=True):
                await self._workers.run(lambda: place.__exit__(None, None, None))

    async def run_job(
        self,
        request: JobRequest,
        output: JobOutput | JobPlace,
        observer: JobObserver | None = None,
        on_hang: OnHang | None = None,
    ) -> Summary:
        """Process a request and write to `output`, telling `observer`; what `onbeat run` does.

        In a `JobPlace`, which has been entered, it keeps a journal and goes on from what that says is done. `on_hang`
        is told of a decoder in this process that hangs: nothing but the end of the process can stop it. Raises
        `ConfigError` for a path that is not there and `OutputError` when results cannot be written.
        """
        limits = ChildLimits(self._config.decode_memory_mb, self._config.decode_timeout_s, self._config.max_audio_s)
        children = DecodeChildren(limits)
        is_wary = isinstance(output, JobPlace) and bool(output.crash)
        work = FolderWork(self._running(), children, __version__, on_hang, is_wary)
        with self._calls.one():
            job = work.job(request, output, observer or Unobserved())
            self._jobs.add(job)
            try:
                return await work.run(job)
            finally:
                self._jobs.discard(job)
                with anyio.CancelScope(shield=True):
                    await self._workers.run(children.close)
        raise _left()

    def drain(self) -> None:
        """Have jobs begin no more recordings; those in hand go on. What is left, the next run does."""
        for job in self._jobs:
            job.drain()

    async def _feed(
        self, sources: Iterable[Source], send: MemoryObjectSendStream[FileResult], parts: FlowParts
    ) -> None:
        """Start a task a source, never more than may be in hand, and send what comes of them."""

        async def one(source: Source) -> None:
            try:
                name = name_of(source)
                transcribing = self._transcribed(name, source, StoredRecording(source), parts)
                await send.send(await settled(name, transcribing))
            finally:
                parts.files.release()

        with send:
            with self._calls.one(), first_error():
                async with anyio.create_task_group() as tasks:
                    for source in sources:
                        await parts.files.acquire()
                        tasks.start_soon(one, source)
                return
            raise _left()

    async def _transcribed(
        self, name: str, content: Source | AudioBuffer, recording: Recording, parts: FlowParts
    ) -> FileResult:
        """The result of a recording, or of its like that was asked for before."""
        if self._cache is None:
            return await transcribe(name, recording, parts)
        return await transcribe_once(name, content, recording, parts, self._cache)

    def _running(self) -> FlowParts:
        if self._parts is None:
            raise RuntimeError("the processor is not running: use it inside its own `async with` block")
        return self._parts


def _left() -> RuntimeError:
    return RuntimeError("the processor's `async with` block was left while this call was under way")
