"""A whole pipeline on 320 ms chunks: through Onbeat, through bare calls in lockstep, and hop by hop.

Decode, resample, Silero and an encoder of five million weights. The bound is two threads, each with half of the
streams, which do nothing but call the stages for all of theirs at once.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import soundfile

from benchmarks.workloads import LARGE_LAYERS, Encoder, encoder_file
from engine import AsyncAudioProcessor, AudioBuffer, BatchProcessingConfig
from engine.bench.stream_tasks import StreamTasks
from modules.audio.decode import open_audio
from modules.audio.grains import GrainCutter
from modules.audio.resample import Resampler
from modules.events import EventType, StreamEvent
from modules.measuring.made_up import speech_like
from modules.models.onnx import OnnxModel
from modules.stages.vad_silero import Heard, SileroDetector, SileroState, packaged_model

RATE_HZ, SOURCE_HZ = 16_000, 44_100
CHUNK_S = 0.32
CHUNK = round(CHUNK_S * RATE_HZ)
WORKERS = 2
AHEAD = 2
"""Chunks of a stream that are pushed and not answered."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Chunks a second, and where the time of a chunk went: seconds of a CPU on the event loop and on workers."""

    rate: float
    loop_s: float
    workers_s: float

    @property
    def idle_s(self) -> float:
        """Seconds in which one of as many CPUs as workers ran nothing of ours: it waited for work, a lock or others."""
        return max(0.0, WORKERS / self.rate - self.loop_s - self.workers_s)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the process, the calling thread and the clock on the wall have counted, in seconds."""

    process_s: float
    thread_s: float
    wall_s: float

    @classmethod
    def now(cls) -> "Clocks":
        """Read them."""
        return cls(time.process_time(), time.thread_time(), time.perf_counter())

    def spent(self, chunks: int) -> Spent:
        """What so many chunks have taken since."""
        now = Clocks.now()
        loop_s = now.thread_s - self.thread_s
        return Spent(
            chunks / (now.wall_s - self.wall_s), loop_s / chunks, (now.process_s - self.process_s - loop_s) / chunks
        )


@dataclass(frozen=True, slots=True)
class Kernels:
    """The stages and a recording to decode."""

    recording: Path
    detector: SileroDetector
    encoder: Encoder

    @classmethod
    def in_folder(cls, folder: Path) -> "Kernels":
        """Make the recording and the graph there."""
        recording = folder / "source.wav"
        soundfile.write(recording, speech_like(20.0, sample_rate=SOURCE_HZ).samples, SOURCE_HZ, subtype="PCM_16")
        encoder = Encoder(OnnxModel(encoder_file(folder, layers=LARGE_LAYERS)))
        return cls(recording, SileroDetector(OnnxModel(packaged_model())), encoder)

    def sound(self) -> Iterator[AudioBuffer]:
        """Chunks of 320 ms at 16 kHz, decoded and resampled one by one, over and over."""
        while True:
            resampler = Resampler(SOURCE_HZ, RATE_HZ)
            cutter = GrainCutter(CHUNK, np.float32)
            with ExitStack() as stack:
                reader = stack.enter_context(open_audio(self.recording))
                for block in reader.blocks(CHUNK_S):
                    for piece in resampler.feed(block.mono()):
                        yield from (AudioBuffer(grain, RATE_HZ) for grain in cutter.push(piece.samples))


class Source:
    """A `SessionStage`: what is pushed only says that a chunk is due; the chunk comes from the recording."""

    def __init__(self, kernels: Kernels) -> None:
        """Decode the recording of `kernels` for each stream."""
        self._kernels = kernels

    def open(self) -> "SourceSession":
        """A stream from the recording's start."""
        return SourceSession(self._kernels.sound())


