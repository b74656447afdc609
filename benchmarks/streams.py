"""Live streams: how many a machine carries at p99 under the target, beside the scheme of the `vosk-server` server.

Both run in this process, in turn, on the same audio, fed by the same open-loop generator; latency counts from each
chunk's scheduled time. The most streams are found by doubling and bisecting, and confirmed by a second trial.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import soundfile
import vosk
from numpy.typing import NDArray

from benchmarks.material import digit_strings, model, read_speech
from engine import AsyncAudioProcessor, BatchProcessingConfig
from modules.monitoring.histogram import LatencyHistogram
from modules.monitoring.monitor import RealTimePerformanceMonitor

RATE_HZ = 16_000
CHUNK_S = 0.2
CHUNK_FRAMES = round(CHUNK_S * RATE_HZ)
TARGET_S = 0.3
WARM_UP_S = 1.5
MAX_GENERATOR_LATE_S = 0.05
WORKERS = 2
TICK_S = 0.002  # the generator sleeps no shorter: it would cost both sides a good part of a core

Pcm = NDArray[np.int16]
Feed = Callable[[int, Pcm, float], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One run with so many streams: chunk latencies in seconds from the schedule, and how late the generator was."""

    streams: int
    p50_s: float
    p99_s: float
    unanswered: int
    generator_p99_s: float

    @property
    def is_sustained(self) -> bool:
        """Whether p99 is within the target and nothing was left behind."""
        return self.p99_s <= TARGET_S and self.unanswered == 0


class Latencies:
    """Latencies counted after the warm-up."""

    def __init__(self, count_from_s: float) -> None:
        """Count chunks that were scheduled after `count_from_s`."""
        self.histogram = LatencyHistogram()
        self.late = LatencyHistogram()
        self.scheduled = 0
        self._count_from_s = count_from_s

    def answered(self, scheduled_s: float) -> None:
        """A chunk that was scheduled then has its result now."""
        if scheduled_s >= self._count_from_s:
            self.histogram.record(time.perf_counter() - scheduled_s)

    def fed(self, scheduled_s: float) -> None:
        """A chunk that was scheduled then is fed now."""
        if scheduled_s >= self._count_from_s:
            self.scheduled += 1
            self.late.record(max(0.0, time.perf_counter() - scheduled_s))

    def trial(self, streams: int) -> Trial:
        """The sum."""
        unanswered = self.scheduled - self.histogram.count
        if not self.histogram.count:
            return Trial(streams, 9.9, 9.9, unanswered, 9.9)
        quantile = self.histogram.quantile
        return Trial(streams, quantile(0.5), quantile(0.99), max(0, unanswered), self.late.quantile(0.99))


class MeasuringMonitor(RealTimePerformanceMonitor):
    """Passes on which chunk was answered."""

    latencies: Latencies

    def answered(self, latency_s: float, *, target_s: float) -> None:
        """The chunk was scheduled `latency_s` ago."""
        super().answered(latency_s, target_s=target_s)
        self.latencies.answered(time.perf_counter() - latency_s)


def recordings(name: str) -> list[Pcm]:
    """16 kHz speech to take chunks from."""
    if name == "digits-en":
        return [soundfile.read(path, dtype="int16")[0] for path in digit_strings()[:8]]
    pieces = [soundfile.read(path, dtype="int16")[0][::3] for path in read_speech()[:8]]  # 14.7 kHz, as good for cost
    return [np.ascontiguousarray(piece) for piece in pieces]


async def generate(streams: int, seconds: float, speech: Sequence[Pcm], feed: Feed, latencies: Latencies) -> None:
    """Feed every stream a chunk each 200 ms, at phases drawn beforehand, whether or not anybody keeps up."""
    chance = random.Random(streams)
    phases = sorted((chance.random() * CHUNK_S, stream) for stream in range(streams))
    places = [chance.randrange(0, len(speech[stream % len(speech)])) for stream in range(streams)]
    started_s = time.perf_counter() + 0.1
    for tick in range(round(seconds / CHUNK_S)):
        for phase_s, stream in phases:
            scheduled_s = started_s + tick * CHUNK_S + phase_s
            if (wait_s := scheduled_s - time.perf_counter()) > 0:
                await asyncio.sleep(max(wait_s, TICK_S))
            pcm = speech[stream % len(speech)]
            start = (places[stream] + tick * CHUNK_FRAMES) % (len(pcm) - CHUNK_FRAMES)
            latencies.fed(scheduled_s)
            feed(stream, pcm[start : start + CHUNK_FRAMES], scheduled_s)
        await asyncio.sleep(0)


async def onbeat_trial(name: str, speech: Sequence[Pcm], seconds: float, streams: int) -> Trial:
    """The engine: one stream each, events read by a task each."""
    config = BatchProcessingConfig(
        asr="vosk", vosk_model=model(name), workers=WORKERS, max_streams=100_000, chunk_s=CHUNK_S, learn=False
    )
    monitor = MeasuringMonitor()
    async with AsyncAudioProcessor(config, monitor=monitor) as processor, AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(processor.open_stream(RATE_HZ, max_buffered_s=60)) for _ in range(streams)
        ]
        latencies = monitor.latencies = Latencies(time.perf_counter() + 0.1 + WARM_UP_S)

        async def read(number: int) -> None:
            async for _ in opened[number]:
                pass

        readers = [asyncio.create_task(read(number)) for number in range(streams)]
        await generate(
            streams,
            seconds,
            speech,
            lambda stream, pcm, at_s: opened[stream].push_nowait(pcm, available_s=at_s),
            latencies,
        )
        await asyncio.sleep(TARGET_S)
        result = latencies.trial(streams)
        for reader in readers:
            reader.cancel()
        return result


