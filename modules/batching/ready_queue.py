"""`ReadyQueue`: which waiting calls a free worker takes next, and how many of them at once. Pure: it is given the time.

Earliest deadline first, live before folder work, calls of one kind together. Work-conserving: whoever asks gets work at
once if there is any; what queues up behind busy workers forms the batch. There is no wait window.

Under overload the earliest deadline is the one that is missed already, and serving it makes the next one late too. So a
live chunk that can no longer be on time waits while there is one that can: some streams fall behind, the others stay
whole. Of those behind the one that is least late goes first: its next chunk will be on time first, and each stream that
has caught up leaves one less. Where its stream allows that it be dropped, it is. Before that, where the plan says how
many workers run, those of the last streams yield when not all that wait can be on time (`waiting.py`).
"""

import heapq
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Generic

from modules.batching.waiting import FOLDER, FOLDER_PLACE, NOTHING, Item, Pace, Urgency, Waiting

_LEAST_TRIES = 2

_SURE_PACE, _SURE_OF_SLOWED = 0.7, 0.85
"""So much of the pace known is counted on to be on time: when a machine gives less it does so before that is known. Of
the pace of the latest calls, where they took longer than expected, more.
"""

_MOST_SLOWED = 4.0  # times what is expected that one call counts at most


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

    `workers` run at once: by that and the services it is known how many of those that wait can be on time, and the last
    yield when that is not all. `None` where none is to yield.
    """

    default_cap: int = 1
    caps: Mapping[Hashable, int] = field(default_factory=dict)
    service_s: Mapping[Hashable, float] = field(default_factory=dict)
    max_folder_batches: int | None = None
    home_slack_s: float = 0.05
    proven: Mapping[Hashable, int] = field(default_factory=dict)
    max_tries: int | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        for cap in (self.default_cap, *self.caps.values(), *self.proven.values()):
            if cap < 1:
                raise ValueError(f"a batch cap must be at least 1, got {cap}")
        if self.max_tries is not None and self.max_tries < 0:
            raise ValueError(f"max_tries must be 0 or more, or None, got {self.max_tries}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be 1 or more, or None, got {self.workers}")
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
class Taken(Generic[Item]):
    """The calls to run together, and those given up because they could not be on time; nothing waits if both are empty.

    Or only folder work waits, and no more of it may run.
    """

    batch: list[Item]
    expired: list[Item] = field(default_factory=list)
    is_folder: bool = False
    is_try: bool = False


class ReadyQueue(Generic[Item]):
    """Calls that could run now. A stream has at most one of them, so none can fill the queue and starve the others."""

    def __init__(self, plan: BatchPlan | None = None) -> None:
        """Start empty; `plan` may be swapped at any time and holds from the next `take` on."""
        self.plan = plan or BatchPlan()
        self._kinds: dict[Hashable, Waiting[Item]] = {}
        self._numbers = count()
        self._waiting = 0
        self._slowed = 1.0

    @property
    def slowed(self) -> float:
        """How many times as long as expected the latest calls took; 1 where none is to yield."""
        return self._slowed

    def ended(self, kind: Hashable, *, calls: int, service_s: float) -> None:
        """A batch of so many calls of a kind took that long: told of each, what is to come is judged by the latest.

        One that is not even half of a full one says nothing: what is expected is the time of full ones.
        """
        expected_s = self.plan.service_s.get(kind, 0.0)
        if self.plan.workers is None:
            self._slowed = 1.0
        elif expected_s > 0 and 2 * calls >= self.plan.cap(kind):
            ratio = min(_MOST_SLOWED, service_s / expected_s)
            self._slowed += (ratio - self._slowed) / (1 + self.plan.workers)

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
            waiting = self._kinds[kind] = Waiting(home)
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
        best, chosen = NOTHING, None
        busy_s = self._busy_s()
        for kind, waiting in self._kinds.items():
            expired += waiting.settle(now_s, self._pace(kind, waiting, busy_s))
            is_away = waiting.home not in (None, home) and self.plan.cap(kind) > 1
            away_s = self.plan.home_slack_s if is_away else 0.0
            if (rank := waiting.rank(away_s, with_folder=with_folder)) < best:
                best, chosen = rank, kind
        batch: list[Item] = []
        if best is not NOTHING:
            batch = self._kinds[chosen].pop(self.plan.cap_now(chosen, tries_running), free_workers, best[0])
        self._waiting -= len(batch) + len(expired)
        if batch and not self._kinds[chosen]:
            del self._kinds[chosen]
        if expired:  # a kind may have lost all it had
            self._kinds = {kind: waiting for kind, waiting in self._kinds.items() if waiting}
        is_try = self.plan.is_try(chosen, len(batch))
        return Taken(batch, expired, is_folder=best[0] == FOLDER_PLACE, is_try=is_try)

    def _busy_s(self) -> float:
        """How long all workers are busy with what can be on time; 0 where none is to yield."""
        if self.plan.workers is None:
            return 0.0
        services = (
            self.plan.service_s.get(kind, 0.0) * len(waiting.on_time) / self.plan.cap(kind)
            for kind, waiting in self._kinds.items()
        )
        return sum(services) / self.plan.workers

    def _pace(self, kind: Hashable, waiting: Waiting[Item], busy_s: float) -> Pace:
        """How that kind is worked off while all kinds are, side by side."""
        cap = self.plan.cap(kind)
        slowed = max(1.0, self._slowed)
        sure = min(_SURE_PACE, _SURE_OF_SLOWED / slowed)
        every_s = busy_s * cap / len(waiting.on_time) / sure if waiting.on_time else 0.0
        return Pace(self.plan.service_s.get(kind, 0.0), cap, every_s, slowed)
