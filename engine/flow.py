"""One recording's tasks: a pump that decodes and finds speech, and a task a segment that recognises it.

They meet in bounded channels that close. Everything heavy is a hop to a worker; nothing here looks inside a payload.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from engine.failures import first_error
from engine.pipeline import Pipeline
from engine.workers import Workers
from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.batching.chunks import ChunkSizer
from modules.monitoring.histogram import LatencyHistogram
from modules.stages.protocols import Session
from modules.stages.segmenter import SpeechPiece

BLOCK_S = 5.0
"""Seconds of audio decoded and searched for speech in one hop."""

MAX_PIECES_AHEAD = 16
"""Pieces of one segment, at most a block each, that may wait for its recogniser while the pump goes on."""

Output = TypeVar("Output")


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
    on_heard: Callable[[float], None] = lambda _: None
    """Told the seconds of audio after each chunk that was recognised."""


@dataclass(slots=True)
class FlowCounts:
    """What one recording has cost so far; seconds summed over workers."""

    audio_s: float = 0.0
    decode_s: float = 0.0
    model_s: float = 0.0
    on_time: int = 0
    """Chunks within the target."""
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)


class Flow:
    """One recording on its way through the pipeline; `counts` is true at any moment, also after a failure."""

    def __init__(self, parts: FlowParts, blocks: Iterator[AudioBuffer]) -> None:
        """Take `blocks`, mono at the pipeline's rate; they are pulled on a worker, so they may decode lazily."""
        self.counts = FlowCounts()
        self._parts = parts
        self._blocks = blocks
        self._segmenter = parts.pipeline.segmenter.open()
        self._found: dict[int, list[TranscriptSegment]] = {}

    async def run(self) -> tuple[TranscriptSegment, ...]:
        """Everything that was said, in order. Raises `DecodeError`, `ModelError` or `AudioError`."""
        with first_error():
            async with anyio.create_task_group() as tasks:
                await self._pump(tasks)
        return tuple(segment for number in sorted(self._found) for segment in self._found[number])

    async def _pump(self, tasks: TaskGroup) -> None:
        """Pull blocks until there are none, and send each piece of speech to its segment's task."""
        send: MemoryObjectSendStream[AudioBuffer] | None = None
        is_over = False
        try:
            while not is_over:
                pieces, is_over = await self._parts.workers.run(self._pull, cancel=self._segmenter.cancel)
                for piece in pieces:
                    send = send or await self._begin(piece.segment, tasks)
                    await send.send(piece.audio)
                    if piece.is_last:
                        send.close()
                        send = None
        finally:
            if send:
                send.close()

    def _pull(self) -> tuple[Sequence[SpeechPiece], bool]:
        """On a worker: the pieces of speech of the next block, and whether it was the end."""
        started_s = time.perf_counter()
        block = next(self._blocks, None)
        decoded_s = time.perf_counter()
        pieces = self._segmenter.finish() if block is None else self._segmenter.feed(block)
        self.counts.audio_s += block.duration_s if block else 0.0
        self.counts.decode_s += decoded_s - started_s
        self.counts.model_s += time.perf_counter() - decoded_s
        return pieces, block is None

    async def _begin(self, number: int, tasks: TaskGroup) -> MemoryObjectSendStream[AudioBuffer]:
        """Start a segment's task once a recogniser session may be opened; where its audio is to be sent."""
        await self._parts.slots.acquire()
        send, receive = anyio.create_memory_object_stream[AudioBuffer](MAX_PIECES_AHEAD)
        tasks.start_soon(self._recognise, number, receive)
        return send

    async def _recognise(self, number: int, pieces: MemoryObjectReceiveStream[AudioBuffer]) -> None:
        """One segment, one session: what it found is kept under the segment's number."""
        found = self._found[number] = []
        session: Session[AudioBuffer, TranscriptSegment] | None = None
        try:
            with pieces:
                session = await self._parts.workers.run(self._parts.pipeline.recogniser.open)
                async for piece in pieces:
                    found += await self._feed(session, piece)
                found += await self._hop(session, session.finish)
        except BaseException:
            if session:
                session.cancel()
            raise
        finally:
            self._parts.slots.release()

    async def _feed(
        self, session: Session[AudioBuffer, TranscriptSegment], piece: AudioBuffer
    ) -> list[TranscriptSegment]:
        """What the session says to a piece, handed over in chunks of the length that is right now."""
        found: list[TranscriptSegment] = []
        while piece.frames:
            frames = min(piece.frames, math.ceil(self._parts.sizer.chunk_s() * piece.sample_rate))
            chunk, piece = piece.cut(0, frames), piece.cut(frames)
            found += await self._hop(session, partial(session.feed, chunk), audio_s=chunk.duration_s)
            self._parts.on_heard(chunk.duration_s)
        return found

    async def _hop(
        self,
        session: Session[AudioBuffer, TranscriptSegment],
        work: Callable[[], Sequence[TranscriptSegment]],
        *,
        audio_s: float = 0.0,
    ) -> Sequence[TranscriptSegment]:
        """Do `work` on a worker and count it: the next chunk of a file is available when it is asked for."""
        asked_s = time.perf_counter()
        outputs, service_s = await self._parts.workers.run(lambda: _timed(work), cancel=session.cancel)
        self.counts.model_s += service_s
        latency_s = time.perf_counter() - asked_s
        self.counts.latency.record(latency_s)
        self.counts.on_time += latency_s <= self._parts.target_s
        self._parts.sizer.observe(audio_s=audio_s, service_s=service_s)
        return outputs


def _timed(work: Callable[[], Output]) -> tuple[Output, float]:
    started_s = time.perf_counter()
    output = work()
    return output, time.perf_counter() - started_s
