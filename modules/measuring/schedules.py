"""`Schedule`: which stream sends which of its pieces when, drawn beforehand from a seed. The patterns are `arrivals`'.

A generator sends by it whether or not anybody keeps up, and latency counts from its instants: a system that stalls
cannot thereby ask for less (what MLPerf LoadGen does, and Gil Tene's "coordinated omission" warns of).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from modules.simulation.arrivals import Pattern, SentStream, between, joined, poisson, steady, talk_spurts

PATTERNS: dict[str, Pattern] = {"steady": steady, "poisson": poisson, "bursty": talk_spurts}
"""What streams may do all the time, by name."""


@dataclass(frozen=True, slots=True)
class Send:
    """Piece `number` of a stream, counted from 0, whose last sample is there `at_s` seconds after the start."""

    at_s: float
    stream: int
    number: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Streams over `seconds`. The same seed gives the same schedule."""

    streams: tuple[SentStream, ...]
    seconds: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"seconds must be above 0 and finite, got {self.seconds}")

    def sends(self) -> list[Send]:
        """All of it in order of time."""
        found = [
            Send(at_s, stream, number)
            for stream, sent in enumerate(self.streams)
            for number, at_s in enumerate(sent.sends_s)
        ]
        return sorted(found, key=lambda send: send.at_s)


def drawn(pattern: str, streams: int, seconds: float, *, seed: int) -> Schedule:
    """So many streams that all do as `pattern` says, from beginning to end."""
    chance = Random(seed)  # noqa: S311 - seeded, no secret
    return Schedule(tuple(PATTERNS[pattern](streams, seconds, chance)), seconds, seed)


@dataclass(frozen=True, slots=True)
class Surge:
    """`more` further streams from `from_s` until `until_s`: a step when that is the end, else a burst."""

    more: int
    from_s: float
    until_s: float = math.inf


def surging(streams: int, seconds: float, surge: Surge, *, seed: int) -> Schedule:
    """Steady streams, and further ones for a while."""
    chance = Random(seed)  # noqa: S311 - as above
    always = steady(streams, seconds, chance)
    until_s = min(surge.until_s, seconds)
    return Schedule(
        tuple(joined(always, between(surge.more, chance, from_s=surge.from_s, until_s=until_s))), seconds, seed
    )


def offered(sent: Sequence[SentStream], *, from_s: float, until_s: float) -> int:
    """How many pieces are sent in that time."""
    return sum(from_s <= at_s < until_s for stream in sent for at_s in stream.sends_s)
