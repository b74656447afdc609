"""`BatchCosts`: what calls of one kind cost by batch size. Pure.

Each class of sizes speaks for itself as soon as a few of its calls were seen; a line through all classes is the prior
for the others. All times are CPU seconds where these are known: what others do to the machine is for `Contention`.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable
from statistics import median

from modules.batching.drift import ShiftAlarm
from modules.batching.size_class import SIZES, Level, Line, SizeClass, class_of

MIN_CALLS = 5
"""Calls after which a class counts as explored."""

_REFIT_CALLS = 48
_TELLING_CALLS = (MIN_CALLS, 2 * MIN_CALLS, 4 * MIN_CALLS)  # of a class: when more may be concluded of it
_RELEARN_CALLS = 24
_SURE_CALLS = 64  # of a class: its median then moves by drift rather than by noise
_MAX_STEP = math.log(4.0)
_LATE_SCATTERS = 1.645  # of a normal distribution 95 of 100 stay within so many
_LATE_CALLS = 48  # calls that this is worth, beside those seen
_JUDGED_CALLS = 64  # that a shift may go back
_RENEWING_CALLS = 3  # of a class since a shift: it then speaks for itself
_LINE_CALLS = 16  # calls that the line is worth


class BatchCosts:
    """What calls of one kind cost; told of every call."""

    __slots__ = ("_alarm", "_judged", "_level", "_pending", "_relearn", "classes", "line", "shifts", "total_calls")

    def __init__(self, level: Level | None = None) -> None:
        """Start with nothing known; kinds of one model share its `level`."""
        self.classes: dict[int, SizeClass] = {}
        self.line: Line | None = None
        self.shifts = 0
        """How often the costs have shifted: whoever concluded something from them should look again."""
        self.total_calls = 0
        self._alarm = ShiftAlarm()
        self._judged: deque[tuple[SizeClass, float]] = deque(maxlen=_JUDGED_CALLS)
        self._level = level or Level()
        self._pending = 0
        self._relearn = 0

    @property
    def is_relearning(self) -> bool:
        """Whether costs have shifted so lately that little is known of the new ones."""
        return self._relearn > 0

    @property
    def scatter(self) -> float:
        """Relative scatter of single calls."""
        return self._alarm.scatter

    def observe(self, batch: int, time_s: float) -> bool:
        """Learn that a call of `batch` took `time_s` of its own; whether conclusions are due again."""
        number = class_of(batch)
        known = self.classes.get(number)
        if known is None:
            known = self.classes[number] = SizeClass(self._level)
        if batch != SIZES[number] and self.line is not None:
            time_s *= self.line(SIZES[number]) / self.line(batch)
        known.add(time_s)
        self.total_calls += 1
        known.seen = self.total_calls
        self._pending += 1
        if self._relearn:
            self._relearn -= 1
        elif known.calls > MIN_CALLS:
            ratio = time_s / known.median_s
            self._judged.append((known, ratio))
            if since := self._alarm.observe(ratio):
                self._shift(since)
                return True
        if self._pending >= min(_REFIT_CALLS, self.total_calls // 2) or known.calls in _TELLING_CALLS:
            self.refit()
            return True
        return self._relearn == 1

    def calls(self, number: int) -> int:
        """How many calls of that class were seen and not forgotten."""
        known = self.classes.get(number)
        return known.calls if known else 0

    def explored(self) -> list[int]:
        """The classes with enough calls, smallest first."""
        return sorted(number for number, known in self.classes.items() if known.calls >= MIN_CALLS)

    def mean_s(self, number: int) -> float:
        """Expected seconds of a call of that explored class, for comparing sizes.

        The mean over many calls, and with the weight of a few more the line through all classes: so a class of few
        calls is not taken at its word, and a cliff, which is far from any line, still shows at once.
        """
        known = self.classes[number]
        assert self.line is not None, number
        own_s = known.mean_s * known.drift
        return own_s + (self.line(SIZES[number]) - own_s) * _LINE_CALLS / (_LINE_CALLS + known.mean_calls)

    def recent_s(self, number: int) -> float:
        """Mean seconds over the latest calls of that explored class: what one costs now."""
        known = self.classes[number]
        return known.recent_s * known.drift

    def latest(self, least: int) -> int | None:
        """The explored class, of those from number `least` on, that was seen last."""
        large = [number for number in self.explored() if number >= least]
        return max(large, key=lambda number: self.classes[number].seen, default=None)

    def late_s(self, number: int) -> float | None:
        """Seconds that all but a few calls of that class stay within; along the line where it is not explored.

        The latest of a few calls says little of that: so much is it their mean with the scatter of all calls above it.
        """
        if self.line is None:
            return None
        known, above = self.classes.get(number), math.exp(_LATE_SCATTERS * self.scatter)
        if known is None or known.calls < MIN_CALLS:
            return self._line_s(number) * above
        weight = _LATE_CALLS / (_LATE_CALLS + known.calls)
        own_s = known.late_s * known.drift
        return own_s + weight * (self.mean_s(number) * above - own_s)

    def _line_s(self, number: int) -> float:
        """Expected seconds of a call of a class with few or no calls: from the nearest known one along the line."""
        assert self.line is not None
        fitted = [candidate for candidate, known in self.classes.items() if known.median_s]
        nearest = min(fitted, key=lambda candidate: (abs(candidate - number), candidate))
        known = self.classes[nearest]
        return known.mean_s * known.drift * self.line(SIZES[number]) / self.line(SIZES[nearest])

    def quantile_s(self, batch: int, quantile: float) -> float | None:
        """Seconds that a share `quantile` of calls of `batch` stay within; `None` before any is known.

        From the class's own calls; where it has few, from the nearest known one along the line.
        """
        number = class_of(batch)
        if self.line is None:
            return None
        if self.calls(number) < MIN_CALLS:
            fitted = [candidate for candidate, known in self.classes.items() if known.median_s]
            number = min(fitted, key=lambda candidate: (abs(candidate - number), candidate))
        known = self.classes[number]
        ordered = known.ordered_s()
        rank = max(0, math.ceil(quantile * len(ordered) * (1 - 1e-12)) - 1)
        return ordered[rank] * known.drift * self.line(batch) / self.line(SIZES[number])

    def knots_s(self, number: int, knots: int) -> list[float]:
        """Times of that class as they were seen, thinned out evenly by rank to at most `knots`."""
        ordered = self.classes[number].ordered_s()
        if len(ordered) <= knots:
            return ordered
        return [ordered[(2 * knot + 1) * len(ordered) // (2 * knots)] for knot in range(knots)]

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop what is known of these classes."""
        for number in numbers:
            self.classes.pop(number, None)

    def restore(self, batch: int, times_s: Iterable[float]) -> None:
        """Take over what was learnt earlier of one class; to be followed by `refit`."""
        known = self.classes[class_of(batch)] = SizeClass(self._level)
        known.restore(times_s, calls=MIN_CALLS)

    def hold(self, moved: float) -> None:
        """The level was moved by that log for others' sake: what is known here holds as it is."""
        for known in self.classes.values():
            known.level += moved

    def refit(self) -> None:
        """Bring up to date the classes seen lately, the level that they tell of, and the line through all.

        The level adds up how the medians of active classes move, by their share of the calls: the sum telescopes, so
        noise does not add up in it, and a class not seen for long is still judged by what the others say of today.
        """
        seen = [known for known in self.classes.values() if known.new]
        moved = 0.0
        for known in seen:
            share, before_s = known.new / max(1, self._pending), known.median_s
            known.refit()
            if known.calls >= _SURE_CALLS:
                moved += share * _believed(known.median_s / before_s)
        self._move(moved, seen)

    def _shift(self, since: int) -> None:
        """Costs have shifted: by what the calls since then say together, of whatever class.

        Of a class that has several of these calls only they count; the others are taken to have shifted alike.
        """
        latest = list(self._judged)[-since:]
        counts = Counter(id(known) for known, _ in latest)
        renewed = []
        for known in self.classes.values():
            if (calls := counts[id(known)]) >= _RENEWING_CALLS:
                known.keep_latest(calls)
                known.refit()
                renewed.append(known)
            elif calls:
                known.drop_latest(calls)
        self._relearn = _RELEARN_CALLS
        self._alarm.reset()
        self._judged.clear()
        self.shifts += 1
        self._move(_believed(median(ratio for _, ratio in latest)), renewed)

    def _move(self, log: float, seen: Iterable[SizeClass]) -> None:
        """Move the level; the classes seen are of today already."""
        self._level.log += log
        for known in seen:
            known.level = self._level.log
        self._pending = 0
        points = [
            (SIZES[number], known.mean_s * known.drift, known.mean_calls)
            for number, known in self.classes.items()
            if known.median_s
        ]
        if points:
            self.line = Line.through(points, fixed_s=self._level.fixed_s)
            if len(points) > 1:
                self._level.fixed_s = self.line.fixed_s


def _believed(ratio: float) -> float:
    """The log of how much dearer calls have become; one step of the level is bounded."""
    return min(_MAX_STEP, max(-_MAX_STEP, math.log(ratio)))
