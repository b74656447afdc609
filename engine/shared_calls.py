"""What goes to a worker and comes back: calls that payloads share, and the outcome of each payload."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Raised:
    """In the place of a result: the call raised this."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Answer(Generic[Result]):
    """A result, how long its call waited for a worker, how long the worker took, and how many shared the call."""

    result: Result
    queue_s: float
    service_s: float
    calls: int = 1


class SharedCall(Protocol):
    """How calls of one kind are run together on a worker: one result or `Raised` for each payload, in order."""

    def __call__(self, payloads: Sequence[Any], /) -> Sequence[Any]:
        """Run them all."""
        ...

    def __hash__(self) -> int:
        """Equal calls are of one kind: payloads that wait for them may go together."""
        ...


def call_each(calls: Sequence[Callable[[], object]]) -> list[object]:
    """A shared call for payloads that are calls themselves."""
    return [_result(call) for call in calls]


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
