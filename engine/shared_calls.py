"""What goes to a worker and comes back: `Work`, and the calls that several of them share."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from modules.batching.waiting import Urgency

Result = TypeVar("Result")

FOLDER_WORK = Urgency()
"""The urgency of work without a deadline."""


@dataclass(frozen=True, slots=True)
class Raised:
    """In the place of a result: the call raised this."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Expired:
    """In the place of a result: the work could not make its deadline and was given up; its call never ran."""


class SharedCall(Protocol):
    """How calls of one kind are run together on a worker: one result or `Raised` for each payload, in order."""

    def __call__(self, payloads: Sequence[Any], /) -> Sequence[Any]:
        """Run them all."""
        ...

    def __hash__(self) -> int:
        """Work of equal calls may go together."""
        ...


class Work:
    """One payload on its way to `call` and back; a worker fills in the result and the instants.

    `told` is called on the event loop when it is over, exactly once unless it was withdrawn before. Slots and no frozen
    record, because there is one for every chunk and several threads fill it in, one after the other.
    """

    __slots__ = (
        "call",
        "calls",
        "ended_s",
        "home",
        "is_claimed",
        "is_over",
        "kind",
        "payload",
        "put_s",
        "result",
        "taken_s",
        "told",
        "urgency",
    )

    def __init__(
        self,
        call: SharedCall,
        payload: object,
        told: "Callable[[Work], None]",
        urgency: Urgency = FOLDER_WORK,
        kind: Hashable = None,
    ) -> None:
        """Ask for `call` on `payload`, run together with other work of the same `kind`, which is `call` if not given.

        Work of one kind has one call and one `home`, the number of the worker it is best left to.
        """
        self.call = call
        self.kind: Hashable = call if kind is None else kind
        self.payload = payload
        self.home: int | None = None
        self.told = told
        self.urgency = urgency
        self.is_claimed = False  # taken by a worker or withdrawn; belongs to the pool's lock
        self.is_over = False
        self.result: Any = None
        self.put_s = time.perf_counter()
        self.taken_s = self.ended_s = self.put_s
        self.calls = 1
        """How many shared the call."""

    @property
    def queue_s(self) -> float:
        """Seconds it waited for a worker."""
        return self.taken_s - self.put_s

    @property
    def service_s(self) -> float:
        """Seconds the worker took for all that shared the call."""
        return self.ended_s - self.taken_s

    def end(self) -> None:
        """It is over: tell whoever asked. On the event loop."""
        self.is_over = True
        self.told(self)


@dataclass(frozen=True, slots=True)
class CallTimes:
    """One call of a worker: of what kind, how many shared it, and the seconds it took by the clock and of a CPU."""

    kind: Hashable
    calls: int
    service_s: float
    cpu_s: float


def untold(_: Work) -> None:
    """Nobody is told that work is over, for now."""


def call_each(calls: Sequence[Callable[[], object]]) -> list[object]:
    """A shared call for payloads that are calls themselves."""
    return [_result(call) for call in calls]


def value(result: Any) -> Any:  # noqa: ANN401 - whatever the call gave
    """The result, or what the call raised."""
    if isinstance(result, Raised):
        raise result.error
    return result


def _result(call: Callable[[], object]) -> object:
    try:
        return call()
    except BaseException as error:  # noqa: BLE001 - delivered to the waiter, never swallowed
        return Raised(error)


def outcomes(call: SharedCall, payloads: list[Any]) -> Sequence[object]:
    """One outcome a payload, also where the call itself fails: then each gets its error."""
    try:
        results = call(payloads)
    except BaseException as error:  # noqa: BLE001 - as above
        return [Raised(error)] * len(payloads)
    if len(results) != len(payloads):
        wrong = RuntimeError(f"{call} gave {len(results)} results for {len(payloads)} payloads")
        return [Raised(wrong)] * len(payloads)
    return results
