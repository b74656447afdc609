"""`KneeFinder`: the smallest batch within 3 % of the best throughput reached, and the next size worth trying. Pure.

It grows only when the limit was reached (a size counts as explored when calls of it were seen), one step beyond what
was explored, and what does not pay is taken back exactly. A new knee needs more than the noise of a few calls.
"""

import math
from typing import Protocol

from modules.batching.batch_costs import MIN_CALLS, BatchCosts
from modules.batching.size_class import SIZES, class_of

KNEE_SHARE = 0.97
"""Share of the best throughput that the knee reaches."""

LIMIT_SLACK = 1.1
"""By so much calls of a size in use may exceed the limit: noise must not move the knee."""

_STAY_SHARE, _DOWN_SHARE = 0.97, 1.02  # hysteresis: the knee grows below the one, shrinks where less gives the other
_WORTH_TRYING = 1.02  # expected gain of doubling
_WORSE = 1.03  # a size this much below the best is past it
_SURE_CALLS = 4 * MIN_CALLS
_CHECKED_ONE_IN = 64  # calls that go into checking a size which nearly pays
_DOUBT_CALLS, _SAME_LEVEL = 256, 0.15
"""Calls after which a shift is one for good, if costs are not back at the level before it, a log. A host that others
share gives less for half a second, and a size tried while that ends looks cheap beside one that was seen in it.
"""

_RETRY_CALLS = 4096  # after which what was found worse is tried again: a model may have changed slowly
_DOUBT_SCATTERS = 3  # by so many the mean of a few calls may be off


class CallLimits(Protocol):
    """How large a call may be."""

    @property
    def max_batch(self) -> int:
        """Most payloads."""
        ...

    @property
    def max_service_s(self) -> float:
        """Most seconds that 95 of 100 calls take."""
        ...


