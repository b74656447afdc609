"""`Dispatch`: what the hops of live streams cost on the workers, and the plan by which the workers batch them."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from engine.hop_kind import END_S, HopKind
from engine.shared_calls import CallTimes
from engine.workers import WorkerThreads
from modules.batching.chunks import HopSizer
from modules.batching.cost_model import CostKey, CostModel
from modules.batching.mean_cost import MeanCost
from modules.batching.ready_queue import BatchPlan, most_tries
from modules.monitoring.engine_state import BatchState
from modules.stages.hop import Hop

LOOP = CostKey("event loop", "a chunk")
"""What the cost model knows the event loop's own work by."""

_MEAN_OF_CALLS = 64


@dataclass(slots=True)
class _Known:
    """One kind of calls: how many share one where sessions go one by one, and how many did of late."""

    key: CostKey
    mean: MeanCost
    sizer: HopSizer = field(default_factory=HopSizer)
    mean_batch: float = 1.0


class Dispatch:
    """Learns from every call of the workers and keeps their plan. On the event loop."""

    def __init__(self, workers: WorkerThreads, costs: CostModel) -> None:
        """Plan for `workers` with what `costs` knows and learns."""
        self.costs = costs
        self.busy_s = 0.0
        """Seconds the workers have worked in all."""
        self._workers = workers
        self.means: dict[CostKey, MeanCost] = {}
        """What calls have cost of late."""
        self._kinds: dict[HopKind, _Known] = {}
        self._max_folder_batches: int | None = None
        self._is_full = False
        self._folder_caps: dict[Hashable, int] = {}

    def called(self, times: CallTimes) -> None:
        """Learn from a call of these workers."""
        self.busy_s += times.service_s
        if isinstance(times.kind, HopKind):
            self._learn(times.kind, times, cpu_s=times.cpu_s)

    def pass_time(self, seconds: float) -> None:
        """So many seconds have passed since this was said last."""
        for mean in self.means.values():
            mean.pass_time(seconds)

    def loop_took(self, cpu_s: float) -> None:
        """Learn what a chunk costs the event loop, everything else on it included, in seconds of a CPU."""
        if cpu_s > 0:
            self.costs.observe(LOOP, batch=1, service_s=cpu_s)

    @property
    def loop_s(self) -> float:
        """What a chunk costs the event loop; 0 before anything is known."""
        return self.costs.share_s(LOOP) or 0.0

    def called_remotely(self, times: CallTimes) -> None:
        """Learn from a call that waited for another process: its thread's CPU time says nothing."""
        if isinstance(times.kind, HopKind):
            self._learn(times.kind, times, cpu_s=None)

    def forget(self, hops: Iterable[Hop]) -> None:
        """Nobody uses these hops any more; what they cost stays known by their names."""
        gone = set(hops)
        self._kinds = {kind: known for kind, known in self._kinds.items() if kind.hop not in gone}
        self.replan()

    def allow_folder_batches(self, most: int | None) -> None:
        """Let so many batches of folder work run at once."""
        if most != self._max_folder_batches:
            self._max_folder_batches = most
            self.replan()

    @property
    def is_full(self) -> bool:
        """Whether there is no room: the last streams then yield where not all can be on time."""
        return self._is_full

    @is_full.setter
    def is_full(self, is_full: bool) -> None:
        self._is_full = is_full
        if self._workers.plan.workers != self._counted_workers:
            self.replan()

    @property
    def _counted_workers(self) -> int | None:
        """How many run at once, where that matters."""
        return self._workers.max_running if self._is_full else None

    def share_folder_calls(self, kind: Hashable, most: int) -> None:
        """Let so many recordings share a call of that kind. They keep its length down themselves."""
        self._folder_caps[kind] = most
        self.replan()

    def replan(self) -> None:
        """Give the workers a plan made from what is known now."""
        caps: dict[Hashable, int] = self._folder_caps | {
            kind: self._cap(kind, known) for kind, known in self._kinds.items()
        }
        expected: dict[Hashable, float] = {
            kind: self.costs.expected_s(known.key, batch=caps[kind]) for kind, known in self._kinds.items()
        }
        proven: dict[Hashable, int] = {kind: self._proven(kind, known) for kind, known in self._kinds.items()}
        self._workers.plan = BatchPlan(
            1,
            caps,
            expected,
            self._max_folder_batches,
            proven=proven,
            max_tries=most_tries(self._workers.max_running),
            workers=self._counted_workers,
        )

    def batches(self) -> Sequence[BatchState]:
        """How calls share hops now, for people: sessions at home with different workers are one row."""
        rows: dict[CostKey, list[HopKind]] = {}
        for kind in self._kinds:
            if kind.chunk_s != END_S:
                rows.setdefault(kind.key, []).append(kind)
        shapes = Counter(key.model for key in rows)
        return [
            BatchState(
                key.model if shapes[key.model] == 1 else f"{key.model}, {key.shape}",
                fmean(self._kinds[kind].mean_batch for kind in kinds),
                max(self._workers.plan.cap(kind) for kind in kinds),
                self.costs.knee(key),
            )
            for key, kinds in rows.items()
        ]

    def _learn(self, kind: HopKind, times: CallTimes, *, cpu_s: float | None) -> None:
        known = self._kinds.get(kind)
        is_new = known is None
        if known is None:
            known = self._kinds[kind] = _Known(kind.key, self.means.setdefault(kind.key, MeanCost()))
        known.mean_batch += (times.calls - known.mean_batch) / _MEAN_OF_CALLS
        known.sizer.observe(calls=times.calls, service_s=times.service_s)
        if not kind.hop.is_shared:  # of long calls each would wait for those before it
            self.costs.bound(kind.key, 1 if known.sizer.calls() == 1 else None)
        known.mean.observe(calls=times.calls, service_s=times.service_s, cpu_s=cpu_s or 0.0)
        has_moved = self.costs.observe(known.key, batch=times.calls, service_s=times.service_s, cpu_s=cpu_s)
        if is_new or has_moved or self._cap(kind, known) != self._workers.plan.cap(kind):
            self.replan()

    def _cap(self, kind: HopKind, known: _Known) -> int:
        """The most calls taken at once, a size being tried included."""
        return _together(kind, known, self.costs.cap(known.key))

    def _proven(self, kind: HopKind, known: _Known) -> int:
        """The size beyond which calls are tries."""
        return _together(kind, known, self.costs.knee(known.key))


def _together(kind: HopKind, known: _Known, batch: int) -> int:
    """Where streams share a model's call the cost model says how many; sessions also share the way to a worker."""
    return batch if kind.hop.is_shared else max(batch, known.sizer.calls())
