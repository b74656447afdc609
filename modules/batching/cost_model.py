"""`CostModel`: what model calls cost on this machine, learnt from time inside the worker, and what follows. Pure.

Never from end-to-end latency: that loop is metastable (a burst grows the queue, batches shrink, capacity falls, and it
does not recover). Here a full queue only means that larger batches are seen.

What a batch may grow to is trusted one step beyond what was explored: the step is tried, and what does not pay is taken
back exactly. So a size at which a cache overflows is noticed and not used.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from modules.batching.batch_costs import BatchCosts
from modules.batching.contention import Contention
from modules.batching.cost_limits import CostKey, CostLimits
from modules.batching.knee import KneeFinder
from modules.batching.size_class import SIZES, Level, class_of

__all__ = ["CostKey", "CostLimits", "CostModel", "LearntCost"]

VERSION = 1
"""The layout that `CostModel.to_dict` writes; another one is refused."""

_KNOTS = 24  # of each class's times, as many evenly spaced ones are saved
_LATELY_CALLS = 24  # of a model: a kind of calls seen among these knows itself what it costs


@dataclass(frozen=True, slots=True)
class LearntCost:
    """What is known of one key, for people: `onbeat doctor` and the dashboard show it. Times are seconds of a call.

    `batch` is the knee, and the quantiles are those of calls that large; `explored` is the largest batch tried.
    """

    key: CostKey
    batch: int
    explored: int
    per_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    scale: float
    is_relearning: bool


@dataclass(slots=True)
class _Model:
    """What kinds of calls of one model share."""

    contention: Contention = field(default_factory=Contention)
    level: Level = field(default_factory=Level)
    calls: int = 0


@dataclass(slots=True)
class _Key:
    model: _Model
    costs: BatchCosts
    finder: KneeFinder
    seen_at_call: int = 0


class CostModel:
    """Told of every call of a worker; says how many payloads a call should have, and how long it will take.

    Runs in the event loop's thread, for every call, in a few microseconds. Costs of a model's own are kept apart from
    what others do to the machine: where CPU time is given, a noisy neighbour is a scale, and a slower model a refit.
    """

    def __init__(self, limits: CostLimits | None = None) -> None:
        """Start with nothing learnt; calls then begin with a batch of one."""
        self.limits = limits or CostLimits()
        """May be changed while running; they hold from the next conclusions on."""
        self._keys: dict[CostKey, _Key] = {}
        self._most: dict[CostKey, int] = {}
        self._models: dict[str, _Model] = {}

    def __repr__(self) -> str:
        knees = ", ".join(f"{key.model} {key.shape}: {known.finder.knee}" for key, known in self._keys.items())
        return f"<CostModel knees {knees or 'none yet'}>"

    @property
    def keys(self) -> tuple[CostKey, ...]:
        """What has been learnt of, in order of first sight."""
        return tuple(self._keys)

    def observe(self, key: CostKey, *, batch: int, service_s: float, cpu_s: float | None = None) -> bool:
        """Learn that a call of `batch` payloads took a worker `service_s` seconds, `cpu_s` of them on the CPU.

        `cpu_s` is the worker thread's own time; leave it out for a call that waits for another process or a device.
        Returns whether cap or knee may have changed, so that a new plan for the dispatcher is worth making.
        """
        assert batch >= 1, batch
        known = self._keys.get(key)
        if known is None:
            known = self._new(key)
        if service_s <= 0:
            return False
        model, costs = known.model, known.costs
        model.calls += 1
        known.seen_at_call = model.calls
        own_s = service_s
        if cpu_s is not None and cpu_s > 0:
            model.contention.observe(wall_s=service_s, cpu_s=min(cpu_s, service_s))
            own_s = cpu_s
        shifts, level, before = costs.shifts, model.level.log, (known.finder.cap, known.finder.knee)
        if not costs.observe(batch, own_s):
            return False
        if costs.shifts != shifts:
            self._hold_others(known, model.level.log - level)
        known.finder.look(costs, self._limits_of(key))
        return (known.finder.cap, known.finder.knee) != before

    def _hold_others(self, shifted: _Key, moved: float) -> None:
        """One kind of calls has shifted: of the others, those seen lately know themselves whether they have.

        For all of them conclusions are due: a size that took too long may be short enough now, or the other way round.
        """
        for key, known in self._keys.items():
            if known.model is not shifted.model or known is shifted:
                continue
            if known.model.calls - known.seen_at_call < _LATELY_CALLS:
                known.costs.hold(moved)
            known.finder.look(known.costs, self._limits_of(key))

    def bound(self, key: CostKey, max_batch: int | None) -> None:
        """Allow no larger batches of `key` than that, whether or not they would pay; `None` takes it back."""
        if max_batch is None:
            self._most.pop(key, None)
        else:
            self._most[key] = max_batch

    def knee(self, key: CostKey) -> int:
        """The smallest batch within 3 % of the best throughput reached; 1 before anything is known."""
        known = self._keys.get(key)
        return known.finder.knee if known else 1

    def cap(self, key: CostKey) -> int:
        """How many payloads a call may have now: the knee, less while relearning, or one step more to try it.

        Before any such call was seen, half of what calls of the same model may have: payloads may be larger.
        """
        known = self._keys.get(key)
        cap = known.finder.cap if known else self._new_finder(key).knee
        return min(cap, self._most.get(key, cap))

    def is_settled(self, key: CostKey) -> bool:
        """Whether larger batches have been tried and do not pay, so that capacity at the knee is all there is.

        Where none may be tried it is, however much calls differ.
        """
        known = self._keys.get(key)
        if known is None:
            return False
        return known.finder.is_settled(known.costs) or (self.goes_one_by_one(key) and known.costs.total_calls > 0)

    def goes_one_by_one(self, key: CostKey) -> bool:
        """Whether no batches of `key` are allowed: `bound` was told so."""
        return self._most.get(key) == 1

    def is_relearning(self, key: CostKey) -> bool:
        """Whether costs have shifted lately and little is known of the new ones."""
        known = self._keys.get(key)
        return known is not None and known.costs.is_relearning

    def scale(self, key: CostKey) -> float:
        """How much longer than its own work a call takes now because of others, 1 or more."""
        known = self._keys.get(key)
        return known.model.contention.scale if known else 1.0

    def share_s(self, key: CostKey) -> float | None:
        """Seconds of its own work that one payload costs in a call as large as the knee; `None` before any is known."""
        known = self._keys.get(key)
        return None if known is None else known.finder.share_s(known.costs)

    def service_s(self, key: CostKey, *, batch: int, quantile: float = 0.5) -> float | None:
        """Seconds that a share `quantile` of calls of `batch` payloads stay within now; `None` before any is known."""
        known = self._keys.get(key)
        own_s = known.costs.quantile_s(batch, quantile) if known else None
        return None if own_s is None else own_s * self.scale(key)

    def expected_s(self, key: CostKey, *, batch: int) -> float:
        """Seconds that a call is expected to take, to judge by whether a deadline can still be met; 0 when unknown.

        Never more than `max_expected_s`, however dear calls have become: else every chunk would be given up as it
        comes, no call would be made any more, and nobody would learn that they are cheap again.
        """
        return min(self.service_s(key, batch=batch) or 0.0, self.limits.max_expected_s)

    def learnt(self, key: CostKey) -> LearntCost | None:
        """What is known of `key`, for people."""
        share_s = self.share_s(key)
        if share_s is None:
            return None
        known, batch = self._keys[key], self.knee(key)
        p50_s, p95_s, p99_s = (self.service_s(key, batch=batch, quantile=q) or 0.0 for q in (0.5, 0.95, 0.99))
        return LearntCost(
            key=key,
            batch=batch,
            explored=SIZES[max(known.costs.explored(), default=0)],
            per_s=1 / (share_s * self.scale(key)),
            p50_s=p50_s,
            p95_s=p95_s,
            p99_s=p99_s,
            scale=self.scale(key),
            is_relearning=known.costs.is_relearning,
        )

    def forget(self, key: CostKey) -> None:
        """Drop what is known of `key`."""
        self._keys.pop(key, None)
        self._most.pop(key, None)

    def to_dict(self, *, machine: str, digests: Mapping[str, str]) -> dict[str, Any]:
        """All that was learnt, as JSON values, for a later start on the same machine.

        `machine` names what the times depend on; `digests` has a digest of each model: those without one are left out.
        """
        return {
            "version": VERSION,
            "machine": machine,
            "costs": [
                {"model": key.model, "shape": key.shape, "period_s": _finite(key.period_s)}
                | {"digest": digests[key.model], "knee": known.finder.knee}
                | {"calls": [{"batch": batch, "times_s": times_s} for batch, times_s in _saved(known.costs)]}
                for key, known in self._keys.items()
                if key.model in digests and known.costs.explored()
            ],
        }

    @classmethod
    def from_dict(
        cls,
        fields: Mapping[str, Any],
        *,
        machine: str,
        digests: Mapping[str, str],
        limits: CostLimits | None = None,
    ) -> Self:
        """A model that begins with what `to_dict` wrote, less what belongs to models that have changed since.

        Raises `ValueError` for another version, another machine or broken fields.
        """
        if fields.get("version") != VERSION:
            raise ValueError(f"learnt costs must have version {VERSION}, got {fields.get('version')!r}")
        if fields.get("machine") != machine:
            raise ValueError(f"learnt costs are of another machine: {fields.get('machine')!r}, this is {machine!r}")
        model = cls(limits)
        try:
            for cost in fields["costs"]:
                if digests.get(cost["model"]) == cost["digest"]:
                    model._restore(CostKey(cost["model"], cost["shape"], cost.get("period_s") or math.inf), cost)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"learnt costs are broken: {type(error).__name__}: {error}") from error
        return model

    def _restore(self, key: CostKey, cost: Mapping[str, Any]) -> None:
        known = self._new(key)
        for calls in cost["calls"]:
            times_s = [float(time_s) for time_s in calls["times_s"]]
            if not times_s or not all(0 < time_s < math.inf for time_s in times_s) or calls["batch"] not in SIZES:
                raise ValueError(f"learnt costs are broken: calls of {calls['batch']!r} with times {times_s[:3]}")
            known.costs.restore(calls["batch"], times_s)
        known.costs.refit()
        known.finder.begin_at(class_of(cost["knee"]), known.costs, self._limits_of(key))

    def _limits_of(self, key: CostKey) -> CostLimits:
        limits = self.limits.for_period(key.period_s)
        most = self._most.get(key)
        return limits if most is None else replace(limits, max_batch=min(limits.max_batch, most))

    def _new(self, key: CostKey) -> _Key:
        model = self._models.setdefault(key.model, _Model())
        known = self._keys[key] = _Key(model, BatchCosts(model.level), self._new_finder(key))
        return known

    def _new_finder(self, key: CostKey) -> KneeFinder:
        first = max((known.finder.knee for other, known in self._keys.items() if other.model == key.model), default=1)
        return KneeFinder(first=min(first, self.limits.max_batch))


def _saved(costs: BatchCosts) -> list[tuple[int, list[float]]]:
    """Each explored class with its times at today's level, thinned out evenly by rank."""
    return [(SIZES[number], costs.knots_s(number, _KNOTS)) for number in costs.explored()]


def _finite(period_s: float) -> float | None:
    """JSON has no word for infinity."""
    return period_s if period_s < math.inf else None