async def server_trial(name: str, speech: Sequence[Pcm], seconds: float, streams: int) -> Trial:
    """The scheme of vosk-server: a recogniser a stream, an executor hop a chunk, as many threads as cores."""
    loaded = vosk.Model(str(model(name)))
    loop = asyncio.get_running_loop()
    queues: list[asyncio.Queue[tuple[bytes, float]]] = [asyncio.Queue() for _ in range(streams)]
    latencies = Latencies(time.perf_counter() + 0.1 + WARM_UP_S)
    with ThreadPoolExecutor(WORKERS) as pool:

        async def serve(queue: "asyncio.Queue[tuple[bytes, float]]") -> None:
            recogniser = vosk.KaldiRecognizer(loaded, RATE_HZ)
            recogniser.SetWords(True)  # noqa: FBT003 - the library's own signature
            while True:
                pcm, scheduled_s = await queue.get()
                await loop.run_in_executor(pool, process_chunk, recogniser, pcm)
                latencies.answered(scheduled_s)

        servers = [asyncio.create_task(serve(queue)) for queue in queues]
        await generate(
            streams,
            seconds,
            speech,
            lambda stream, pcm, at_s: queues[stream].put_nowait((pcm.tobytes(), at_s)),
            latencies,
        )
        await asyncio.sleep(TARGET_S)
        result = latencies.trial(streams)
        for server in servers:
            server.cancel()
        await asyncio.gather(*servers, return_exceptions=True)
        pool.shutdown(wait=True, cancel_futures=True)
        return result


def process_chunk(recogniser: vosk.KaldiRecognizer, pcm: bytes) -> str:
    """What the server does with a message."""
    if recogniser.AcceptWaveform(pcm):
        return str(json.loads(recogniser.Result())["text"])
    return str(json.loads(recogniser.PartialResult())["partial"])


def bare_streams(name: str, seconds: float, speech: Sequence[Pcm], *, streams: int) -> float:
    """How many streams the bare calls allow: as many threads as workers, each always busy with its own recognisers.

    There are as many recognisers as streams, since each one's memory has to come back to the cache for its chunk.
    """
    loaded = vosk.Model(str(model(name)))
    chunks = [0] * WORKERS
    until_s = time.perf_counter() + seconds

    def work(number: int) -> None:
        recognisers = [vosk.KaldiRecognizer(loaded, RATE_HZ) for _ in range(max(1, streams // WORKERS))]
        for recogniser in recognisers:
            recogniser.SetWords(True)  # noqa: FBT003 - as above
        place = 0
        while time.perf_counter() < until_s:
            for which, recogniser in enumerate(recognisers):
                pcm = speech[which % len(speech)]
                start = place % (len(pcm) - CHUNK_FRAMES)
                process_chunk(recogniser, pcm[start : start + CHUNK_FRAMES].tobytes())
                chunks[number] += 1
            place += CHUNK_FRAMES

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(chunks) / seconds * CHUNK_S


async def most_streams(trial: Callable[[int], Awaitable[Trial]], guess: int, *, step: float = 0.04) -> Trial:
    """The trial with the most streams that is sustained twice: doubling, then bisecting to within `step`."""
    low, high = 0, max(2, guess)
    best: Trial | None = None
    while (found := await trial(high)).is_sustained:
        best, low, high = found, high, high * 2
    while high - low > max(1, step * high):
        middle = (low + high) // 2
        found = await trial(middle)
        if found.is_sustained and (found := await trial(middle)).is_sustained:
            best, low = found, middle
        else:
            high = middle
    return best or Trial(low, 0.0, 0.0, 0, 0.0)


def report(*, seconds: float) -> bool:
    """Print a line a model; whether the engine carries as many streams as it has to."""
    good = True
    for name, guess, factor in (("digits-en", 300, 1.15), ("english-small", 8, 1.0)):
        speech = recordings(name)
        server = asyncio.run(most_streams(partial(server_trial, name, speech, seconds), guess))
        ours = asyncio.run(most_streams(partial(onbeat_trial, name, speech, seconds), guess))
        bare = bare_streams(name, seconds, speech, streams=ours.streams)
        good = good and ours.streams >= factor * server.streams and ours.streams >= 0.85 * bare
        print(
            f"{name}: {ours.streams} streams (p99 {ours.p99_s * 1e3:.0f} ms), vosk-server's scheme {server.streams} "
            f"(p99 {server.p99_s * 1e3:.0f} ms), ratio {ours.streams / max(1, server.streams):.2f} (at least {factor})"
            f"; the bare calls allow {bare:.0f}, ratio {ours.streams / bare:.2f} (at least 0.85)"
        )
        beyond = round(1.3 * ours.streams)
        after = asyncio.run(onbeat_trial(name, speech, seconds, beyond))
        theirs = asyncio.run(server_trial(name, speech, seconds, beyond))
        print(
            f"    at 1.3x ({beyond} streams): p99 {after.p99_s:.2f} s, {after.unanswered} chunks unanswered; "
            f"vosk-server's scheme p99 {theirs.p99_s:.2f} s, {theirs.unanswered} unanswered"
        )
    return good
