"""One recording's tasks: a pump that decodes and finds speech, and a task a segment that recognises it.

They meet in bounded channels that close. Everything heavy is a hop to a worker; nothing here looks inside a payload.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from engine.failures import first_error
from engine.memory import MemoryKeeper, Turn, unlimited
from engine.pipeline import Pipeline
from engine.workers import Workers
from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.batching.chunks import ChunkSizer
from modules.checkpoint import FinishedSegment
from modules.monitoring.histogram import LatencyHistogram
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.recognition import Recognition
from modules.stages.segmenter import SpeechPiece

BLOCK_S = 5.0
"""Seconds of audio decoded and searched for speech at once."""

PULL_S = 0.02
"""Blocks are pulled in one hop until it has lasted so many seconds: cheap ones share a hop, dear ones do not."""

ALONE_SERVICE_S = 0.2
"""How long a chunk of a recording may keep a worker when nobody else waits for it."""

BESIDE_LIVE_SERVICE_S = 0.03
"""How long it may while live streams are open: none of them then waits long for a worker."""

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
    has_live_streams: Callable[[], bool] = lambda: False
    rest_share: Callable[[], float] = lambda: 0.0
    """How long to rest after each hop, in times of what it took: the governor's share for folder work."""
    on_heard: Callable[[float], None] = lambda _: None
    """Told the seconds of audio after each chunk that was recognised."""
    monitor: RealTimePerformanceMonitor = field(default_factory=RealTimePerformanceMonitor)
    """Told of every hop; recordings have no deadline, so they are none of its live chunks."""
    memory: MemoryKeeper = field(default_factory=unlimited)
    """Lets recordings begin and go on."""


@dataclass(slots=True)
class FlowCounts:
    """What one recording has cost so far; seconds summed over workers."""

    audio_s: float = 0.0
    decode_s: float = 0.0
    model_s: float = 0.0
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


