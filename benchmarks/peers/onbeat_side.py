"""Onbeat behind the same socket as a peer, so that none has a wire to pay for that the others have not."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.wire import TARGET_S, WORKERS, Answer, serve
from benchmarks.workloads import RATE_HZ, Encoder
from engine import AsyncAudioProcessor, BatchProcessingConfig, __version__
from engine.bench.stream_tasks import StreamTasks
from modules.audio.buffer import AudioBuffer
from modules.events import EventType, StreamEvent
from modules.models.onnx import OnnxModel
from modules.simulation.arrivals import PIECE_S

_SLACK = 1e-6  # of a piece


class Answers:
    """What streams are asked, piece by piece, and who waits for it; a stream is opened with its first piece."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._waiting: dict[int, dict[int, asyncio.Future[float | None]]] = {}
        self._pushed: dict[int, int] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}

    def said(self, stream: int, event: StreamEvent) -> None:
        """An event of a stream: the answer to a piece, or how many samples were given up."""
        if event.type is EventType.FINAL:
            piece = int(event.start_s / PIECE_S + _SLACK)
            waiting = self._waiting[stream].pop(piece, None)
            if waiting is not None:
                waiting.set_result(float(event.value))  # type: ignore[arg-type] # our stage gives numbers

    async def ask(self, streams: StreamTasks, stream: int, sound: bytes, due_s: float) -> float | None:
        """What the engine says of the stream's next piece."""
        if stream not in self._opening:
            self._opening[stream] = asyncio.create_task(streams.open(stream))
            self._waiting[stream], self._pushed[stream] = {}, 0
        piece, self._pushed[stream] = self._pushed[stream], self._pushed[stream] + 1
        answer = self._waiting[stream][piece] = asyncio.get_running_loop().create_future()
        await self._opening[stream]
        streams[stream].push_nowait(AudioBuffer(np.frombuffer(sound, np.float32), RATE_HZ), available_s=due_s)
        said: float | None = await answer
        return said


async def main(model: str, path: str) -> None:
    """Serve the model at the socket."""
    stage = Encoder(OnnxModel(Path(model)))

    @asynccontextmanager
    async def session() -> AsyncIterator[Answer]:
        """An engine of its own for each trial, as in the other scenarios."""
        config = BatchProcessingConfig(asr="none", workers=WORKERS, chunk_s=PIECE_S, learn=False, max_streams=100_000)
        options: dict[str, Any] = {"deadline_s": TARGET_S, "overload": "drop_oldest", "max_buffered_s": 60.0}
        answers = Answers()
        async with (
            AsyncAudioProcessor(config) as processor,
            StreamTasks(lambda: processor.open_stream(RATE_HZ, stages=[stage], **options), answers.said) as streams,
        ):
            yield partial(answers.ask, streams)

    settings = f"{WORKERS} workers, chunks of {PIECE_S:g} s"
    await serve(path, session, version=__version__, settings=settings)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
