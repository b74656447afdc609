"""`PieceBook`: what became of every piece that was sent, by the clock of whoever sent it. Pure: it is told the times.

A stream's pieces are to be answered once each and in order. What never is, is lost: given up, passed over, or not yet
answered when the book is looked at. An answer that comes after that to a later piece is out of order. None of these is
"not counted".
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modules.monitoring.histogram import HistogramSnapshot, LatencyHistogram

HEALTHY = 0.99
"""Share of a stream's pieces on time from which the stream is healthy."""

SERVED = 0.5
"""Share of a stream's pieces on time from which the stream counts as served: others were refused or suspended."""

ON_TIME, STANDING = 0.99, 0.9
"""Share of all pieces on time from which all is well, and of those of any moment from which nothing has broken down."""

_SLACK = 1e-6  # of a period, or a piece


@dataclass(frozen=True, slots=True)
class Moment:
    """What became of the pieces that were sent in `period_s` seconds from `at_s` on."""

    at_s: float
    sent: int
    on_time: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the pieces that count: `sent` in all, `on_time` of them; the latency of those that were answered.

    `healthy` of `streams` had 99 of 100 pieces on time. `lost` were never answered, `disordered` after a later one,
    `doubled` twice. Streams that were refused or suspended have lost what they sent; the others' latency is `served`.
    Of those lost, `dropped` were said to be given up, and of `unfinished` nothing was heard, nor of any later piece of
    their streams: they may be in a chunk that was not whole yet. The rest was passed over.
    """

    sent: int
    on_time: int
    lost: int
    disordered: int
    doubled: int
    streams: int
    healthy: int
    latency: HistogramSnapshot
    served: HistogramSnapshot
    dropped: int = 0
    unfinished: int = 0

    @property
    def on_time_share(self) -> float:
        """Of all that were sent."""
        return self.on_time / self.sent if self.sent else 1.0

    @property
    def misses(self) -> int:
        """Sent and not on time."""
        return self.sent - self.on_time

    def p_ms(self, q: float) -> float:
        """A quantile of latency in milliseconds, of what was answered; 0 when nothing was."""
        return self.latency.quantile(q) * 1e3 if self.latency.count else 0.0


class PieceBook:
    """Told of each piece when it was due to be sent and when it was answered; counts those due from `from_s` on."""

    def __init__(self, *, target_s: float) -> None:
        """On time is within `target_s` of when a piece was due."""
        self._target_s = target_s
        self._due: dict[int, dict[int, float]] = {}
        self._answered: dict[int, dict[int, float]] = {}
        self._last: dict[int, int] = {}
        self._disordered: set[tuple[int, int]] = set()
        self._dropped: dict[int, set[int]] = {}
        self._doubled = 0

    def sent(self, stream: int, number: int, due_s: float) -> None:
        """A piece is sent that was due at `due_s`."""
        self._due.setdefault(stream, {})[number] = due_s

    def answered(self, stream: int, number: int, now_s: float) -> None:
        """The answer to a piece is there at `now_s`."""
        times = self._answered.setdefault(stream, {})
        if number in times:
            self._doubled += 1
            return
        times[number] = now_s
        if number < self._last.get(stream, -1):
            self._disordered.add((stream, number))
        self._last[stream] = max(number, self._last.get(stream, -1))

    def answered_chunk(self, stream: int, numbers: range, now_s: float) -> None:
        """One answer for several pieces that made one chunk, at `now_s`.

        Chunk latency counts from a chunk's last sample: each piece of it has that of the last.
        """
        if numbers:
            late_s = now_s - self._due[stream][numbers[-1]]
            for number in numbers:
                self.answered(stream, number, self._due[stream][number] + late_s)

    def dropped(self, stream: int, numbers: range) -> None:
        """It was said that these pieces are given up."""
        self._dropped.setdefault(stream, set()).update(numbers)

    def outcome(self, *, from_s: float, until_s: float) -> Outcome:
        """What became of the pieces due between these instants."""
        latency, served = LatencyHistogram(), LatencyHistogram()
        dropped, unfinished = self._lost(from_s, until_s)
        sent = on_time = healthy = streams = 0
        for each in self._by_stream(from_s, until_s):
            streams += 1
            good = sum(late is not None and late <= self._target_s for late in each)
            sent, on_time = sent + len(each), on_time + good
            healthy += good >= HEALTHY * len(each)
            for late in each:
                if late is not None:
                    latency.record(max(0.0, late))
                    if good >= SERVED * len(each):
                        served.record(max(0.0, late))
        return Outcome(
            sent=sent,
            on_time=on_time,
            lost=sent - latency.count,
            disordered=len(self._disordered),
            doubled=self._doubled,
            streams=streams,
            healthy=healthy,
            latency=latency.snapshot(),
            served=served.snapshot(),
            dropped=dropped,
            unfinished=unfinished,
        )

    def _lost(self, from_s: float, until_s: float) -> tuple[int, int]:
        """How many of these pieces were given up, and of how many nothing was heard, nor of any after them."""
        dropped = unfinished = 0
        for stream, dues in self._due.items():
            given_up = self._dropped.get(stream, set())
            last = max(self._last.get(stream, -1), max(given_up, default=-1))
            answered = self._answered.get(stream, {})
            lost = [number for number, due_s in dues.items() if from_s <= due_s < until_s and number not in answered]
            dropped += sum(number in given_up for number in lost)
            unfinished += sum(number > last for number in lost)
        return dropped, unfinished

    def moments(self, *, from_s: float, until_s: float, period_s: float = 0.5) -> list[Moment]:
        """The same by when pieces were due, in whole periods."""
        count = whole_periods(until_s - from_s, period_s)
        sent, good = [0] * count, [0] * count
        for stream, dues in self._due.items():
            times = self._answered.get(stream, {})
            for number, due_s in dues.items():
                place = int((due_s - from_s) / period_s)
                if due_s >= from_s and place < count:
                    sent[place] += 1
                    good[place] += number in times and times[number] - due_s <= self._target_s
        return [Moment(from_s + place * period_s, sent[place], good[place]) for place in range(count)]

    def _by_stream(self, from_s: float, until_s: float) -> Iterator[list[float | None]]:
        """For each stream that has pieces in that time how late each was answered, `None` when it never was."""
        for stream, dues in self._due.items():
            times = self._answered.get(stream, {})
            found = [
                times[number] - due_s if number in times else None
                for number, due_s in dues.items()
                if from_s <= due_s < until_s
            ]
            if found:
                yield found


def whole_periods(seconds: float, period_s: float) -> int:
    """How many periods are whole in that time; at least one."""
    return max(1, math.floor(seconds / period_s + _SLACK))


def recovered_s(moments: Sequence[Moment], *, from_s: float) -> float | None:
    """Seconds from `from_s` until all is well again; `None` if it is not by the end.

    From then on 99 of 100 are on time, however long one goes on counting, and in no moment fewer than nine in ten. A
    p99 within the target lets one in a hundred be late for ever, and where calls are long these come together: that no
    later moment has more of them than that is not asked for.
    """
    after = sorted((each for each in moments if each.at_s >= from_s and each.sent), key=lambda each: -each.at_s)
    if not after:
        return 0.0
    spare, well_s = math.inf, None  # by how many, at least, there are more on time than needed, counted from a moment
    for moment in after:
        if moment.on_time < STANDING * moment.sent:
            break
        spare = moment.on_time - ON_TIME * moment.sent + min(0.0, spare)
        well_s = moment.at_s if spare >= -_SLACK else well_s
    return None if well_s is None else well_s - from_s