class Flow:
    """One recording on its way through the pipeline; `counts` is true at any moment, also after a failure."""

    def __init__(
        self,
        parts: FlowParts,
        blocks: Iterator[AudioBuffer],
        milestones: Milestones | None = None,
        *,
        cancel: Callable[[], None] = lambda: None,
    ) -> None:
        """Take `blocks`, mono at the pipeline's rate; they are pulled on a worker, so they may decode lazily.

        `cancel` tells a pull to come back soon; any thread may call it.
        """
        self.counts = FlowCounts()
        self._parts = parts
        self._blocks = blocks
        self._milestones = milestones or Milestones()
        self._cancel_blocks = cancel
        self._segmenter = parts.pipeline.segmenter.open()
        self._found: dict[int, list[TranscriptSegment]] = {}
        self._recalling = -1  # the segment whose pieces need not be recognised

    async def run(self) -> tuple[TranscriptSegment, ...]:
        """Everything that was said, in order. Raises `DecodeError`, `ModelError` or `AudioError`."""
        with first_error():
            async with self._parts.memory.recording() as turn, anyio.create_task_group() as tasks:
                await self._pump(tasks, turn)
        return tuple(segment for number in sorted(self._found) for segment in self._found[number])

    async def _pump(self, tasks: TaskGroup, turn: Turn) -> None:
        """Pull blocks until there are none, and send each piece of speech to its segment's task."""
        send: MemoryObjectSendStream[AudioBuffer] | None = None
        is_over = False
        try:
            while not is_over:
                if send is None:  # whoever waits in the middle of a segment keeps a recogniser from the others
                    await turn.may_go_on()
                (pieces, is_over), latency_s, service_s = await self._served(self._pull, self._cancel_pull)
                self._observe("decoding + segmenting", latency_s, service_s)
                for piece in pieces:
                    if self._is_recalled(piece):
                        continue
                    send = send or await self._begin(piece, tasks)
                    await send.send(piece.audio)
                    if piece.is_last:
                        send.close()
                        send = None
        finally:
            if send:
                send.close()

    def _pull(self) -> tuple[list[SpeechPiece], bool]:
        """On a worker: the pieces of speech of the next blocks, and whether that was all; one hop for many blocks."""
        pieces: list[SpeechPiece] = []
        started_s = time.perf_counter()
        while time.perf_counter() - started_s < PULL_S and len(pieces) < MAX_PIECES_AHEAD:
            block = self._next_block()
            if block is None:
                return [*pieces, *self._found_speech(self._segmenter.finish)], True
            pieces += self._found_speech(partial(self._segmenter.feed, block))
        return pieces, False

    def _cancel_pull(self) -> None:
        self._segmenter.cancel()
        self._cancel_blocks()

    def _is_recalled(self, piece: SpeechPiece) -> bool:
        """Whether the piece belongs to a segment whose words are known."""
        if piece.segment not in self._found:
            recalled = self._milestones.recalled.get(piece.segment)
            if recalled is None or recalled.start_s != piece.audio.start_s:
                return False
            self._found[piece.segment] = list(recalled.found)
            self._recalling = piece.segment
        elif piece.segment != self._recalling:
            return False
        self._parts.on_heard(piece.audio.duration_s)
        return True

    def _next_block(self) -> AudioBuffer | None:
        started_s = time.perf_counter()
        block = next(self._blocks, None)
        self.counts.decode_s += time.perf_counter() - started_s
        self.counts.audio_s += block.duration_s if block else 0.0
        return block

    def _found_speech(self, work: Callable[[], Sequence[SpeechPiece]]) -> Sequence[SpeechPiece]:
        pieces, taken_s = _timed(work)
        self.counts.model_s += taken_s
        return pieces

    async def _begin(self, first: SpeechPiece, tasks: TaskGroup) -> MemoryObjectSendStream[AudioBuffer]:
        """Start a segment's task once a recogniser session may be opened; where its audio is to be sent."""
        await self._parts.slots.acquire()
        send, receive = anyio.create_memory_object_stream[AudioBuffer](MAX_PIECES_AHEAD)
        tasks.start_soon(self._recognise, first.segment, first.audio.start_s, receive)
        return send

    async def _recognise(self, number: int, start_s: float, pieces: MemoryObjectReceiveStream[AudioBuffer]) -> None:
        """One segment, one session: what it found is kept under the segment's number."""
        found = self._found[number] = []
        recognition = Recognition(self._parts.pipeline.recogniser)
        try:
            async with pieces:
                waiting = Waiting(pieces)
                while not waiting.is_over:
                    chunk = await waiting.next_chunk(self._chunk_s())
                    found += await self._hop(recognition, chunk, is_over=waiting.is_over)
        except BaseException:
            recognition.cancel()
            raise
        finally:
            self._parts.slots.release()
        self._milestones.on_segment(FinishedSegment(number, start_s, tuple(found)))

    def _chunk_s(self) -> float:
        longest_s = BESIDE_LIVE_SERVICE_S if self._parts.has_live_streams() else ALONE_SERVICE_S
        return self._parts.sizer.chunk_s(max_service_s=longest_s)

    async def _hop(
        self, recognition: Recognition, chunk: Sequence[AudioBuffer], *, is_over: bool
    ) -> list[TranscriptSegment]:
        """Recognise a chunk on a worker and count it: the next chunk of a file is available when it is asked for."""
        outputs, latency_s, service_s = await self._served(
            lambda: recognition.advance(chunk, is_over=is_over), recognition.cancel
        )
        audio_s = sum(piece.duration_s for piece in chunk)
        self.counts.model_s += service_s
        self.counts.latency.record(latency_s)
        self.counts.on_time += latency_s <= self._parts.target_s
        self._parts.sizer.observe(audio_s=audio_s, service_s=service_s)
        self._parts.on_heard(audio_s)
        self._observe("recognition", latency_s, service_s, audio_s)
        return outputs

    async def _served(self, call: Callable[[], Output], cancel: Callable[[], None]) -> tuple[Output, float, float]:
        """What `call` gives on a worker, the seconds from asking for it to having it, and those the worker took."""
        asked_s = time.perf_counter()
        output, service_s = await self._parts.workers.run(lambda: _timed(call), cancel=cancel, is_folder=True)
        latency_s = time.perf_counter() - asked_s
        if rest_share := self._parts.rest_share():
            await anyio.sleep(rest_share * service_s)
        return output, latency_s, service_s

    def _observe(self, stage: str, latency_s: float, service_s: float, audio_s: float = 0.0) -> None:
        waited_s = max(0.0, latency_s - service_s)
        self.counts.queue_s += waited_s
        self._parts.monitor.recorded(stage, queue_s=waited_s, service_s=service_s, audio_s=audio_s)


class Waiting:
    """The pieces of one segment that wait to be recognised, taken in chunks of the length that is right now."""

    def __init__(self, pieces: MemoryObjectReceiveStream[AudioBuffer]) -> None:
        """Take from `pieces` until it is closed."""
        self._pieces = pieces
        self._rest: AudioBuffer | None = None
        self.is_over = False
        """Whether nothing comes after the chunks taken so far."""

    async def next_chunk(self, chunk_s: float) -> list[AudioBuffer]:
        """At most `chunk_s` seconds in one or more buffers; waits only when there is nothing at all."""
        chunk: list[AudioBuffer] = []
        left_s = chunk_s
        while left_s > 0 and (piece := await self._next_piece(wait=not chunk)) is not None:
            frames = min(piece.frames, math.ceil(left_s * piece.sample_rate))
            self._rest = piece.cut(frames) if frames < piece.frames else None
            chunk.append(piece.cut(0, frames))
            left_s -= chunk[-1].duration_s
        return chunk

    async def _next_piece(self, *, wait: bool) -> AudioBuffer | None:
        """A piece that is there, or that comes; nothing at the end, or when there is none and it is not to `wait`."""
        if self._rest is not None:
            return self._rest
        try:
            return await self._pieces.receive() if wait else self._pieces.receive_nowait()
        except anyio.WouldBlock:
            return None
        except anyio.EndOfStream:
            self.is_over = True
            return None


def _timed(work: Callable[[], Output]) -> tuple[Output, float]:
    started_s = time.perf_counter()
    output = work()
    return output, time.perf_counter() - started_s
