"""The overload ladder: what is given up in which order, each rung with its own threshold to enter and to leave. Pure.

Stop partial results, pause folder work, lengthen chunks at once, suspend whole streams, refuse new ones. A rung is
entered only from the one below it and left only when the one above it has been left, so all is undone in reverse.
Memory has a rung of its own beside these: running out of it is not a matter of time. What comes before it, such as
trimming the pools, is decided in `modules/memory/relief.py`.
"""

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

    - `queue`: the standing queue as a share of what the deadline leaves, or ten times the share of misses if that is
      more: ten of a hundred chunks late is as bad as a queue that takes all the time there is.
    - `excess`: what all open streams send, as a share of what the best chunk length carries.
    - `memory`: memory used, as a share of the limit.
    """

    queue: float | None = None
    excess: float | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class RungRule:
    """A rung is entered when its `measure` of strain reaches `enter`, and left when it is below `leave`."""

    rung: Rung
    measure: str
    enter: float
    leave: float

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
    RungRule(Rung.PARTIALS, "queue", enter=0.10, leave=0.02),
    RungRule(Rung.FOLDER, "queue", enter=0.20, leave=0.03),
    RungRule(Rung.LENGTHEN, "queue", enter=0.30, leave=0.05),
    RungRule(Rung.SUSPEND, "excess", enter=0.93, leave=0.90),
    RungRule(Rung.REFUSE, "excess", enter=0.97, leave=0.90),
)
"""In the order in which they are entered."""

MEMORY_RULE = RungRule(Rung.REFUSE_INPUT, "memory", enter=0.97, leave=0.90)


class Ladder:
    """Which rungs are taken; climbs as far as the strain asks for at once, and comes down one rung at a time."""

    def __init__(self, *, dwell_s: float) -> None:
        """Begin on the ground; no rung of load is left within `dwell_s` seconds of the last one taken or left."""
        self._dwell_s = dwell_s
        self._taken: list[Rung] = []  # of load, lowest first
        self._is_memory_full = False
        self._moved_s = 0.0

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
            self._taken = [rule.rung for rule in LOAD_RULES[:climbed]]
            self._moved_s = now_s
        elif (
            self._taken
            and now_s - self._moved_s >= self._dwell_s
            and not LOAD_RULES[len(self._taken) - 1].wants(strain, is_on=True)
        ):
            self._taken.pop()
            self._moved_s = now_s
        return self.rungs
