"""How long the chunks of live streams are: the shortest allowed length whose capacity carries what arrives. Pure.

A longer chunk spreads what a chunk costs however short it is, and a speaker waits longer for the result: so a length
grows only when the fixed cost no longer fits.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modules.batching.cost_model import CostKey, CostModel
from modules.batching.mean_cost import MeanCost

LIVE_LENGTHS_S = (0.2, 0.4, 0.8)
"""Lengths a live chunk may have by default, in seconds: the recogniser's grain and two doublings of it."""

_BEHIND_S = 1.0


@dataclass(frozen=True, slots=True)
class LengthCost:
    """What a chunk of `chunk_s` seconds costs now, in calls as large as the knee, summed over the stages it passes.

    `busy_s` is worker time, contention with others included; `cpu_s` is CPU time alone. `call_s` is what 95 of 100 such
    calls stay within, the longest of the stages counted. `is_settled` when larger calls have been tried and would not
    be cheaper: until then the cost is an upper bound.
    """

    chunk_s: float
    busy_s: float
    cpu_s: float
    call_s: float
    is_settled: bool = True
    is_single: bool = False

    def __post_init__(self) -> None:
        for name in ("chunk_s", "busy_s", "cpu_s", "call_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0 seconds and finite, got {getattr(self, name)}")

    def capacity(self, *, workers: int, cpus: float = math.inf) -> float:
        """Seconds of audio per second that so many workers on so many CPUs answer in chunks of this length."""
        return self.chunk_s * min(workers / self.busy_s, cpus / self.cpu_s)


def length_costs(
    model: CostModel, keys: Mapping[float, Sequence[CostKey]], means: Mapping[CostKey, MeanCost] | None = None
) -> tuple[LengthCost, ...]:
    """The cost of each length whose keys, one a hop that its chunks pass, are all known; shortest first.

    Where `means` say that calls have cost less of late than the model expects, they are taken at their word. So they
    are in any case where calls go one by one: of calls that are long at every third chunk the latest say little.
    """
    costs = (_cost(model, chunk_s, keys[chunk_s], means or {}) for chunk_s in sorted(keys))
    return tuple(cost for cost in costs if cost is not None)


def _cost(
    model: CostModel, chunk_s: float, keys: Sequence[CostKey], means: Mapping[CostKey, MeanCost]
) -> LengthCost | None:
    shares = [model.share_s(key) for key in keys]
    known = [share_s for share_s in shares if share_s is not None]
    if not known or len(known) < len(shares):
        return None
    busy_s = sum(share_s * model.scale(key) for share_s, key in zip(known, keys, strict=True))
    cpu_s = sum(known)
    seen = [means[key].of_late if key in means else None for key in keys]
    of_late = [times for times in seen if times is not None and min(times) > 0]
    if len(of_late) == len(keys):
        late_busy_s, late_cpu_s = (sum(times[column] for times in of_late) for column in (0, 1))
        is_mean = all(model.goes_one_by_one(key) for key in keys)
        busy_s = late_busy_s if is_mean else min(busy_s, late_busy_s)
        cpu_s = late_cpu_s if is_mean else min(cpu_s, late_cpu_s)
    calls_s = [model.service_s(key, batch=model.knee(key), quantile=0.95) or 0.0 for key in keys]
    is_settled = all(model.is_settled(key) for key in keys)
    longest = calls_s.index(max(calls_s))
    return LengthCost(chunk_s, busy_s, cpu_s, calls_s[longest], is_settled, is_single=model.knee(keys[longest]) == 1)


def is_behind(waiting_s: float, *, chunk_s: float) -> bool:
    """Whether a stream of which `waiting_s` seconds wait, the chunk that it gathers included, has fallen behind."""
    return waiting_s > chunk_s + _BEHIND_S


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where a stream stands when its chunk length changes: its number, and when the chunk it gathers has begun."""

    stream: int
    begins_s: float


def first_length_s(chunk_s: float, before_s: float, place: ChunkPlace, *, step_s: float = LIVE_LENGTHS_S[0]) -> float:
    """The length of the first chunk that a stream cuts after its length was `before_s`; 0 for a stream's very first.

    Streams that went over to longer chunks together would all have one ready in the same moment, again and again. So
    each ends this one in a slot of its own: slots of `step_s` by the stream's number, as many as the new length has.
    The slots of a length lie within those of lengths that it is a multiple of, so a stream in its slot goes over in
    chunks of the length before, of which calls are large already. To shorter chunks each goes over after the one that
    it gathers: what waits of it, cut small, would be a burst.
    """
    if chunk_s <= before_s:
        return before_s
    slots = max(1, round(chunk_s / step_s))
    begins = math.floor(place.begins_s / step_s + 1e-6)
    steps = (place.stream - begins) % slots or slots
    return chunk_s * steps / slots


def averaged(rows: Sequence[tuple[int, Sequence[LengthCost]]]) -> tuple[LengthCost, ...]:
    """The cost of each length that is known of every row of stages, averaged over the streams that pass each."""
    streams = sum(weight for weight, _ in rows)
    by_length: dict[float, list[tuple[float, LengthCost]]] = {}
    for weight, costs in rows:
        for cost in costs:
            by_length.setdefault(cost.chunk_s, []).append((weight / streams, cost))
    return tuple(
        LengthCost(
            chunk_s,
            busy_s=sum(share * cost.busy_s for share, cost in found),
            cpu_s=sum(share * cost.cpu_s for share, cost in found),
            call_s=max(cost.call_s for _, cost in found),
            is_settled=all(cost.is_settled for _, cost in found),
            is_single=max(found, key=lambda one: one[1].call_s)[1].is_single,
        )
        for chunk_s, found in sorted(by_length.items())
        if len(found) == len(rows)
    )
