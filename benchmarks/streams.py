"""Live streams: how many a machine carries at p99 under the target, beside the scheme of the `vosk-server` server.

Both run in this process, in turn, on the same audio, fed by the same open-loop generator; latency counts from each
chunk's scheduled time. A machine's speed drifts by more than the sides differ, so between two trials the bare calls are
measured, loads are shares of what these carry just then, and each side climbs its own stairs: up after two trials in a
row that were sustained, down after one that was not. What a side sustains is where its stairs end up.
"""

import asyncio
import gc
import json
import random
import statistics
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
import vosk
from numpy.typing import NDArray

from benchmarks.asking import asking_shares
from benchmarks.bare_calls import BareCalls, Cadence, Call
from benchmarks.carried import apart
from benchmarks.material import digit_strings, model, read_speech
from benchmarks.stairs import Stairs
from engine import AsyncAudioProcessor, BatchProcessingConfig
from modules.monitoring.histogram import LatencyHistogram
from modules.monitoring.monitor import RealTimePerformanceMonitor

RATE_HZ = 16_000
CHUNK_S = 0.2
CHUNK_FRAMES = round(CHUNK_S * RATE_HZ)
TARGET_S = 0.3
WARM_UP_S = 2.0
MAX_DRIFT = 1.25
"""A trial counts if the bare calls before it and after it agree within this factor."""

WORKERS = 2
TICK_S = 0.002  # the generator sleeps no shorter: it would cost both sides a good part of a core

ASKED = 150
"""Streams, at most, by which it is measured what asking for partials takes."""

BEYOND_S = 15.0
LEAST_BEYOND = 0.6
"""At 1.3 times what is carried so much is answered on time at least, or it has collapsed: 1 / 1.3 is all there is."""

FIRST_SHARE = 0.95
GUESS = {"digits-en": 700, "english-small": 16}
"""Streams of which the bare calls are measured: some more than they carry."""

