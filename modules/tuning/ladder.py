"""The overload ladder: what is given up in which order, each rung with its own threshold to enter and to leave. Pure.

Stop partial results, pause folder work, lengthen chunks at once, suspend whole streams, refuse new ones. A rung is
entered only from the one below it and left only when the one above it has been left, so all is undone in reverse.
A rung that had to be taken again soon after it was left is kept twice as long as the last time: at a load that fits
without it and does not fit with it, it would be left and taken every few seconds.

Memory has a rung of its own beside these: running out of it is not a matter of time. What comes before it, such as
trimming the pools, is decided in `modules/memory/relief.py`.
"""

import math
from dataclasses import dataclass
from enum import StrEnum


class Rung(StrEnum):
    """What is given up."""

    PARTIALS = "no partial results"
    FOLDER = "folder work paused"
    LENGTHEN = "longer chunks"
    SUSPEND = "streams suspended"
    REFUSE = "new streams refused"
    REFUSE_INPUT = "input refused"


@dataclass(frozen=True, slots=True)
class Strain:
    """How far behind we are; `None` for what is not known, which neither enters nor leaves a rung.

    - `queue`: the standing queue as a share of what the deadline leaves, or ten times the share of misses beyond those
      that a p99 allows, if that is more: eleven of a hundred chunks late are as bad as a queue that takes all the time.
    - `excess`: what all open streams send, as a share of what the best chunk length carries.
    - `memory`: memory used, as a share of the limit.
    """

    queue: float | None = None
    excess: float | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class RungRule:
    """A rung is entered when its `measure` of strain reaches `enter`, and left when it is below `leave`.

    What is given up with it makes room itself where it `relieves`: for such a rung it is remembered that it was left
    too soon.
    """

    rung: Rung
    measure: str
    enter: float
    leave: float
    relieves: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.leave < self.enter:
            raise ValueError(f"0 <= leave < enter is needed for {self.rung}, got {self.leave} and {self.enter}")

    def wants(self, strain: Strain, *, is_on: bool) -> bool:
        """Whether the rung should be on, by its own measure."""
        value: float | None = getattr(strain, self.measure)
        if value is None:
            return is_on
        return value >= (self.leave if is_on else self.enter)


LOAD_RULES = (
    RungRule(Rung.PARTIALS, "queue", enter=0.10, leave=0.02, relieves=True),
    RungRule(Rung.FOLDER, "queue", enter=0.20, leave=0.03),
    RungRule(Rung.LENGTHEN, "queue", enter=0.30, leave=0.05),
    RungRule(Rung.SUSPEND, "excess", enter=0.93, leave=0.90),
    RungRule(Rung.REFUSE, "excess", enter=0.97, leave=0.90),
)
"""In the order in which they are entered."""

MEMORY_RULE = RungRule(Rung.REFUSE_INPUT, "memory", enter=0.97, leave=0.90)


TOO_SOON_S = 10.0
"""A rung taken again within so many seconds of being left was left too soon."""

LEAST_KEPT_S, MAX_KEPT_S = 10.0, 80.0
"""For so long a rung that relieves is kept, for twice as long each time that it was left too soon, and at most."""


@dataclass(slots=True)
class _Kept:
    """Of a rung that relieves: since when it is taken, when it was left last, and for how long it is kept."""

    taken_s: float = -math.inf
    left_s: float = -math.inf
    for_s: float = LEAST_KEPT_S

    def take(self, now_s: float) -> None:
        """It is taken now."""
        was_too_soon = now_s - self.left_s < TOO_SOON_S
        self.for_s = min(MAX_KEPT_S, 2 * self.for_s) if was_too_soon else LEAST_KEPT_S
        self.taken_s = now_s


class Ladder:
    """Which rungs are taken; climbs as far as the strain asks for at once, and comes down one rung at a time."""

    def __init__(self, *, dwell_s: float) -> None:
        """Begin on the ground; no rung of load is left within `dwell_s` seconds of the last one taken or left."""
        self._dwell_s = dwell_s
        self._taken: list[Rung] = []  # of load, lowest first
        self._is_memory_full = False
        self._moved_s = 0.0
        self._kept = {rule.rung: _Kept() for rule in LOAD_RULES if rule.relieves}

    @property
    def relieved_s(self) -> float:
        """When a rung was taken last that makes room by itself."""
        return max(kept.taken_s for kept in self._kept.values())

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The rungs taken, in order."""
        return (*self._taken, *((MEMORY_RULE.rung,) if self._is_memory_full else ()))

    def look(self, strain: Strain, now_s: float) -> tuple[Rung, ...]:
        """The rungs to be on from now, given the strain."""
        self._is_memory_full = MEMORY_RULE.wants(strain, is_on=self._is_memory_full)
        climbed = len(self._taken)
        while climbed < len(LOAD_RULES) and LOAD_RULES[climbed].wants(strain, is_on=False):
            climbed += 1
        if climbed > len(self._taken):
            self._climb(climbed, now_s)
        elif self._taken and self._may_leave(LOAD_RULES[len(self._taken) - 1], strain, now_s):
            left = self._taken.pop()
            if left in self._kept:
                self._kept[left].left_s = now_s
            self._moved_s = now_s
        return self.rungs

    def _climb(self, rungs: int, now_s: float) -> None:
        for rule in LOAD_RULES[len(self._taken) : rungs]:
            self._taken.append(rule.rung)
            if rule.relieves:
                self._kept[rule.rung].take(now_s)
        self._moved_s = now_s

    def _may_leave(self, top: RungRule, strain: Strain, now_s: float) -> bool:
        kept = self._kept.get(top.rung)
        is_kept = kept is not None and now_s - kept.taken_s <= kept.for_s
        return now_s - self._moved_s >= self._dwell_s and not is_kept and not top.wants(strain, is_on=True)
