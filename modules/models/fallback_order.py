"""Which backend of a role is asked next: `FallbackOrder` decides, given the time and what became of earlier calls.

A backend that failed rests; when its rest is over it is asked first again, so that the best one that works answers.
Each rest is twice as long as the one before, until a backend has worked for longer than it rested.
"""

from dataclasses import dataclass
from typing import Final, Literal

MAX_BACKENDS: Final = 16


@dataclass(frozen=True, slots=True)
class FallbackRules:
    """How long a backend that failed rests, first and at most, and how long a call and a load may take, in seconds.

    With `tries_in_calls` a rested backend is tried by the next call that comes, which waits for it; without, only by
    `Fallback.recover`, which is called where nobody waits.
    """

    rest_s: float = 5.0
    max_rest_s: float = 300.0
    max_call_s: float = 10.0
    max_load_s: float = 120.0
    tries_in_calls: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.rest_s <= self.max_rest_s:
            raise ValueError(f"0 < rest_s <= max_rest_s is needed, got {self.rest_s} and {self.max_rest_s}")
        if not (self.max_call_s > 0 and self.max_load_s > 0):
            raise ValueError(f"max_call_s and max_load_s must be above 0, got {self.max_call_s} and {self.max_load_s}")


@dataclass(frozen=True, slots=True)
class FallbackEvent:
    """The role's answers come from `backend` now and no more from `was`; `reason` says why, on one line.

    `recovered` when `backend` is the better one, `moved` when it is the next best.
    """

    kind: Literal["moved", "recovered"]
    role: str
    backend: str
    was: str
    reason: str
    at_s: float


@dataclass(slots=True)
class _Backend:
    rest_s: float = 0.0
    """How long its last rest is; 0 before it has failed."""
    rests_until_s: float | None = None
    changed_s: float = float("-inf")
    """When it last began to rest, or came back."""


class FallbackOrder:
    """The backends of one role by number, best first, and which of them rest. It reads no clock."""

    def __init__(self, count: int, rules: FallbackRules) -> None:
        """Start with `count` backends that all may be asked."""
        if not 1 <= count <= MAX_BACKENDS:
            raise ValueError(f"a role has 1 to {MAX_BACKENDS} backends, got {count}")
        self._rules = rules
        self._backends = [_Backend() for _ in range(count)]
        self.answers = 0
        """The backend from which the answers come."""

    def __repr__(self) -> str:
        resting = [number for number, backend in enumerate(self._backends) if backend.rests_until_s is not None]
        return f"<FallbackOrder number {self.answers} of {len(self._backends)} answers, {resting} rest>"

    def candidates(self, now_s: float) -> list[int]:
        """The backends in the order in which a call tries them: those that rest come last, the soonest back first."""
        resting = {n: until_s for n in range(len(self._backends)) if (until_s := self._rest_of(n, now_s)) is not None}
        awake = [number for number in range(len(self._backends)) if number not in resting]
        return awake + sorted(resting, key=lambda number: resting[number])

    def due(self, now_s: float) -> list[int]:
        """The backends whose rest is over and which nothing has tried since, best first."""
        ends = ((number, backend.rests_until_s) for number, backend in enumerate(self._backends))
        return [number for number, until_s in ends if until_s is not None and until_s <= now_s]

    def failed(self, number: int, now_s: float, *, began_s: float) -> bool:
        """Let a backend rest whose call began at `began_s`: twice as long as before, if it has not proved itself since.

        Of calls that ran at once and all failed, the first counts; whether this one did.
        """
        backend = self._backends[number]
        if began_s < backend.changed_s and backend.rests_until_s is not None:
            return False
        has_proved_itself = backend.rests_until_s is None and now_s - backend.changed_s > backend.rest_s
        longer_s = min(2 * backend.rest_s, self._rules.max_rest_s)
        backend.rest_s = self._rules.rest_s if has_proved_itself else longer_s
        backend.rests_until_s = now_s + backend.rest_s
        backend.changed_s = now_s
        return True

    def worked(self, number: int, now_s: float, *, began_s: float) -> bool:
        """A backend gave an answer to a call that began at `began_s`, so its rest, if it had one by then, is over.

        An answer to a call that began before the backend failed says nothing of it now: whether it counts.
        """
        backend = self._backends[number]
        if backend.rests_until_s is not None:
            if began_s < backend.changed_s:
                return False
            backend.rests_until_s = None
            backend.changed_s = now_s
        return True

    def rests(self, number: int) -> bool:
        """Whether a backend has failed and not come back."""
        return self._backends[number].rests_until_s is not None

    def _rest_of(self, number: int, now_s: float) -> float | None:
        """Until when a backend rests as far as calls are concerned; `None` when they may ask it."""
        until_s = self._backends[number].rests_until_s
        is_over = until_s is not None and until_s <= now_s
        return None if is_over and self._rules.tries_in_calls else until_s
