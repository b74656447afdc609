"""`Outcome`: what became of every piece that streams sent, and what the governor did."""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from modules.simulation.arrivals import PIECE_S
from modules.tuning.plan import Decision, Knob, Observation


@dataclass(slots=True)
class StreamOutcome:
    """One stream: `answers` has for each chunk answered when its last sample was there, its latency and its pieces.

    `lost_s` are the instants of pieces that were given up or never answered.
    """

    answers: list[tuple[float, float, int]] = field(default_factory=list)
    lost_s: list[float] = field(default_factory=list)

    def pieces(self, target_s: float, from_s: float, until_s: float) -> tuple[int, int]:
        """Pieces that were there from `from_s` to before `until_s`, and those on time."""
        sent = on_time = 0
        first = bisect_left(self.answers, from_s, key=lambda answer: answer[0])
        for available_s, latency_s, pieces in self.answers[first:]:
            if available_s >= until_s:
                break
            sent += pieces
            if latency_s <= target_s:
                on_time += pieces
        lost = bisect_left(self.lost_s, until_s) - bisect_left(self.lost_s, from_s)
        return sent + lost, on_time


@dataclass(frozen=True, slots=True)
class KneeSeen:
    """The knee of the chunk length in force, at one look."""

    at_s: float
    knee: int
    chunk_s: float


@dataclass(frozen=True, slots=True)
class WorkDone:
    """CPU seconds of live and of folder work so far, at one look."""

    at_s: float
    live_s: float
    folder_s: float


@dataclass(slots=True)
class Outcome:
    """A run's result; times are virtual seconds."""

    target_s: float
    seconds: float
    streams: list[StreamOutcome]
    observations: list[Observation] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    knees: list[KneeSeen] = field(default_factory=list)
    work: list[WorkDone] = field(default_factory=list)
    folder_s: float = 0.0
    """CPU seconds of folder work."""
    live_s: float = 0.0
    """CPU seconds of live work."""
    periods: int = 0
    throttled_periods: int = 0

    def on_time(self, from_s: float = 0.0, until_s: float = math.inf) -> float:
        """Share of pieces on time among those that were there in that time; 1 when there was none."""
        sums = [stream.pieces(self.target_s, from_s, until_s) for stream in self.streams]
        sent = sum(each for each, _ in sums)
        return sum(each for _, each in sums) / sent if sent else 1.0

    def goodput_s(self, from_s: float, until_s: float) -> float:
        """Seconds of audio per second answered on time."""
        on_time = sum(stream.pieces(self.target_s, from_s, until_s)[1] for stream in self.streams)
        return on_time * PIECE_S / (until_s - from_s)

    def healthy(self, from_s: float, until_s: float, *, share: float = 0.99) -> int:
        """Streams that sent something in that time and had at least that share of it on time."""
        sums = [stream.pieces(self.target_s, from_s, until_s) for stream in self.streams]
        return sum(1 for sent, on_time in sums if sent and on_time >= share * sent)

    def p99_s(self, from_s: float = 0.0, until_s: float = math.inf) -> float:
        """Latency in seconds that 99 of 100 chunks answered in that time stay within."""
        latencies = sorted(
            latency_s
            for stream in self.streams
            for available_s, latency_s, _ in stream.answers
            if from_s <= available_s < until_s
        )
        return latencies[math.ceil(0.99 * len(latencies)) - 1] if latencies else 0.0

    def turns(self, knob: Knob) -> list[tuple[float, float]]:
        """When that knob was turned, and to what."""
        return [(made.at_s, move.after) for made in self.decisions for move in made.moves if move.knob is knob]

    def most_reversals(self, knob: Knob, *, within_s: float = 10.0, from_s: float = 0.0) -> int:
        """The most changes of direction of that knob in any stretch of `within_s` seconds."""
        moves = [move for made in self.decisions if made.at_s >= from_s for move in made.moves if move.knob is knob]
        instants = [at_s for at_s, _ in self.turns(knob) if at_s >= from_s]
        turned_s = [
            instants[number]
            for number in range(1, len(moves))
            if (moves[number].after > moves[number].before) != (moves[number - 1].after > moves[number - 1].before)
        ]
        return max(
            (bisect_right(turned_s, at_s + within_s) - number for number, at_s in enumerate(turned_s)), default=0
        )

    def folder_share(self, from_s: float, *, cores: int) -> float:
        """Share of the time that live work left idle from then on in which folder work ran."""
        first = next(done for done in self.work if done.at_s >= from_s)
        last = self.work[-1]
        idle_s = cores * (last.at_s - first.at_s) - (last.live_s - first.live_s)
        return (last.folder_s - first.folder_s) / idle_s

    def knee_variation(self, from_s: float = 0.0) -> float:
        """Coefficient of variation of the knee at the looks from then on, that of each chunk length by itself."""
        by_length: dict[float, list[int]] = {}
        for seen in self.knees:
            if seen.at_s >= from_s:
                by_length.setdefault(seen.chunk_s, []).append(seen.knee)
        squares = [(knee * len(knees) / sum(knees) - 1) ** 2 for knees in by_length.values() for knee in knees]
        return math.sqrt(sum(squares) / len(squares))
