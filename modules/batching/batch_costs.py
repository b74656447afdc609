"""`BatchCosts`: what calls of one kind cost by batch size. Pure.

Each class of sizes speaks for itself as soon as a few of its calls were seen; a line through all classes is the prior
for the others. All times are CPU seconds where these are known: what others do to the machine is for `Contention`.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable
from statistics import median

from modules.batching.drift import ShiftAlarm
from modules.batching.size_class import SIZES, KindLevel, Level, Line, SizeClass, class_of

MIN_CALLS = 5
"""Calls after which a class counts as explored."""

_REFIT_CALLS = 48
_TELLING_CALLS = (MIN_CALLS, 2 * MIN_CALLS, 4 * MIN_CALLS)  # of a class: when more may be concluded of it
_RELEARN_CALLS = 24
_LEVEL_ERROR = 0.015  # of the level, by the scatter of single calls
_MAX_GAIN = 1 / 16  # of what one call says of the level
_LEAST_SCATTER = 0.001  # calls that always take the same, as by a virtual clock, are taken to scatter this much
_ODD_SCATTERS = 4.0  # a call further off says no more
_MAX_STEP = math.log(4.0)
_LATE_SCATTERS = 1.645  # of a normal distribution 95 of 100 stay within so many
_LATE_CALLS = 48  # calls that this is worth, beside those seen
_JUDGED_CALLS = 64  # that a shift may go back
_RENEWING_CALLS = 3  # of a class since a shift: it then speaks for itself
_LINE_CALLS = 16  # calls that the line is worth


class BatchCosts:
    """What calls of one kind cost; told of every call."""

    __slots__ = (
        "_alarm",
        "_judged",
        "_level",
        "_line",
        "_line_log",
        "_of_model",
        "_pending",
        "_relearn",
        "classes",
        "shifts",
        "total_calls",
    )

    def __init__(self, level: Level | None = None) -> None:
        """Start with nothing known; kinds of one model share its `level`."""
        self.classes: dict[int, SizeClass] = {}
        self.shifts = 0
        """How often the costs have shifted: whoever concluded something from them should look again."""
        self.total_calls = 0
        self._alarm = ShiftAlarm()
        self._judged: deque[tuple[SizeClass, float]] = deque(maxlen=_JUDGED_CALLS)
        self._of_model = level or Level()
        self._level = KindLevel(self._of_model)
        self._line: Line | None = None
        self._line_log = 0.0
        self._pending = 0
        self._relearn = 0

    @property
    def is_relearning(self) -> bool:
        """Whether costs have shifted so lately that little is known of the new ones."""
        return self._relearn > 0

    @property
    def level(self) -> float:
        """The log of how many times as dear as at first calls are now."""
        return self._level.log

    @property
    def scatter(self) -> float:
        """Relative scatter of single calls."""
        return self._alarm.scatter

    @property
    def line(self) -> Line | None:
        """Through the means of all classes, at today's level; `None` before anything is known."""
        return None if self._line is None else self._line.times(math.exp(self._level.log - self._line_log))

    def observe(self, batch: int, time_s: float) -> bool:
        """Learn that a call of `batch` took `time_s` of its own; whether conclusions are due again."""
        number = class_of(batch)
        known = self.classes.get(number)
        if known is None:
            known = self.classes[number] = SizeClass(self._level)
        if batch != SIZES[number] and self._line is not None:
            time_s *= self._line(SIZES[number]) / self._line(batch)
        known.add(time_s)
        self._follow(known, time_s)
        self.total_calls += 1
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
        known, line = self.classes[number], self.line
        assert line is not None, number
        own_s = known.mean_s
        return own_s + (line(SIZES[number]) - own_s) * _LINE_CALLS / (_LINE_CALLS + known.mean_calls)

    def recent_s(self, number: int) -> float:
        """Mean seconds over the latest calls of that explored class: what one costs now."""
        return self.classes[number].recent_s

    def late_s(self, number: int) -> float | None:
        """Seconds that all but a few calls of that class stay within; along the line where it is not explored.

        The latest of a few calls says little of that: so much is it their mean with the scatter of all calls above it.
        """
        if self._line is None:
            return None
        known, above = self.classes.get(number), math.exp(_LATE_SCATTERS * self.scatter)
        if known is None or known.calls < MIN_CALLS:
            return self._line_s(number) * above
        weight = _LATE_CALLS / (_LATE_CALLS + known.calls)
        own_s = known.late_s
        return own_s + weight * (self.mean_s(number) * above - own_s)

    def hoped_s(self, number: int) -> float | None:
        """As `late_s`, at best: while calls of one size are all that is known, nearly all that they cost may be fixed.

        To be tried by: the prior's half would keep a machine whose calls take long from ever learning otherwise.
        """
        explored = self.explored()
        if len(explored) != 1 or number in explored:
            return self.late_s(number)
        size, mean_s = SIZES[explored[0]], self.classes[explored[0]].mean_s
        line = Line.through([(size, mean_s, 1)], fixed_s=mean_s)
        return line(SIZES[number]) * math.exp(_LATE_SCATTERS * self.scatter)

    def _line_s(self, number: int) -> float:
        """Expected seconds of a call of a class with few or no calls: from the nearest known one along the line."""
        line, nearest = self._line, self._nearest(number)
        assert line is not None
        return self.classes[nearest].mean_s * line(SIZES[number]) / line(SIZES[nearest])

    def quantile_s(self, batch: int, quantile: float) -> float | None:
        """Seconds that a share `quantile` of calls of `batch` stay within; `None` before any is known.

        From the class's own calls; where it has few, from the nearest known one along the line.
        """
        number, line = class_of(batch), self._line
        if line is None:
            return None
        if self.calls(number) < MIN_CALLS:
            number = self._nearest(number)
        ordered = self.classes[number].ordered_s()
        rank = max(0, math.ceil(quantile * len(ordered) * (1 - 1e-12)) - 1)
        return ordered[rank] * line(batch) / line(SIZES[number])

    def knots_s(self, number: int, knots: int) -> list[float]:
        """Times of that class at today's level, thinned out evenly by rank to at most `knots`."""
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
        self._level.hold(moved)

    def refit(self) -> None:
        """Bring up to date the classes seen lately, and the line through all."""
        for known in self.classes.values():
            if known.new:
                known.refit()
        self._pending = 0
        told = [(number, self.classes[number]) for number in self._telling()]
        if points := [(SIZES[number], known.mean_s, known.mean_calls) for number, known in told]:
            self._line, self._line_log = Line.through(points, fixed_s=self._of_model.fixed_s), self._level.log
            if len(points) > 1:
                self._of_model.fixed_s = self._line.fixed_s

    def _telling(self) -> list[int]:
        """The classes that the line goes through: the explored ones, so that no single call tilts it; else what is."""
        return self.explored() or [number for number, known in self.classes.items() if known.median_s]

    def _nearest(self, number: int) -> int:
        """Of these the one nearest to that class."""
        return min(self._telling(), key=lambda candidate: (abs(candidate - number), candidate))

    def _follow(self, known: SizeClass, time_s: float) -> None:
        """Let the level follow one call, of whatever class: few calls of each tell together how costs drift.

        By less the more calls scatter, and the less is known of the class; a single odd call moves it hardly at all.
        """
        scatter = max(_LEAST_SCATTER, self.scatter)
        off = known.surprise(time_s, most=_ODD_SCATTERS * scatter)
        gain = min(_MAX_GAIN, 2 * (_LEVEL_ERROR / scatter) ** 2)
        self._of_model.log += gain * off * known.told / (known.told + _LINE_CALLS)

    def _shift(self, since: int) -> None:
        """Costs have shifted: by what the calls since then say together, of whatever class.

        Of a class that has several of these calls only they count; the others are taken to have shifted alike.
        """
        latest = list(self._judged)[-since:]
        counts = Counter(id(known) for known, _ in latest)
        moved = _believed(median(ratio for _, ratio in latest))
        self._of_model.log += moved
        for known in self.classes.values():
            if (calls := counts[id(known)]) >= _RENEWING_CALLS:
                known.keep_latest(calls, moved)
            elif calls:
                known.drop_latest(calls)
        self._relearn = _RELEARN_CALLS
        self._alarm.reset()
        self._judged.clear()
        self.shifts += 1
        self.refit()


def _believed(ratio: float) -> float:
    """The log of how much dearer calls have become; one step of the level is bounded."""
    return min(_MAX_STEP, max(-_MAX_STEP, math.log(ratio)))
