"""One recording's tasks: a pump that decodes and finds speech, and a task a segment that recognises it.

They meet in bounded channels that close. Everything heavy is a hop to a worker; nothing here looks inside a payload.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from engine.failures import first_error
from engine.flow_parts import FlowCounts, FlowParts, Milestones, is_instant
from engine.folder_hops import FolderHops
from engine.memory import Turn
from engine.speech_search import MAX_PIECES_AHEAD, Blocks, Search, search_of
from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.checkpoint import FinishedSegment
from modules.stages.recognition import Recognition
from modules.stages.segmenter import SpeechPiece


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
        self._blocks = Blocks(blocks, cancel, self.counts)
        self._hops = FolderHops(parts, self.counts)
        self._milestones = milestones or Milestones()
        self._found: dict[int, list[TranscriptSegment]] = {}
        self._is_instant = is_instant(parts.pipeline.recogniser)
        self._recalling = -1  # the segment whose pieces need not be recognised

    async def run(self) -> tuple[TranscriptSegment, ...]:
        """Everything that was said, in order. Raises `DecodeError`, `ModelError` or `AudioError`."""
        with first_error():
            async with self._parts.memory.recording() as turn:
                with ExitStack() as left:
                    async with anyio.create_task_group() as tasks:
                        search = search_of(self._blocks, self._parts, self._hops, tasks, left)
                        await self._pump(search, tasks, turn)
        return tuple(segment for number in sorted(self._found) for segment in self._found[number])

    async def _pump(self, search: Search, tasks: TaskGroup, turn: Turn) -> None:
        """Search until all is searched, and send each piece of speech to its segment's task."""
        send: MemoryObjectSendStream[AudioBuffer] | None = None
        is_over = False
        try:
            while not is_over:
                if send is None:  # whoever waits in the middle of a segment keeps a recogniser from the others
                    await turn.may_go_on()
                pieces, is_over = await search.next()
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

    async def _begin(self, first: SpeechPiece, tasks: TaskGroup) -> MemoryObjectSendStream[AudioBuffer]:
        """Start a segment's task once a recogniser session may be opened; where its audio is to be sent."""
        if not self._is_instant:
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
                    chunk = await waiting.next_chunk(self._parts.sizer.chunk_s(max_service_s=self._parts.max_service_s))
                    found += await self._hop(recognition, chunk, is_over=waiting.is_over)
        except BaseException:
            recognition.cancel()
            raise
        finally:
            if not self._is_instant:
                self._parts.slots.release()
        self._milestones.on_segment(FinishedSegment(number, start_s, tuple(found)))

    async def _hop(
        self, recognition: Recognition, chunk: Sequence[AudioBuffer], *, is_over: bool
    ) -> list[TranscriptSegment]:
        """Recognise a chunk on a worker and count it: the next chunk of a file is available when it is asked for."""
        audio_s = sum(piece.duration_s for piece in chunk)
        call = partial(recognition.advance, chunk, is_over=is_over)
        if self._is_instant:
            served = self._hops.here("recognition", call, audio_s=audio_s)
        else:
            served = await self._hops.run("recognition", call, recognition.cancel, audio_s=audio_s)
        self.counts.model_s += served.service_s
        self.counts.latency.record(served.latency_s)
        self.counts.on_time += served.latency_s <= self._parts.target_s
        self._parts.sizer.observe(audio_s=audio_s, service_s=served.service_s)
        self._parts.on_heard(audio_s)
        return served.output


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
