"""What the bare calls of a recogniser allow: their throughput, and the most streams an ideal queue would keep on time.

As many threads as workers run the calls of `vosk-server`'s scheme one after the other, with nothing around them, on the
audio and at the places that the trials use. The times of the calls are then put through a queue that costs nothing: the
chunk that was there first goes to whichever server is free. No scheme that makes these calls does better.
"""

import heapq
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Call = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Cadence:
    """Every stream has a chunk each `chunk_s` seconds at a phase of its own; the first `warm_up` do not count.

    Streams begin at random within `begin_s`. A recogniser decodes at every few chunks only: those that began in the
    same moment would all do so at once for ever after, as no streams of different people do.
    """

    chunk_s: float
    chunks: int
    warm_up: int
    begin_s: float = 1.0

    def schedule(self, streams: int) -> list[tuple[float, int, int]]:
        """When which stream has which chunk, in order of time; the same in every trial with so many streams."""
        chance = random.Random(streams)
        return sorted(
            (begin_s + chunk * self.chunk_s, stream, chunk)
            for stream, begin_s in enumerate(chance.random() * self.begin_s for _ in range(streams))
            for chunk in range(self.chunks)
        )


@dataclass(frozen=True, slots=True)
class BareCalls:
    """Seconds of each call, shape (streams, chunks), measured on as many busy threads as `workers`."""

    service_s: NDArray[np.float64]
    cadence: Cadence
    workers: int
    wall_s: float

    @classmethod
    def measured(cls, session: Callable[[int], Call], cadence: Cadence, *, streams: int, workers: int) -> "BareCalls":
        """Run them: `session` opens that of a stream, in the thread that then calls it with each chunk's number."""
        service_s = np.zeros((streams, cadence.chunks))
        spent_s = [0.0] * workers

        def work(worker: int) -> None:
            mine = range(worker, streams, workers)
            started_s = 0.0
            calls = [session(stream) for stream in mine]
            for chunk in range(cadence.chunks):
                if chunk == cadence.warm_up:
                    started_s = time.perf_counter()
                for stream, call in zip(mine, calls, strict=True):
                    before_s = time.perf_counter()
                    call(chunk)
                    service_s[stream, chunk] = time.perf_counter() - before_s
            spent_s[worker] = time.perf_counter() - started_s

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return cls(service_s, cadence, workers, max(spent_s))

    @property
    def streams(self) -> float:
        """As many as their throughput carries, however late."""
        return len(self.service_s) * (self.cadence.chunks - self.cadence.warm_up) * self.cadence.chunk_s / self.wall_s

    def most_on_time(self, target_s: float) -> int:
        """As many as the ideal queue keeps at p99 within the target, at most those measured."""
        low, high = 0, len(self.service_s) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.p99_s(middle) <= target_s else (low, middle)
        return low

    def p99_s(self, streams: int) -> float:
        """The p99 latency of so many of the streams in the ideal queue."""
        chosen = random.Random(streams).sample(range(len(self.service_s)), streams)
        free_s = [0.0] * self.workers
        over_s = dict.fromkeys(chosen, 0.0)  # a stream's chunks follow one another
        latencies = []
        for at_s, place, chunk in self.cadence.schedule(streams):
            stream = chosen[place]
            end_s = max(at_s, over_s[stream], heapq.heappop(free_s)) + self.service_s[stream, chunk]
            heapq.heappush(free_s, end_s)
            over_s[stream] = end_s
            if chunk >= self.cadence.warm_up:
                latencies.append(end_s - at_s)
        return float(np.quantile(latencies, 0.99))