Pcm = NDArray[np.int16]
Feed = Callable[[int, Pcm, float], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One run with so many streams: chunk latencies in seconds from the schedule, and how late the generator was.

    `on_time` is the share of all chunks that were answered within the target.
    """

    streams: int
    p50_s: float
    p99_s: float
    unanswered: int
    generator_p99_s: float
    on_time: float = 0.0

    def __str__(self) -> str:
        late = f"{self.unanswered} unanswered, " if self.unanswered else ""
        times = f"p50 {self.p50_s * 1e3:.0f} ms, p99 {self.p99_s * 1e3:.0f} ms"
        return f"{self.streams} streams {times}, {late}generator late {self.generator_p99_s * 1e3:.0f} ms"

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
        self.scheduled = self.on_time = 0
        self._count_from_s = count_from_s

    def answered(self, scheduled_s: float) -> None:
        """A chunk that was scheduled then has its result now."""
        if scheduled_s >= self._count_from_s:
            latency_s = time.perf_counter() - scheduled_s
            self.histogram.record(latency_s)
            self.on_time += latency_s <= TARGET_S

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
        quantile, on_time = self.histogram.quantile, self.on_time / max(1, self.scheduled)
        return Trial(streams, quantile(0.5), quantile(0.99), max(0, unanswered), self.late.quantile(0.99), on_time)


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
    """Feed every stream a chunk each 200 ms, by a schedule drawn beforehand, whether or not anybody keeps up."""
    places = first_places(streams, speech)
    started_s = time.perf_counter() + 0.1
    for at_s, stream, chunk in cadence_of(seconds).schedule(streams):
        scheduled_s = started_s + at_s
        if (wait_s := scheduled_s - time.perf_counter()) > 0:
            await asyncio.sleep(max(wait_s, TICK_S))
        latencies.fed(scheduled_s)
        feed(stream, chunk_of(speech, stream, places[stream], chunk), scheduled_s)


def cadence_of(seconds: float) -> Cadence:
    """When chunks come in a trial of so many seconds, and which of them count."""
    return Cadence(CHUNK_S, round(seconds / CHUNK_S), round(WARM_UP_S / CHUNK_S))


def first_places(streams: int, speech: Sequence[Pcm]) -> list[int]:
    """Where in its recording each stream begins."""
    chance = random.Random(streams)
    return [chance.randrange(0, len(speech[stream % len(speech)])) for stream in range(streams)]


def chunk_of(speech: Sequence[Pcm], stream: int, place: int, tick: int) -> Pcm:
    """What a stream that began at `place` says then; its recording goes round and round."""
    pcm = speech[stream % len(speech)]
    start = (place + tick * CHUNK_FRAMES) % (len(pcm) - CHUNK_FRAMES)
    return pcm[start : start + CHUNK_FRAMES]


async def onbeat_trial(name: str, speech: Sequence[Pcm], seconds: float, streams: int) -> Trial:
    """The engine: one stream each, events read by a task each."""
    config = BatchProcessingConfig(
        asr="vosk",
        vosk_model=model(name),
        workers=WORKERS,
        max_streams=100_000,
        max_memory_mb=8_192,
        chunk_s=CHUNK_S,
        learn=False,
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


def bare_calls(name: str, speech: Sequence[Pcm], seconds: float, streams: int) -> BareCalls:
    """The server's calls with nothing around them."""
    loaded = vosk.Model(str(model(name)))
    places = first_places(streams, speech)

    def session(stream: int) -> Call:
        recogniser = vosk.KaldiRecognizer(loaded, RATE_HZ)
        recogniser.SetWords(True)  # noqa: FBT003 - as above

        def call(tick: int) -> None:
            process_chunk(recogniser, chunk_of(speech, stream, places[stream], tick).tobytes())

        return call

    return BareCalls.measured(session, cadence_of(seconds), streams=streams, workers=WORKERS)


def asking(name: str, speech: Sequence[Pcm]) -> dict[int, float]:
    """What asking for a partial takes, as a share of recognising a chunk, by the age of the streams in seconds."""
    loaded = vosk.Model(str(model(name)))
    streams = min(ASKED, GUESS[name])
    places = first_places(streams, speech)
    return asking_shares(
        [vosk.KaldiRecognizer(loaded, RATE_HZ) for _ in range(streams)],
        lambda stream, tick: chunk_of(speech, stream, places[stream], tick).tobytes(),
        chunk_s=CHUNK_S,
    )


Side = Callable[[str, Sequence[Pcm], float, int], Coroutine[Any, Any, Trial]]


def climb(
    name: str, speech: Sequence[Pcm], sides: Mapping[str, Side], *, seconds: float, rounds: int
) -> tuple[dict[str, Stairs], list[BareCalls]]:
    """The stairs of each side, and the bare calls that were measured before, between and after the trials."""
    guess = GUESS[name]
    stairs = {side: Stairs(FIRST_SHARE) for side in sides}
    bare = [bare_calls(name, speech, seconds, guess)]
    for _ in range(rounds):
        for side, trial in sides.items():
            streams = max(2, round(stairs[side].share * bare[-1].streams))
            gc.collect()  # what earlier trials left behind is not to be freed in this one: recognisers take long
            found = asyncio.run(trial(name, speech, seconds, streams))
            bare.append(bare_calls(name, speech, seconds, guess))
            before, after = bare[-2].streams, bare[-1].streams
            share = 2 * streams / (before + after)
            is_steady = apart(before, after) <= MAX_DRIFT
            drift = "" if is_steady else f"; not counted: the machine's speed went from {before:.0f} to {after:.0f}"
            print(f"    {name} {side}: {found}, {share:.2f} of the bare calls{drift}", flush=True)
            if is_steady:
                stairs[side].tried(share, is_sustained=found.is_sustained)
    return stairs, bare


def report(*, seconds: float, rounds: int = 12) -> bool:
    """Print two lines a model; whether the engine carries as many streams as it has to."""
    good = True
    for name, factor in (("digits-en", 1.15), ("english-small", 1.0)):
        speech, sides = recordings(name), {"onbeat": onbeat_trial, "server": server_trial}
        stairs, bare = climb(name, speech, sides, seconds=seconds, rounds=rounds)
        ours, theirs = stairs["onbeat"], stairs["server"]
        carried = statistics.median(calls.streams for calls in bare)
        ideal = statistics.median(calls.most_on_time(TARGET_S) / calls.streams for calls in bare)
        good = good and ours.end >= factor * theirs.end and ours.end >= 0.85 * ideal
        beside = f"ratio {ours.end / theirs.end:.2f} (at least {factor})"
        print(
            f"{name}: {ours.end * carried:.0f} streams (spread {ours.spread:.0%}), vosk-server's scheme "
            f"{theirs.end * carried:.0f} ({theirs.spread:.0%}), {beside}; the bare calls' throughput is that of "
            f"{carried:.0f}, and an ideal queue of them keeps {ideal * carried:.0f} on time: "
            f"ratios {ours.end:.2f} and {ours.end / ideal:.2f} (at least 0.85)"
        )
        shares = asking(name, speech)
        said = ", ".join(f"{share:.2f} after {at_s} s" for at_s, share in shares.items())
        print(f"    asking for a partial takes, of recognising a chunk: {said}")
        beyond = round(1.3 * ours.end * carried)
        after = asyncio.run(onbeat_trial(name, speech, BEYOND_S, beyond))
        behind = asyncio.run(server_trial(name, speech, BEYOND_S, beyond))
        good = good and after.on_time >= LEAST_BEYOND
        print(
            f"    at 1.3x ({beyond} streams): {after.on_time:.0%} on time (at least {LEAST_BEYOND:.0%}), p99 "
            f"{after.p99_s:.2f} s, {after.unanswered} chunks unanswered; vosk-server's scheme {behind.on_time:.0%}, "
            f"p99 {behind.p99_s:.2f} s, {behind.unanswered} unanswered"
        )
    return good
