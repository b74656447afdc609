"""Neighbouring session stages as one: a payload walks through all of them in one thread hop."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from modules.errors import Cancelled
from modules.stages.protocols import RecurrentStage, Session

MAX_TRIES: Final = 100
"""How often a payload goes to a stage whose calls are broken off for the sake of other streams."""

Answer = TypeVar("Answer")


def uninterrupted(call: Callable[[], Answer]) -> Answer:
    """What `call` gives, made again when it was broken off: a stage breaks off all its calls, whoever wants that.

    For streams that break off none themselves. Raises `Cancelled` after `MAX_TRIES`, and what `call` does.
    """
    for _ in range(MAX_TRIES - 1):
        with suppress(Cancelled):
            return call()
    return call()


def through(payloads: Iterable[Any], session: Session[Any, Any]) -> Iterator[Any]:
    """What `session` makes of `payloads`, lazily, its ending included."""
    for payload in payloads:
        yield from session.feed(payload)
    yield from session.finish()


class FusedSession:
    """Sessions in a row, each fed what the one before gave; itself a `Session`.

    The types between neighbours are checked where a pipeline is put together, hence `Any` here.
    """

    def __init__(self, sessions: Sequence[Session[Any, Any]]) -> None:
        """Walk through `sessions` in order."""
        self._sessions = tuple(sessions)

    def feed(self, payload: Any) -> list[Any]:  # noqa: ANN401 - see the class
        """What comes out at the end of the row."""
        return self._walk([payload], 0)

    def finish(self) -> list[Any]:
        """What is still owed, front to back: what one session gives at its end is fed to those after it."""
        outputs: list[Any] = []
        for number, session in enumerate(self._sessions):
            outputs += self._walk(list(session.finish()), number + 1)
        return outputs

    def cancel(self) -> None:
        """Cancel every session of the row."""
        for session in self._sessions:
            session.cancel()

    def _walk(self, payloads: list[Any], first: int) -> list[Any]:
        for session in self._sessions[first:]:
            if len(payloads) == 1:  # as nearly always for a live stream
                payloads = list(session.feed(payloads[0]))
            else:
                payloads = [output for payload in payloads for output in session.feed(payload)]
        return payloads


class OneStream:
    """A recurrent stage as the `Session` of one stream, its state kept here: for work that shares no calls."""

    def __init__(self, stage: RecurrentStage[Any, Any, Any]) -> None:
        """Start a stream in `stage`."""
        self._stage = stage
        self._state = stage.initial_state()

    def feed(self, payload: Any) -> list[Any]:  # noqa: ANN401 - as in `FusedSession`
        """The stage's output for this payload."""
        (self._state,), outputs = uninterrupted(lambda: self._stage.process([self._state], [payload]))
        return list(outputs)

    def finish(self) -> list[Any]:
        """A recurrent stage owes nothing."""
        return []

    def cancel(self) -> None:
        """A call of the stage is short."""
