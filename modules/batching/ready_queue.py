"""`ReadyQueue`: which waiting calls a free worker takes next, and how many of them at once. Pure: it is given the time.

Earliest deadline first, live before folder work, calls of one kind together. Work-conserving: whoever asks gets work at
once if there is any; what queues up behind busy workers forms the batch. There is no wait window.
"""

import heapq
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")

FOLDER = math.inf
"""The deadline of work that has none: it runs when no live call waits."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How many calls may be taken at once, by kind; `default_cap` for a kind that is not named."""

    default_cap: int = 1
    caps: Mapping[Hashable, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for cap in (self.default_cap, *self.caps.values()):
            if cap < 1:
                raise ValueError(f"a batch cap must be at least 1, got {cap}")

    def cap(self, kind: Hashable) -> int:
        """The most calls of that kind taken at once."""
        return self.caps.get(kind, self.default_cap)


@dataclass(frozen=True, slots=True)
class Urgency:
    """How urgent a call is: higher `priority` first, then the earlier `deadline_s`, an instant of the given clock."""

    deadline_s: float = FOLDER
    priority: int = 0

    def __post_init__(self) -> None:
        if math.isnan(self.deadline_s):
            raise ValueError("deadline_s must be an instant in seconds, got NaN")

    @property
    def order(self) -> tuple[bool, int, float]:
        """Smaller is sooner: live before folder work, then priority, then deadline."""
        return (self.deadline_s == FOLDER, -self.priority, self.deadline_s)


class ReadyQueue(Generic[Item]):
    """Calls that could run now. A stream has at most one of them, so none can fill the queue and starve the others."""

    def __init__(self, plan: BatchPlan | None = None) -> None:
        """Start empty; `plan` may be swapped at any time and holds from the next `take` on."""
        self.plan = plan or BatchPlan()
        self._heaps: dict[Hashable, list[tuple[tuple[bool, int, float], int, Item]]] = {}
        self._numbers = count()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def __repr__(self) -> str:
        kinds = ", ".join(f"{kind}: {len(heap)}" for kind, heap in self._heaps.items())
        return f"<ReadyQueue {self._waiting} waiting; {kinds}>"

    def put(self, item: Item, kind: Hashable, urgency: Urgency) -> None:
        """Let `item` wait; calls of equal `kind` (model and shape class) may be taken together."""
        heapq.heappush(self._heaps.setdefault(kind, []), (urgency.order, next(self._numbers), item))
        self._waiting += 1

    def take(self, free_workers: int) -> list[Item]:
        """The most urgent call and others of its kind, most urgent first; empty only when nothing waits.

        As many as an even share of that kind for each free worker, at most the plan's cap: then workers that come free
        together work together, and a batch is large only when there is more to do than workers.
        """
        assert free_workers >= 1, free_workers
        if not self._waiting:
            return []
        kind = min(self._heaps, key=lambda name: self._heaps[name][0][:2])
        heap = self._heaps[kind]
        taken = min(self.plan.cap(kind), -(-len(heap) // free_workers))
        is_folder = heap[0][0][0]  # a batch is all live or all folder work
        batch = [heapq.heappop(heap)[2]]
        while len(batch) < taken and is_folder == heap[0][0][0]:
            batch.append(heapq.heappop(heap)[2])
        self._waiting -= len(batch)
        if not heap:
            del self._heaps[kind]
        return batch
