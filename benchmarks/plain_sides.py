"""What Onbeat is compared with: a thread pool and a list, with settings that a person chose and nothing changes."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from benchmarks.workloads import RATE_HZ, Encoder
from engine.bench.carriers import Sounds
from modules.audio.buffer import AudioBuffer
from modules.measuring.pieces import PieceBook


@dataclass(frozen=True, slots=True)
class Plain:
    """Settings: threads, most chunks in a call, how long a call waits to fill, and pieces in a chunk."""

    workers: int = 2
    cap: int = 1
    wait_s: float = 0.0
    pieces: int = 1
    is_library_default: bool = False

    def __str__(self) -> str:
        return f"calls of {self.cap}, waits of {self.wait_s * 1e3:g} ms, chunks of {self.pieces} pieces"


SIDES = {
    "one call at a time": Plain(workers=1),
    "thread pool": Plain(),
    "batch of 16, no wait": Plain(cap=16),
    "batch of 16, 10 ms wait": Plain(cap=16, wait_s=0.01),
    "batch of 16, 50 ms wait": Plain(cap=16, wait_s=0.05),
    "library defaults": Plain(is_library_default=True),
}
"""The sides of a comparison, by name."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    stream: int
    numbers: range
    audio: AudioBuffer
    arrived_s: float


class PlainBatcher:
    """A `Carrier` with what a good programmer writes in an afternoon: no plan, no governor, no monitor."""

    def __init__(self, settings: Plain, stage: Encoder, sounds: Sounds, book: PieceBook) -> None:
        """Run `stage` by `settings`, and tell `book`."""
        self._settings = settings
        self._stage = stage
        self._sounds = sounds
        self._book = book
        self._pool = ThreadPoolExecutor(settings.workers)
        self._free = settings.workers
        self._running: set[asyncio.Future[list[float]]] = set()
        self._ready: deque[_Chunk] = deque()
        self._filling: dict[int, list[int]] = {}
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        """The pool is there."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give up what waits, and wait for what runs."""
        self._ready.clear()
        if self._running:
            await asyncio.wait(self._running)
        self._pool.shutdown(wait=False)

    async def open(self, stream: int) -> None:
        """Nothing to do: there is no state."""

    async def close(self, stream: int) -> None:
        """What fills is given up."""
        self._filling.pop(stream, None)

    def push(self, stream: int, number: int, due_s: float) -> None:  # noqa: ARG002 - a carrier's signature
        """Take a piece."""
        filling = self._filling.setdefault(stream, [])
        filling.append(number)
        if len(filling) == self._settings.pieces:
            del self._filling[stream]
            audio = self._joined(stream, filling)
            self._ready.append(_Chunk(stream, range(filling[0], number + 1), audio, time.perf_counter()))
            self._kick()

    def _joined(self, stream: int, numbers: Sequence[int]) -> AudioBuffer:
        if len(numbers) == 1:
            return self._sounds(stream, numbers[0])
        samples = np.concatenate([self._sounds(stream, number).samples for number in numbers])
        return AudioBuffer(samples, RATE_HZ)

    def _kick(self) -> None:
        settings = self._settings
        while self._free and self._ready:
            waits_s = self._ready[0].arrived_s + settings.wait_s - time.perf_counter()
            if len(self._ready) < settings.cap and waits_s > 0:
                self._loop.call_later(waits_s, self._kick)
                return
            batch = [self._ready.popleft() for _ in range(min(settings.cap, len(self._ready)))]
            self._free -= 1
            call = self._loop.run_in_executor(self._pool, self._stage.process, [chunk.audio for chunk in batch])
            self._running.add(call)
            call.add_done_callback(partial(self._done, batch))

    def _done(self, batch: Sequence[_Chunk], call: "asyncio.Future[list[float]]") -> None:
        self._running.discard(call)
        now_s = time.perf_counter()
        for chunk in batch:
            self._book.answered_chunk(chunk.stream, chunk.numbers, now_s)
        self._free += 1
        self._kick()
