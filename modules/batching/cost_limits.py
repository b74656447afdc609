"""What the cost model tells calls apart by, `CostKey`, and how large they may be, `CostLimits`. Frozen records."""

import math
from dataclasses import dataclass, replace
from typing import Self

from modules.batching.size_class import SIZES

_OWN_CALL, _WAIT = 1.182, 1.027  # of the longest calls, that have to fit into the target
_EXPECTED_SHARE = 0.9  # of the target: a chunk that has so much time left is not given up


@dataclass(frozen=True, slots=True)
class CostKey:
    """Calls that cost alike: of one model, with payloads of one shape class.

    A stream sends such a payload once in `period_s` seconds, and has one under way at a time: calls must be shorter.
    """

    model: str
    shape: str = ""
    period_s: float = math.inf


@dataclass(frozen=True, slots=True)
class CostLimits:
    """How large a call may be: in payloads, and in the seconds that 95 of 100 such calls stay within.

    A live chunk waits until a worker is free and then for its own call: `of` leaves room for both in the target.
    """

    max_batch: int = 64
    max_service_s: float = 0.15
    max_expected_s: float = 0.15
    max_period_share: float = 2 / 3

    def __post_init__(self) -> None:
        if not 1 <= self.max_batch <= SIZES[-1]:
            raise ValueError(f"max_batch must be 1 to {SIZES[-1]}, got {self.max_batch}")
        if not (self.max_service_s > 0 and self.max_expected_s > 0 and self.max_period_share > 0):
            raise ValueError(f"max_service_s, max_expected_s and max_period_share must be above 0, got {self}")

    @classmethod
    def of(cls, target_s: float, *, workers: int, max_batch: int = 64) -> Self:
        """The limits under which a chunk that finds all of `workers` busy is still on time.

        A chunk waits until one of the workers ends its call, by a share of a call that falls with their number; its own
        is hardly ever one of the longest. Where calls are as long as they may be, those of 64 workers leave too little
        of the target when they all come at once: more than 1 / 1.18 of it helps nobody. Both numbers are what served
        most in simulations of two, eight and 64 workers.
        """
        return cls(
            max_batch,
            max_service_s=target_s / (_OWN_CALL + _WAIT / workers),
            max_expected_s=_EXPECTED_SHARE * target_s,
            max_period_share=1 / (1 + 1 / workers),
        )

    def for_period(self, period_s: float) -> Self:
        """The limits for payloads that a stream sends once in `period_s` seconds."""
        limit_s = self.max_period_share * period_s
        return self if limit_s >= self.max_service_s else replace(self, max_service_s=limit_s)
