"""Neighbouring session stages as one: a payload walks through all of them in one thread hop."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from modules.stages.protocols import RecurrentStage, Session


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
        (self._state,), outputs = self._stage.process([self._state], [payload])
        return list(outputs)

    def finish(self) -> list[Any]:
        """A recurrent stage owes nothing."""
        return []

    def cancel(self) -> None:
        """A call of the stage is short."""
