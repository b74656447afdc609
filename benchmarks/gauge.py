"""How fast a machine was while a trial ran: by what the trial's own calls took of a CPU, beside what such calls take.

The bare calls before a trial and after it tell of two other moments, and a machine that others share is another one
within seconds. CPU time of calls goes with what two threads of bare calls give, second by second, and asks for nothing
to be run beside the trial.
"""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from benchmarks.workloads import FRAME, RATE_HZ, CallMade, Encoder, calls_per_s, pieces_of_sound
from modules.simulation.arrivals import PIECE_S

_SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Pieces in the calls that are measured, in turn, so that all meet the same machine."""

_PIECE_FRAMES = round(PIECE_S * RATE_HZ) // FRAME


@dataclass(frozen=True, slots=True)
class Gauge:
    """What calls took of a CPU when it was made, in seconds, by frames in all; those in between are on lines."""

    frames: tuple[int, ...]
    cpu_s: tuple[float, ...]

    @classmethod
    def measured(cls, stage: Encoder, *, workers: int, seconds: float = 3.0) -> Self:
        """By bare calls of all sizes in turn, on as many threads as workers."""
        sounds = pieces_of_sound()
        batches = [[sounds(row, 0) for row in range(size)] for size in _SIZES]

        def run() -> None:
            for batch in batches:
                stage.process(batch)

        run()
        with stage.noting() as calls:
            run()
            calls_per_s(run, workers=workers, seconds=seconds)
        frames = tuple(size * _PIECE_FRAMES for size in _SIZES)
        times = {number: [call.cpu_s for call in calls if call.frames == number] for number in frames}
        return cls(frames, tuple(statistics.median(times[number]) for number in frames))

    def expected_s(self, frames: int) -> float:
        """CPU seconds of a call of so many frames, as the machine was then."""
        if frames > self.frames[-1]:
            return self.cpu_s[-1] * frames / self.frames[-1]
        return float(np.interp(frames, self.frames, self.cpu_s))

    def speed(self, calls: Iterable[CallMade]) -> float:
        """How many times as fast as then the machine was during these calls; 1 where there are none."""
        expected_s = taken_s = 0.0
        for call in calls:
            expected_s += self.expected_s(call.frames)
            taken_s += call.cpu_s
        return expected_s / taken_s if taken_s else 1.0

    def streams(self, *, workers: int) -> float:
        """Streams that calls of the best size allow on so many workers, as the machine was then."""
        return workers * max(
            number / _PIECE_FRAMES * PIECE_S / cpu_s for number, cpu_s in zip(self.frames, self.cpu_s, strict=True)
        )


def speeds_of(gauge: Gauge, calls: Sequence[CallMade], *, period_s: float) -> list[float]:
    """How fast the machine was in each whole period since the first call; as before where none began."""
    periods: dict[int, list[CallMade]] = {}
    for call in calls:
        periods.setdefault(int((call.began_s - calls[0].began_s) / period_s), []).append(call)
    speeds: list[float] = []
    for number in range(max(periods, default=0)):
        speeds.append(gauge.speed(periods[number]) if number in periods else speeds[-1])
    return speeds


def slowest(speeds: Sequence[float], periods: int) -> float:
    """The least of so many periods in a row, as a share of the mean."""
    sums = [sum(speeds[first : first + periods]) / periods for first in range(len(speeds) - periods + 1)]
    return min(sums) / statistics.fmean(speeds) if sums else 1.0


def steadily(speeds: Sequence[float], *, period_s: float, slack_s: float) -> float:
    """What can be asked of a machine of such speeds all the time, each thing done `slack_s` later, by its mean speed.

    No more than so much that in no stretch of time more is asked than is done from its beginning until so long after
    its end (the arrival curve under the service curve: Le Boudec and Thiran, Network Calculus, 2001). At most 1.
    """
    slack = round(slack_s / period_s)
    done = [0.0, *itertools.accumulate(speeds)]
    most = min(
        (
            (done[end + slack] - done[begin]) / (end - begin)
            for begin in range(len(done))
            for end in range(begin + 1, len(done) - slack)
        ),
        default=math.inf,
    )
    return min(1.0, most / statistics.fmean(speeds)) if speeds else 1.0


def by_a_fixed_number(shares: Sequence[float]) -> float:
    """What who chooses one number for several stretches of time keeps on average, by what each carried `steadily`.

    In a stretch that carried as much all of it is kept, in the others nothing; the number is the best, of those known.
    """
    return max((share * sum(other >= share for other in shares) / len(shares) for share in shares), default=1.0)
