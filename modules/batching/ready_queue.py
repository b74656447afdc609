"""`ReadyQueue`: which waiting calls a free worker takes next, and how many of them at once. Pure: it is given the time.

Earliest deadline first, live before folder work, calls of one kind together. Work-conserving: whoever asks gets work at
once if there is any; what queues up behind busy workers forms the batch. There is no wait window.

Under overload the earliest deadline is the one that is missed already, and serving it makes the next one late too. So a
live chunk that can no longer be on time waits while there is one that can: some streams fall behind, the others stay
whole. Of those behind the one that is least late goes first: its next chunk will be on time first, and each stream that
has caught up leaves one less. Where its stream allows that it be dropped, it is.
"""

import heapq
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, Literal, TypeAlias, TypeVar

Item = TypeVar("Item")

FOLDER = math.inf
"""The deadline of work that has none: it runs when no live call waits."""

IfLate: TypeAlias = Literal["insist", "yield", "drop"]

_LEAST_TRIES = 2


def most_tries(workers: int) -> int:
    """How many tries of a larger batch may run at once on so many workers: enough to know soon whether it pays."""
    return max(_LEAST_TRIES, math.ceil(math.sqrt(workers)))


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How many calls may be taken at once, by kind; `default_cap` for a kind that is not named.

    `service_s` is what a call of a kind is expected to take, in seconds: a deadline nearer than that cannot be met; 0
    for a kind that is not named. At most `max_folder_batches` of folder work run at once, 0 to pause it. A worker takes
    a call that is at home with another only if its deadline is `home_slack_s` seconds earlier than those of its own;
    calls that are taken one by one are long, and where their memory is counts for nothing then.

    Of a kind with a size that is `proven`, a larger batch is a try, of which at most `max_tries` run at once: one that
    does not pay is known when it ends, and until then all workers would make the same mistake.
    """

    default_cap: int = 1
    caps: Mapping[Hashable, int] = field(default_factory=dict)
    service_s: Mapping[Hashable, float] = field(default_factory=dict)
    max_folder_batches: int | None = None
    home_slack_s: float = 0.05
    proven: Mapping[Hashable, int] = field(default_factory=dict)
    max_tries: int | None = None

    def __post_init__(self) -> None:
        for cap in (self.default_cap, *self.caps.values(), *self.proven.values()):
            if cap < 1:
                raise ValueError(f"a batch cap must be at least 1, got {cap}")
        if self.max_tries is not None and self.max_tries < 0:
            raise ValueError(f"max_tries must be 0 or more, or None, got {self.max_tries}")
        for expected_s in self.service_s.values():
            if not 0 <= expected_s < math.inf:
                raise ValueError(f"an expected service must be 0 s or more and finite, got {expected_s}")
        if not self.home_slack_s >= 0:
            raise ValueError(f"home_slack_s must be 0 s or more, got {self.home_slack_s}")
        if self.max_folder_batches is not None and self.max_folder_batches < 0:
            raise ValueError(f"max_folder_batches must be 0 or more, or None, got {self.max_folder_batches}")

    def cap(self, kind: Hashable) -> int:
        """The most calls of that kind taken at once."""
        return self.caps.get(kind, self.default_cap)

    def cap_now(self, kind: Hashable, tries_running: int) -> int:
        """The same while so many tries run."""
        cap = self.cap(kind)
        may_try = self.max_tries is None or tries_running < self.max_tries
        return cap if may_try else min(cap, self.proven.get(kind, cap))

    def is_try(self, kind: Hashable, batch: int) -> bool:
        """Whether a batch of that size has yet to prove itself."""
        return batch > self.proven.get(kind, batch)


@dataclass(frozen=True, slots=True)
class Urgency:
    """How urgent a call is: higher `priority` first, then the earlier `deadline_s`, an instant of the given clock.

    When it can no longer make its deadline it is dropped, or waits until no other can make its own; then what insists
    goes first, and what yields, as a chunk does whose stream sends another one, goes the least late first.
    """

    deadline_s: float = FOLDER
    priority: int = 0
    if_late: IfLate = "insist"

    def __post_init__(self) -> None:
        if math.isnan(self.deadline_s):
            raise ValueError("deadline_s must be an instant in seconds, got NaN")


@dataclass(frozen=True, slots=True)
class Taken(Generic[Item]):
    """The calls to run together, and those given up because they could not be on time; nothing waits if both are empty.

    Or only folder work waits, and no more of it may run.
    """

    batch: list[Item]
    expired: list[Item] = field(default_factory=list)
    is_folder: bool = False
    is_try: bool = False


_Entry: TypeAlias = tuple[int, float, int, Urgency, Item]  # -priority, deadline or place among the late, arrival


_Rank: TypeAlias = tuple[int, int, float, int]  # place, then as in an entry


@dataclass(slots=True)
class _Waiting(Generic[Item]):
    """Calls of one kind: three heaps, the first that has any goes first. `home` is the worker they are best left to."""

    home: int | None = None
    on_time: list[_Entry[Item]] = field(default_factory=list)
    late: list[_Entry[Item]] = field(default_factory=list)
    folder: list[_Entry[Item]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.on_time) + len(self.late) + len(self.folder)

    def settle(self, possible_s: float) -> list[Item]:
        """Move heads with a deadline before `possible_s` to the late calls; those that are to be dropped come back."""
        expired: list[Item] = []
        while self.on_time and self.on_time[0][1] < possible_s:
            before, deadline_s, number, urgency, item = heapq.heappop(self.on_time)
            if urgency.if_late == "drop":
                expired.append(item)
            else:
                order_s = -math.inf if urgency.if_late == "insist" else -deadline_s
                heapq.heappush(self.late, (before, order_s, number, urgency, item))
        return expired

    def rank(self, away_s: float, *, with_folder: bool) -> _Rank:
        """Where the most urgent call stands among all kinds; the last place when there is none to take.

        Its deadline counts as `away_s` later than it is.
        """
        if self.on_time:
            place, heap = _IN_TIME, self.on_time
        elif self.late:
            place, heap = _LATE, self.late
        elif self.folder and with_folder:
            place, heap = _FOLDER_PLACE, self.folder
        else:
            return _NONE
        before, order_s, number = heap[0][:3]
        return (place, before, order_s + away_s, number)

    def pop(self, cap: int, free_workers: int, place: int) -> list[Item]:
        """At most `cap` calls, an even share for each free worker; a batch is all live or all folder work."""
        first = self.folder if place == _FOLDER_PLACE else self.on_time  # nothing else of this kind waits then
        taken = min(cap, -(-(len(first) + len(self.late)) // free_workers))
        return [heapq.heappop(first or self.late)[4] for _ in range(taken)]


_IN_TIME, _LATE, _FOLDER_PLACE = range(3)
_NONE = (9, 0, 0.0, 0)


class ReadyQueue(Generic[Item]):
    """Calls that could run now. A stream has at most one of them, so none can fill the queue and starve the others."""

    def __init__(self, plan: BatchPlan | None = None) -> None:
        """Start empty; `plan` may be swapped at any time and holds from the next `take` on."""
        self.plan = plan or BatchPlan()
        self._kinds: dict[Hashable, _Waiting[Item]] = {}
        self._numbers = count()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def __repr__(self) -> str:
        kinds = ", ".join(f"{kind}: {len(waiting)}" for kind, waiting in self._kinds.items())
        return f"<ReadyQueue {self._waiting} waiting; {kinds}>"

    @property
    def folder_waits(self) -> bool:
        """Whether folder work waits."""
        return any(waiting.folder for waiting in list(self._kinds.values()))

    def put(self, item: Item, kind: Hashable, urgency: Urgency, *, home: int | None = None) -> None:
        """Let `item` wait; calls of equal `kind` (model and shape class) may be taken together.

        Calls of one kind have one `home`, the number of a worker that takes them rather than others as urgent. Others
        take them rather than be idle or let them grow late: sessions whose memory is best left with one core.
        """
        waiting = self._kinds.get(kind)
        if waiting is None:
            waiting = self._kinds[kind] = _Waiting(home)
        heap = waiting.folder if urgency.deadline_s == FOLDER else waiting.on_time
        heapq.heappush(heap, (-urgency.priority, urgency.deadline_s, next(self._numbers), urgency, item))
        self._waiting += 1

    def forget(self, item: Item, kind: Hashable) -> None:
        """Let folder work of this kind wait no more, if it does: while that is paused nobody would take it away."""
        if (waiting := self._kinds.get(kind)) is None:
            return
        kept = [entry for entry in waiting.folder if entry[4] is not item]
        self._waiting -= len(waiting.folder) - len(kept)
        heapq.heapify(kept)
        waiting.folder = kept
        if not waiting:
            del self._kinds[kind]

    def take(
        self,
        free_workers: int,
        *,
        now_s: float = -math.inf,
        folder_running: int = 0,
        tries_running: int = 0,
        home: int | None = None,
    ) -> Taken[Item]:
        """The most urgent call and others of its kind, most urgent first; of those at `home` or at none, if there are.

        As many as an even share of that kind for each of `free_workers`, at most the plan's cap: then workers that come
        free together work together, and a batch is large only when there is more to do than workers.
        `folder_running` batches of folder work run already, and `tries_running` tries of larger batches.
        """
        assert free_workers >= 1, free_workers
        limit = self.plan.max_folder_batches
        with_folder = limit is None or folder_running < limit
        expired: list[Item] = []
        best, chosen = _NONE, None
        for kind, waiting in self._kinds.items():
            expired += waiting.settle(now_s + self.plan.service_s.get(kind, 0.0))
            is_away = waiting.home not in (None, home) and self.plan.cap(kind) > 1
            away_s = self.plan.home_slack_s if is_away else 0.0
            if (rank := waiting.rank(away_s, with_folder=with_folder)) < best:
                best, chosen = rank, kind
        batch: list[Item] = []
        if best is not _NONE:
            batch = self._kinds[chosen].pop(self.plan.cap_now(chosen, tries_running), free_workers, best[0])
        self._waiting -= len(batch) + len(expired)
        if batch and not self._kinds[chosen]:
            del self._kinds[chosen]
        if expired:  # a kind may have lost all it had
            self._kinds = {kind: waiting for kind, waiting in self._kinds.items() if waiting}
        is_try = self.plan.is_try(chosen, len(batch))
        return Taken(batch, expired, is_folder=best[0] == _FOLDER_PLACE, is_try=is_try)
