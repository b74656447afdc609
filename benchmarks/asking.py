"""What it costs to ask a Vosk recogniser what is being said, beside feeding it, by how long somebody has spoken."""

import time
from collections.abc import Callable, Sequence

import vosk

AT_S = (2, 4, 8, 16)
"""Seconds after which it is said what asking takes."""

_MEAN_CHUNKS = 5
_ENOUGH_S = 12.0


def asking_shares(
    recognisers: Sequence[vosk.KaldiRecognizer], chunk: Callable[[int, int], bytes], *, chunk_s: float
) -> dict[int, float]:
    """Asking as a share of recognising a chunk, by the seconds that the streams have gone on, in turn on one thread.

    `chunk` gives the PCM of a stream's chunk by both their numbers. Streams take turns because memory that was not
    touched for a while is most of the cost. It ends early where that takes too long.
    """
    shares: dict[int, float] = {}
    fed_s = asked_s = 0.0
    begun_s = time.perf_counter()
    for tick in range(round(AT_S[-1] / chunk_s)):
        if tick % _MEAN_CHUNKS == 0:
            fed_s = asked_s = 0.0
        for stream, recogniser in enumerate(recognisers):
            before_s = time.perf_counter()
            recogniser.AcceptWaveform(chunk(stream, tick))
            between_s = time.perf_counter()
            recogniser.PartialResult()
            fed_s += between_s - before_s
            asked_s += time.perf_counter() - between_s
        if (at_s := round((tick + 1) * chunk_s, 6)) in AT_S:
            shares[int(at_s)] = asked_s / fed_s
        if time.perf_counter() - begun_s > _ENOUGH_S:
            break
    return shares
