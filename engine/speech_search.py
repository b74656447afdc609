"""One recording on its way from blocks of sound to pieces of speech, alone or in calls that others share."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from engine.flow_parts import FlowCounts, FlowParts
from engine.folder_hops import FolderHops, timed
from modules.audio.buffer import AudioBuffer
from modules.stages.hop import END, HopCall
from modules.stages.segmenter import SpeechPiece

PULL_S = 0.02
"""Blocks are pulled in one hop until it has lasted so many seconds: cheap ones share a hop, dear ones do not."""

MAX_PIECES_AHEAD = 16
"""Pieces of one segment, at most a block each, that may wait for its recogniser while the search goes on."""

MAX_BLOCKS_AHEAD = 4
"""Blocks of one recording that are pulled in a hop, and as many that may wait to be searched."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a recording. `cancel` tells a pull to come back soon; any thread may call it."""

    blocks: Iterator[AudioBuffer]
    cancel: Callable[[], None]
    counts: FlowCounts

    def next(self) -> AudioBuffer | None:
        """On a worker: the next one, if there is one; it and the time it took are counted."""
        block, taken_s = timed(lambda: next(self.blocks, None))
        self.counts.decode_s += taken_s
        self.counts.audio_s += block.duration_s if block else 0.0
        return block


class Search(Protocol):
    """How a recording is searched for speech."""

    async def next(self) -> tuple[Sequence[SpeechPiece], bool]:
        """The pieces of speech that come next, if there are any yet, and whether these were the last."""
        ...


def search_of(blocks: Blocks, parts: FlowParts, hops: FolderHops, tasks: TaskGroup, left: ExitStack) -> Search:
    """The search of a recording; what it does beside runs in `tasks`, what it holds is given back with `left`."""
    if not parts.speech.are_shared:
        return OwnSearch(blocks, parts, hops)
    shared = SharedSearch(blocks, parts, hops, left)
    tasks.start_soon(shared.read)
    return shared


class OwnSearch:
    """The search by a session that shares nothing: blocks are searched in the hop that pulls them."""

    def __init__(self, blocks: Blocks, parts: FlowParts, hops: FolderHops) -> None:
        """Begin before the first block."""
        self._blocks = blocks
        self._hops = hops
        self._segmenter = parts.pipeline.segmenter.open()

    async def next(self) -> tuple[Sequence[SpeechPiece], bool]:
        """The pieces of speech of the next blocks, and whether that was all."""
        served = await self._hops.run("decoding + segmenting", self._pull, self._cancel)
        return served.output

    def _pull(self) -> tuple[list[SpeechPiece], bool]:
        """On a worker: one hop for many blocks."""
        pieces: list[SpeechPiece] = []
        started_s = time.perf_counter()
        while time.perf_counter() - started_s < PULL_S and len(pieces) < MAX_PIECES_AHEAD:
            block = self._blocks.next()
            if block is None:
                return [*pieces, *self._found(self._segmenter.finish)], True
            pieces += self._found(partial(self._segmenter.feed, block))
        return pieces, False

    def _found(self, work: Callable[[], Sequence[SpeechPiece]]) -> Sequence[SpeechPiece]:
        pieces, taken_s = timed(work)
        self._blocks.counts.model_s += taken_s
        return pieces

    def _cancel(self) -> None:
        self._segmenter.cancel()
        self._blocks.cancel()


class SharedSearch:
    """The search in calls that other recordings share: a task pulls blocks ahead, so that these can be together."""

    def __init__(self, blocks: Blocks, parts: FlowParts, hops: FolderHops, left: ExitStack) -> None:
        """Begin before the first block."""
        self._blocks = blocks
        self._parts = parts
        self._hops = hops
        self._session = left.enter_context(parts.speech.recording())
        self._send, self._receive = anyio.create_memory_object_stream[AudioBuffer](MAX_BLOCKS_AHEAD)
        left.callback(self._receive.close)
        left.callback(self._send.close)
        self._is_read = False
        self._rest: AudioBuffer | None = None

    async def read(self) -> None:
        """Pull blocks until there are none; as far ahead as the search allows. Raises what pulling raises."""
        with self._send:
            is_over = False
            while not is_over:
                served = await self._hops.run("decoding", self._pull, self._blocks.cancel)
                blocks, is_over = served.output
                for block in blocks:
                    await self._send.send(block)
            self._is_read = True

    async def next(self) -> tuple[Sequence[SpeechPiece], bool]:
        """The pieces of speech of what is searched next, and whether that was all."""
        try:
            whole = self._rest or await self._receive.receive()
        except anyio.EndOfStream:
            return await self._searched(HopCall(self._session, END), 0.0), True  # what was last was not known to be
        audio = self._parts.speech.next_of(whole, max_service_s=self._parts.max_service_s)
        self._rest = whole.cut(audio.frames) if audio.frames < whole.frames else None
        is_last = self._is_read and not self._rest and not self._receive.statistics().current_buffer_used
        return await self._searched(HopCall(self._session, audio, is_last), audio.duration_s), is_last

    async def _searched(self, call: HopCall, audio_s: float) -> Sequence[SpeechPiece]:
        searched = await self._hops.search(call)
        self._blocks.counts.model_s += searched.service_s
        self._parts.speech.learn(searched, audio_s=audio_s)
        self._parts.files.searched()
        return searched.pieces

    def _pull(self) -> tuple[list[AudioBuffer], bool]:
        """On a worker: a few blocks, and whether there are no more."""
        blocks: list[AudioBuffer] = []
        started_s = time.perf_counter()
        while time.perf_counter() - started_s < PULL_S and len(blocks) < MAX_BLOCKS_AHEAD:
            block = self._blocks.next()
            if block is None:
                return blocks, True
            blocks.append(block)
        return blocks, False
