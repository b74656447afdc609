"""When streams open, send and close: `SentStream` records, drawn from a seed.

Each stream sends pieces of `PIECE_S` seconds, whatever the engine's chunk length is; an instant is when a piece's last
sample is there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

PIECE_S = 0.2
"""Seconds of audio in a piece."""

Pattern = Callable[[int, float, Random], "list[SentStream]"]
"""Draws so many streams over so many seconds."""


@dataclass(frozen=True, slots=True)
class SentStream:
    """One stream: open from `opens_s` until `closes_s`, sending a piece at each instant of `sends_s` (ascending)."""

    opens_s: float
    closes_s: float
    sends_s: tuple[float, ...]
    priority: int = 0


def steady(streams: int, seconds: float, chance: Random) -> list[SentStream]:
    """Streams that send all the time, each at a phase of its own."""
    return [_between(0.0, seconds, chance) for _ in range(streams)]


def poisson(streams: int, seconds: float, chance: Random) -> list[SentStream]:
    """Streams whose pieces come at random: as many on average as from a steady one."""
    return [SentStream(0.0, seconds, _random_instants(seconds, chance)) for _ in range(streams)]


def talk_spurts(streams: int, seconds: float, chance: Random) -> list[SentStream]:
    """Streams that send while somebody speaks: exponential spurts of 1.2 s and pauses of 1.8 s on average.

    The classic model of speech on a line (Brady, A Statistical Analysis of On-Off Patterns in 16 Conversations, Bell
    System Technical Journal 47, 1968): speech in about 40 % of the time.
    """
    return [SentStream(0.0, seconds, _spurts(seconds, chance)) for _ in range(streams)]


def joined(*groups: list[SentStream]) -> list[SentStream]:
    """All of them, in order of opening: later groups are the newer streams."""
    return sorted((stream for group in groups for stream in group), key=lambda stream: stream.opens_s)


def between(streams: int, chance: Random, *, from_s: float, until_s: float, spread_s: float = 0.0) -> list[SentStream]:
    """Steady streams that open at `from_s`, spread over `spread_s`, and close at `until_s`: a step or a burst."""
    return [_between(from_s + spread_s * chance.random(), until_s, chance) for _ in range(streams)]


def with_priority(streams: list[SentStream], priority: int) -> list[SentStream]:
    """The same streams, of that priority."""
    return [replace(stream, priority=priority) for stream in streams]


def _between(from_s: float, until_s: float, chance: Random) -> SentStream:
    first_s = from_s + PIECE_S * (1 + chance.random())
    pieces = max(0, int((until_s - first_s) / PIECE_S) + 1)
    return SentStream(from_s, until_s, tuple(first_s + number * PIECE_S for number in range(pieces)))


def _random_instants(seconds: float, chance: Random) -> tuple[float, ...]:
    instants = []
    at_s = chance.expovariate(1 / PIECE_S)
    while at_s < seconds:
        instants.append(at_s)
        at_s += chance.expovariate(1 / PIECE_S)
    return tuple(instants)


def _spurts(seconds: float, chance: Random) -> tuple[float, ...]:
    instants: list[float] = []
    at_s = chance.expovariate(1 / 1.8) * chance.random()
    while at_s < seconds:
        ends_s = min(seconds, at_s + chance.expovariate(1 / 1.2))
        while (at_s := at_s + PIECE_S) <= ends_s:
            instants.append(at_s)
        at_s = ends_s + chance.expovariate(1 / 1.8)
    return tuple(instants)