class SourceSession:
    """One stream."""

    def __init__(self, sound: Iterator[AudioBuffer]) -> None:
        """Of this sound."""
        self._sound = sound

    def feed(self, payload: AudioBuffer) -> list[AudioBuffer]:  # noqa: ARG002 - it only says when
        """The next chunk."""
        return [next(self._sound)]

    def finish(self) -> list[AudioBuffer]:
        """Nothing is owed."""
        return []

    def cancel(self) -> None:
        """Nothing here takes long."""


class HeardAudio:
    """A `BatchStage` from what the detector says to what the encoder says of the same audio."""

    def __init__(self, encoder: Encoder) -> None:
        """Encode by `encoder`."""
        self._encoder = encoder

    def process(self, batch: Sequence[Heard]) -> list[float]:
        """One number a chunk."""
        return self._encoder.process([heard.audio for heard in batch])


def lockstep(kernels: Kernels, streams: int, seconds: float) -> Spent:
    """The bare calls."""

    def work(share: int) -> Callable[[], int]:
        sounds = [kernels.sound() for _ in range(share)]
        states: list[SileroState] = [kernels.detector.initial_state() for _ in sounds]

        def once() -> int:
            nonlocal states
            chunks = [next(sound) for sound in sounds]
            states, heard = kernels.detector.process(states, chunks)
            kernels.encoder.process([each.audio for each in heard])
            return len(chunks)

        return once

    shares = [streams - streams // 2, streams // 2]
    return _spent([work(share) for share in shares if share], seconds)


def hop_by_hop(kernels: Kernels, streams: int, seconds: float) -> Spent:
    """One thread hop a stage and nothing shared, as is written first."""

    async def run() -> Spent:
        loop, done, until_s = asyncio.get_running_loop(), 0, time.perf_counter() + seconds
        with ThreadPoolExecutor(WORKERS) as pool:

            async def one() -> None:
                nonlocal done
                sound, state = kernels.sound(), kernels.detector.initial_state()
                while time.perf_counter() < until_s:
                    chunk = await loop.run_in_executor(pool, next, sound)
                    (state,), (heard,) = await loop.run_in_executor(pool, kernels.detector.process, [state], [chunk])
                    await loop.run_in_executor(pool, kernels.encoder.process, [heard.audio])
                    done += 1

            started = Clocks.now()
            await asyncio.gather(*(one() for _ in range(streams)))
            return started.spent(done)

    return asyncio.run(run())


def onbeat(kernels: Kernels, streams: int, seconds: float, *, warm_up_s: float = 1.5) -> Spent:
    """Live streams that are always sent the next chunk, governor and monitor running."""

    async def run() -> Spent:
        config = BatchProcessingConfig(
            asr="none", workers=WORKERS, chunk_s=CHUNK_S, learn=False, p99_chunk_latency_ms=10_000
        )
        stages: Any = [Source(kernels), kernels.detector, HeardAudio(kernels.encoder)]
        ticket = AudioBuffer.silence(CHUNK, RATE_HZ)
        done = 0

        def said(number: int, event: StreamEvent) -> None:
            nonlocal done
            assert event.type is EventType.FINAL, event
            done += 1
            tasks[number].push_nowait(ticket)

        async with (
            AsyncAudioProcessor(config) as processor,
            StreamTasks(lambda: processor.open_stream(RATE_HZ, stages=stages, deadline_s=10.0), said) as tasks,
        ):
            for number in range(streams):
                await tasks.open(number)
                for _ in range(AHEAD):
                    tasks[number].push_nowait(ticket)
            await anyio.sleep(warm_up_s)
            before, started = done, Clocks.now()
            await anyio.sleep(seconds)
            return started.spent(done - before)

    return anyio.run(run)


def _spent(works: Sequence[Callable[[], int]], seconds: float) -> Spent:
    counts = [0] * len(works)
    for work in works:
        work()  # the first call of a shape is not counted
    started = Clocks.now()

    def loop(number: int) -> None:
        while time.perf_counter() < started.wall_s + seconds:
            counts[number] += works[number]()

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return started.spent(sum(counts))
