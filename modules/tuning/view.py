"""`View`: one observation as the knobs see it, with what earlier ones say beside it. Frozen."""

import math
from dataclasses import dataclass, replace

from modules.batching.cost_model import CostLimits
from modules.batching.knee import LIMIT_SLACK
from modules.batching.live_chunks import LengthCost
from modules.tuning.ladder import Rung
from modules.tuning.plan import Knob, Move, Observation, Plan

UNSETTLED_S = 2.0
"""For so long late chunks are put down to batches that still grow, and to what waits from before."""

MIN_GAIN, GAIN_LONGER = 1.03, 1.06
"""What a longer chunk length must carry more to be kept, and to be gone to: between them lies the noise."""

FULL = 0.92
"""Share of a capacity that is as good as all of it: what is known of it may be off by as much as is left."""

_LITTLE_SHORT = 1.2
"""Load up to which a length that carries a little more may be what is missing; under overload it is not."""

_LONGEST_CALL = 0.92
"""Of the target, for 95 of 100 calls of a chunk each: so 99 of 100 are within it, where no call could be shorter."""

_NEARLY = 0.9  # of the limit: calls of one chunk that long are as good as over it, since two would be
_SLACK = 1.3  # a length in use is not given up for the noise of its calls, which may be a little over the limit


@dataclass(frozen=True, slots=True)
class View:
    """What a knob decides from.

    - `wanted_s`: seconds of audio per second that all open streams send, suspended ones taken to be like the others.
      Of late or lately, whichever is worse.
    - `stream_s`: what one stream sends on average.
    - `queue`: the standing queue beyond the call that was running, as a share of what the deadline leaves.
    - `miss_share`: misses among the chunks of the last period; `is_late` when that or the queue says chunks are late.
    - `late_for_s`: how long chunks have been late without a break since the chunk length or the streams changed.
    - `relieved_for_s`: how long ago something was given up that makes room by itself.
    - `is_kept`: whether the chunks since the last move show that 99 of 100 are on time; `clean_for_s`: how long none
      has been late, however few they are.
    """

    seen: Observation
    plan: Plan
    target_s: float
    lengths_s: tuple[float, ...]
    wanted_s: float | None
    stream_s: float | None
    queue: float | None
    miss_share: float
    is_late: bool
    is_kept: bool = False
    clean_for_s: float = 0.0
    late_for_s: float = 0.0
    relieved_for_s: float = math.inf
    rungs: tuple[Rung, ...] = ()

    @property
    def is_lasting(self) -> bool:
        """Whether chunks have been late for so long that it is not just batches which still grow."""
        return self.late_for_s >= UNSETTLED_S

    @property
    def is_trusted(self) -> bool:
        """Whether the capacity known is all there is: larger batches and longer chunks were tried, or do not come."""
        cost = self.cost(self.plan.chunk_s)
        return cost is not None and (self.is_lasting or (cost.is_settled and self.untried_s is None))

    @property
    def untried_s(self) -> float | None:
        """A longer length than all whose cost is known, with calls that are likely to be short enough.

        The shortest that should carry what is wanted, else the longest; none that should carry no more than what is
        known, and only a little more is enough once chunks are late for want of it. What it should carry is told by
        the line through the two longest known; while one is all, a chunk's cost is taken to grow with the root of its
        length, half way between staying as it is and growing in proportion. It is so too, at best, once chunks are late
        for want of a little: what was learnt of two lengths at two times draws no line while costs drift.
        """
        now = self.cost(self.plan.chunk_s)
        longest = max(self.seen.lengths, key=lambda cost: cost.chunk_s, default=None)
        if now is None or longest is None or not (longest is now or self.is_useful(longest)):
            return None
        longer = [length_s for length_s in self.lengths_s if length_s > longest.chunk_s]
        strongest_s = max(self.capacity_s(cost) for cost in self.seen.lengths)
        is_short = self.is_late and FULL < (self.wanted_s or 0.0) / strongest_s <= _LITTLE_SHORT
        growths = {length_s: self._growth(now, length_s, is_hoped=is_short) for length_s in longer}
        gains = {length_s: length_s / now.chunk_s / growth for length_s, growth in growths.items()}
        least = (MIN_GAIN if is_short else GAIN_LONGER) * strongest_s / self.capacity_s(now)
        likely = [
            length_s
            for length_s in longer
            if now.busy_s * growths[length_s] <= self._max_call_s(length_s) and gains[length_s] >= least
        ]
        load = (self.wanted_s or 0.0) / self.capacity_s(now)
        return next((length_s for length_s in likely if gains[length_s] > load), likely[-1] if likely else None)

    @property
    def now_s(self) -> float:
        """When it was seen."""
        return self.seen.now_s

    @property
    def cpus(self) -> float:
        """Effective CPUs that the workers may use; no limit when unknown."""
        plan = self.plan
        cpus = self.seen.resources.cpus or math.inf
        return cpus if plan.work_share == 1 else min(cpus, plan.workers * plan.work_share)

    def cost(self, chunk_s: float) -> LengthCost | None:
        """What chunks of that length cost, if it is known."""
        return next((cost for cost in self.seen.lengths if cost.chunk_s == chunk_s), None)

    def capacity_s(self, cost: LengthCost) -> float:
        """Seconds of audio per second that today's workers carry at that cost."""
        return cost.capacity(workers=self.plan.workers, cpus=self.cpus)

    def is_useful(self, cost: LengthCost) -> bool:
        """Whether the deadline allows chunks of that length."""
        slack = _SLACK if cost.chunk_s == self.plan.chunk_s else LIMIT_SLACK
        return cost.call_s <= slack * self._max_call_s(cost.chunk_s)

    def _growth(self, now: LengthCost, length_s: float, *, is_hoped: bool) -> float:
        """How many times as much as one of now a chunk of that length is likely to cost a worker, or at best."""
        *_, last = lengths = sorted(self.seen.lengths, key=lambda cost: cost.chunk_s)
        has_paid = len(lengths) == 1 or self.capacity_s(last) >= GAIN_LONGER * self.capacity_s(lengths[-2])
        if has_paid and self._is_cramped:  # else streams are suspended: what is best may as well be tried
            return last.busy_s / now.busy_s
        by_root_s = last.busy_s * math.sqrt(length_s / last.chunk_s)
        if len(lengths) == 1:
            return by_root_s / now.busy_s
        before = lengths[-2]
        slope = max(0.0, (last.busy_s - before.busy_s) / (last.chunk_s - before.chunk_s))
        by_line_s = last.busy_s + slope * (length_s - last.chunk_s)
        return (min(by_root_s, by_line_s) if is_hoped else by_line_s) / now.busy_s

    @property
    def _limits(self) -> CostLimits:
        return CostLimits.of(self.target_s, workers=self.plan.workers)

    @property
    def _is_cramped(self) -> bool:
        """Whether calls of the length in force are about as long as they may be though each has one chunk."""
        now = self.cost(self.plan.chunk_s)
        if now is None or not now.is_single:
            return False
        return now.call_s > _NEARLY * self._limits.for_period(now.chunk_s).max_service_s

    def _max_call_s(self, chunk_s: float) -> float:
        """The most that calls of a length may take: more where it is that or no call at all."""
        limits = self._limits
        if self._is_cramped:
            limits = replace(limits, max_service_s=_LONGEST_CALL * self.target_s)
        return limits.for_period(chunk_s).max_service_s


@dataclass(frozen=True, slots=True)
class Turn:
    """A knob to turn, in one plain sentence that says what was seen, what was decided and why.

    `is_urgent`: it may be turned at once, beside others; else one a period is turned.
    """

    knob: Knob
    after: float
    sentence: str
    is_urgent: bool = False

    def move(self, plan: Plan) -> Move:
        """The move it makes of a plan."""
        return Move(self.knob, float(getattr(plan, self.knob)), float(self.after), self.sentence)
