"""`Waiting`: calls of one kind that wait, and which of them yield when not all can be on time. Pure: given the time.

By earliest deadline first either all are on time or, with more than can be, each is late now and then, and no stream is
whole. So once the first are about to be late, it is asked how many of those that wait can be on time at all, and those
of the last streams yield to the rest. A machine that gives less for half a second then costs these what it costs.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeAlias, TypeVar

Item = TypeVar("Item")

FOLDER = math.inf
"""The deadline of work that has none: it runs when no live call waits."""

IfLate: TypeAlias = Literal["insist", "yield", "drop"]

IN_TIME, LATE, FOLDER_PLACE = range(3)

_BRINK = 4.0
"""Calls that can wait for less than so many services are about to be late."""

_LOOK_S = 0.005
"""How often it is asked at most who yields: it takes a moment where hundreds wait."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """How urgent a call is: higher `priority` first, then the earlier `deadline_s`, an instant of the given clock.

    When it can no longer make its deadline it is dropped, or waits until no other can make its own; then what insists
    goes first, and what yields, as a chunk does whose stream sends another one, goes the least late first. Before that,
    where not all can make theirs, those of the highest `place` yield to the others, but for what insists.
    """

    deadline_s: float = FOLDER
    priority: int = 0
    if_late: IfLate = "insist"
    place: int = 0

    def __post_init__(self) -> None:
        if math.isnan(self.deadline_s):
            raise ValueError("deadline_s must be an instant in seconds, got NaN")


Entry: TypeAlias = tuple[int, float, int, Urgency, Item]  # -priority, deadline or place among the late, arrival

Rank: TypeAlias = tuple[int, int, float, int]  # place, then as in an entry

NOTHING: Rank = (9, 0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How calls of one kind are worked off: `batch` of them take `service_s` seconds, and as many begin each `every_s`.

    Just now a call takes `slowed` times its service, as `every_s` takes into account: to choose by, but nothing is
    given up for it, since calls that were made no more would never be seen to be quick again. Times are 0 where they
    are not known.
    """

    service_s: float = 0.0
    batch: int = 1
    every_s: float = 0.0
    slowed: float = 1.0

    def over_s(self, number: int) -> float:
        """Seconds until the call of that number is over, the first being 0."""
        return self.slowed * self.service_s + number // self.batch * self.every_s


def who_yield(calls: Sequence[tuple[float, tuple[int, int] | None]], pace: Pace, *, now_s: float) -> list[int]:
    """Which of some calls yield so that as many as possible of the others are on time: their indices, ascending.

    Each is a deadline and a place, `None` where it never yields, in the order in which they are served. Whenever one
    comes too late, the last by place of those up to it yields (Moore, An n Job, One Machine Sequencing Algorithm for
    Minimizing the Number of Late Jobs, 1968); of calls that take alike, those left are then also the first by place.
    """
    yielding: list[int] = []
    candidates: list[tuple[int, int, int]] = []
    stay = 0
    for index, (deadline_s, place) in enumerate(calls):
        if place is not None:
            heapq.heappush(candidates, (-place[0], -place[1], -index))
        if candidates and now_s + pace.over_s(stay) > deadline_s:
            yielding.append(-heapq.heappop(candidates)[2])
        else:
            stay += 1
    return sorted(yielding)


@dataclass(slots=True)
class Waiting(Generic[Item]):
    """Calls of one kind: four heaps, the first that has any goes first. `home` is the worker they are best left to."""

    home: int | None = None
    on_time: list[Entry[Item]] = field(default_factory=list)
    yielding: list[Entry[Item]] = field(default_factory=list)
    late: list[Entry[Item]] = field(default_factory=list)
    folder: list[Entry[Item]] = field(default_factory=list)
    _brink_s: float = -math.inf
    _looked_s: float = -math.inf

    def __len__(self) -> int:
        return self.live + len(self.folder)

    @property
    def live(self) -> int:
        """How many wait that are no folder work."""
        return len(self.on_time) + len(self.yielding) + len(self.late)

    def settle(self, now_s: float, pace: Pace) -> list[Item]:
        """Move what cannot be on time any more to the late calls; those that are to be dropped come back.

        And what yields behind the rest, if those at the head are about to be late.
        """
        possible_s = now_s + pace.service_s
        expired = self._outdated(self.on_time, possible_s) + self._outdated(self.yielding, possible_s)
        self._brink_s = now_s + _BRINK * pace.slowed * pace.service_s
        is_pressed = bool(self.on_time) and self.on_time[0][1] < self._brink_s
        if is_pressed and pace.every_s and now_s >= self._looked_s + _LOOK_S:
            self._looked_s = now_s
            self._let_yield(pace, now_s)
        return expired

    def rank(self, away_s: float, *, with_folder: bool) -> Rank:
        """Where the most urgent call stands among all kinds; the last place when there is none to take.

        Its deadline counts as `away_s` later than it is.
        """
        if heap := self._in_time:
            place = IN_TIME
        elif heap := self.late:
            place = LATE
        elif with_folder and (heap := self.folder):
            place = FOLDER_PLACE
        else:
            return NOTHING
        before, order_s, number = heap[0][:3]
        return (place, before, order_s + away_s, number)

    def pop(self, cap: int, free_workers: int, place: int) -> list[Item]:
        """At most `cap` calls, an even share for each free worker; a batch is all live or all folder work."""
        if place == FOLDER_PLACE:  # nothing live waits then
            return [heapq.heappop(self.folder)[4] for _ in range(min(cap, -(-len(self.folder) // free_workers)))]
        taken = min(cap, -(-self.live // free_workers))
        return [heapq.heappop(self._in_time or self.late)[4] for _ in range(taken)]

    @property
    def _in_time(self) -> list[Entry[Item]]:
        """Where the next call that can be on time is: what yields goes first only while no other is pressed by it."""
        if not (self.on_time and self.yielding):
            return self.on_time or self.yielding
        may_wait = self.on_time[0][1] >= self._brink_s
        return self.yielding if may_wait and self.yielding[0] < self.on_time[0] else self.on_time

    def _outdated(self, heap: list[Entry[Item]], possible_s: float) -> list[Item]:
        expired: list[Item] = []
        while heap and heap[0][1] < possible_s:
            before, deadline_s, number, urgency, item = heapq.heappop(heap)
            if urgency.if_late == "drop":
                expired.append(item)
            else:
                order_s = -math.inf if urgency.if_late == "insist" else -deadline_s
                heapq.heappush(self.late, (before, order_s, number, urgency, item))
        return expired

    def _let_yield(self, pace: Pace, now_s: float) -> None:
        in_order = sorted(self.on_time)
        calls = [(entry[1], None if entry[3].if_late == "insist" else (entry[0], entry[3].place)) for entry in in_order]
        for index in reversed(who_yield(calls, pace, now_s=now_s)):
            heapq.heappush(self.yielding, in_order.pop(index))
        self.on_time = in_order