class KneeFinder:
    """Follows one key's `BatchCosts`; `knee` and `cap` are batch sizes."""

    __slots__ = ("_candidate", "_doubted_at", "_is_relearning", "_level", "_number", "_retry_at", "_shifts")

    def __init__(self, *, first: int = 1) -> None:
        """Begin with calls of half of `first`, the knee of similar calls: payloads may be larger than theirs."""
        self._number = max(min(1, class_of(first)), class_of(first) - 2)
        self._candidate: int | None = None
        self._is_relearning = False
        self._retry_at = _RETRY_CALLS
        self._shifts = 0
        self._doubted_at = math.inf  # calls seen when costs shifted, unless they have shifted back
        self._level = 0.0  # of costs, before that

    @property
    def knee(self) -> int:
        """The smallest batch within 3 % of the best throughput reached."""
        return SIZES[self._number]

    @property
    def cap(self) -> int:
        """The most payloads a call may have now: the size being tried if there is one.

        Never less than the knee, not in doubt either: smaller calls carry less, just when more is asked for.
        """
        return self.knee if self._candidate is None else SIZES[self._candidate]

    def is_settled(self, costs: BatchCosts) -> bool:
        """Whether nothing larger is worth trying."""
        return self._candidate is None and not self._is_relearning and costs.calls(self._number) >= MIN_CALLS

    def begin_at(self, number: int, costs: BatchCosts, limits: CallLimits) -> None:
        """Take over a knee learnt earlier, as a number of a class."""
        self._number = number
        self.look(costs, limits)

    def look(self, costs: BatchCosts, limits: CallLimits) -> None:
        """Draw the conclusions from what is known now."""
        self._doubt(costs)
        if costs.total_calls >= self._retry_at:
            self._retry_at = costs.total_calls + _RETRY_CALLS
            costs.forget([self._number + 1])
        self._is_relearning = costs.is_relearning
        self._number = self._knee_of(self._rates(costs, limits), costs, limits)
        self._candidate = self._next(costs, limits)

    def _doubt(self, costs: BatchCosts) -> None:
        """Once costs have shifted for good, what was known of larger sizes may hold no more: they are tried again."""
        if costs.shifts != self._shifts:
            self._shifts = costs.shifts
            is_back = self._doubted_at < math.inf and abs(costs.level - self._level) < _SAME_LEVEL
            self._doubted_at = math.inf if is_back else min(self._doubted_at, costs.total_calls)
        if costs.total_calls - self._doubted_at >= _DOUBT_CALLS:
            self._doubted_at = math.inf
            costs.forget([number for number in costs.classes if number > self._number])
        if self._doubted_at == math.inf:
            self._level = costs.level

    def share_s(self, costs: BatchCosts) -> float | None:
        """Seconds of one payload in calls as large as the knee; `None` before any is known.

        Of calls that large themselves: one of a larger size may have been a try beyond what pays.
        """
        if costs.calls(self._number) >= MIN_CALLS:
            return costs.recent_s(self._number) / self.knee
        return costs.line(self.knee) / self.knee if costs.line else None

    def _rates(self, costs: BatchCosts, limits: CallLimits) -> dict[int, float]:
        """Payloads per second of each explored class that is not too large."""
        return {
            number: SIZES[number] / costs.mean_s(number)
            for number in costs.explored()
            if self._is_allowed(number, costs, limits)
        }

    def _knee_of(self, rates: dict[int, float], costs: BatchCosts, limits: CallLimits) -> int:
        if not rates:  # nothing is explored, or all of it takes too long
            return max(0, min([self._number, *(number - 1 for number in costs.explored())]))
        if costs.calls(self._number) < MIN_CALLS and max(rates) < self._number:
            # where similar calls have theirs; calls that large have not come yet, and these may take longer
            return max(number for number in range(self._number + 1) if self._may_be_allowed(number, costs, limits))
        best = max(rates.values())
        if rates.get(self._number, 0.0) >= _STAY_SHARE * best:
            return min(
                (n for n in rates if n < self._number and rates[n] >= _DOWN_SHARE * rates[self._number]),
                default=self._number,
            )
        return min(number for number in rates if rates[number] >= KNEE_SHARE * best)

    def _next(self, costs: BatchCosts, limits: CallLimits) -> int | None:
        """The class to try: the largest explored doubled while that should pay, else what a failed try skipped."""
        explored = costs.explored()
        if self._is_relearning or self._number not in explored:
            return None
        top, above = explored[-1], [number for number in explored if number > self._number]
        if above and not self._is_sure(above[0], costs) and self._may_be_allowed(above[0], costs, limits):
            return above[0]
        rates = self._rates(costs, limits)
        if top in rates and rates[top] >= max(rates.values()) / _WORSE and self._should_pay(top, costs):
            number = top + (2 if top else 1)
            return (
                number
                if self._may_try(number, costs, limits)
                else top + 1
                if self._may_try(top + 1, costs, limits)
                else None
            )
        between = self._number + 1
        skipped = above == [] or above[0] > between
        return between if above and skipped and self._may_try(between, costs, limits) else None

    def _should_pay(self, top: int, costs: BatchCosts) -> bool:
        """Whether a size twice as large would gain something if costs stay on their line."""
        if top == 0 or costs.line is None:
            return True
        return 2 * costs.line(SIZES[top]) / costs.line(2 * SIZES[top]) >= _WORTH_TRYING

    def _is_sure(self, number: int, costs: BatchCosts) -> bool:
        """Whether enough calls of that class were seen to say that it does not pay."""
        calls = costs.calls(number)
        if calls >= _SURE_CALLS + costs.total_calls // _CHECKED_ONE_IN:
            return True
        rate, knee_rate = (SIZES[n] / costs.mean_s(n) for n in (number, self._number))
        doubt = 2 * costs.scatter * math.sqrt(1 / calls + 1 / costs.calls(self._number))
        return rate * (1 + doubt) < knee_rate / KNEE_SHARE

    def _may_try(self, number: int, costs: BatchCosts, limits: CallLimits) -> bool:
        if number >= len(SIZES) or SIZES[number] > limits.max_batch:
            return False
        return (costs.hoped_s(number) or 0.0) <= limits.max_service_s

    def _may_be_allowed(self, number: int, costs: BatchCosts, limits: CallLimits) -> bool:
        """Whether calls of a class of which few were seen may yet turn out to keep within the limits."""
        doubt = min(1.0, _DOUBT_SCATTERS * costs.scatter / math.sqrt(max(_DOUBT_SCATTERS, costs.calls(number))))
        return number == 0 or (costs.late_s(number) or 0.0) * (1 - doubt) <= limits.max_service_s

    def _is_allowed(self, number: int, costs: BatchCosts, limits: CallLimits) -> bool:
        """Whether calls of that class keep within the limits; a batch of one always does."""
        if number == 0:
            return True
        slack = LIMIT_SLACK if number == self._number else 1.0
        late_s = costs.late_s(number)
        return late_s is None or late_s <= slack * limits.max_service_s
