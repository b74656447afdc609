"""`Hop`: neighbouring stages that run in one thread hop, and share model calls with the hops of other streams.

A hop is session stages, then at most one stage that batches across streams, then session stages. A row of stages is cut
into as few hops as that allows. Everything here runs on a worker and is synchronous.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard, cast

from modules.errors import Cancelled, StageFailed
from modules.stages.fused import MAX_TRIES, FusedSession
from modules.stages.protocols import BatchStage, RecurrentStage, Session, SessionStage

END: Final = object()
"""The payload that asks a hop session for what it still owes."""

AnyStage = BatchStage[Any, Any] | RecurrentStage[Any, Any, Any] | SessionStage[Any, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """In the place of outputs: a stage raised this on the payload."""

    error: Exception


class HopSession:
    """What one stream remembers inside a hop: its sessions, and the state of the shared stage as a value."""

    def __init__(self, hop: "Hop", before: FusedSession, state: object, after: FusedSession) -> None:
        """Start a stream in `hop`."""
        self._hop = hop
        self.before = before
        self.state = state
        self.after = after
        self.is_cancelled = False

    def cancel(self) -> None:
        """Stop soon, from any thread; a model call that only cancelled streams wait for is broken off."""
        self.is_cancelled = True
        self.before.cancel()
        self.after.cancel()
        self._hop.break_off()


@dataclass(frozen=True, slots=True)
class HopCall:
    """A payload of one stream, or `END`, on its way to a worker; the stream may end with a payload that `is_last`."""

    session: HopSession
    payload: object
    is_last: bool = False


@dataclass(slots=True, eq=False)
class _Row:
    """One call while it runs."""

    session: HopSession
    inputs: deque[Any] = field(default_factory=deque)
    outputs: list[Any] = field(default_factory=list)
    failed: Failed | None = None


class Hop:
    """Stages between two thread hops, shared by all streams; `run` is what workers call."""

    def __init__(
        self,
        before: Sequence[SessionStage[Any, Any]],
        shared: BatchStage[Any, Any] | RecurrentStage[Any, Any, Any] | None,
        after: Sequence[SessionStage[Any, Any]],
    ) -> None:
        """Run `before`, `shared` and `after` in this order."""
        sessions = (*before, *after)
        self._before = sessions if shared is None else tuple(before)  # without a shared stage all are one row
        self._shared = shared
        self._after = () if shared is None else tuple(after)
        shared_stages = () if shared is None else (shared,)
        self.name = " + ".join(type(stage).__name__ for stage in (*before, *shared_stages, *after))
        """What a monitor calls it: its stages' names."""
        self._under_way: list[Sequence[_Row]] = []  # appended to and removed from by workers, each its own rows

    def __repr__(self) -> str:
        return f"<Hop {self.name}>"

    @property
    def is_shared(self) -> bool:
        """Whether streams share model calls in it."""
        return self._shared is not None

    @property
    def is_remote(self) -> bool:
        """Whether a worker that runs it only waits for another process."""
        return any(getattr(stage, "is_remote", False) for stage in self._before)

    def open(self, first: Sequence[Session[Any, Any]] = ()) -> HopSession:
        """A session for one stream; `first` are sessions of the stream's own that come before the stages."""
        state = self._shared.initial_state() if _is_recurrent(self._shared) else None
        return HopSession(
            self,
            FusedSession([*first, *(stage.open() for stage in self._before)]),
            state,
            FusedSession([stage.open() for stage in self._after]),
        )

    def break_off(self) -> None:
        """Break off the shared stage's calls, if one of them is only for cancelled streams and the stage can.

        Streams that are not cancelled and shared a call that was broken off are then served alone.
        """
        stop = getattr(self._shared, "cancel", None)
        if stop and any(all(row.session.is_cancelled for row in rows) for rows in list(self._under_way)):
            stop()

    def run(self, calls: Sequence[HopCall]) -> list[list[Any] | Failed]:
        """The outputs for each call, in order, or what a stage raised on it; one call's failure is its own."""
        if self._shared is None:
            return [_in_sessions(call) for call in calls]
        rows = [_Row(call.session) for call in calls]
        for row, call in zip(rows, calls, strict=True):
            self._guarded(row, lambda row=row, call=call: row.inputs.extend(_begun(call)))
        while batch := [row for row in rows if self._is_wanted(row)]:
            self._share(batch)
        for row, call in zip(rows, calls, strict=True):
            if (call.is_last or call.payload is END) and not row.failed:
                self._guarded(row, lambda row=row: row.outputs.extend(row.session.after.finish()))
        return [row.failed or row.outputs for row in rows]

    def _is_wanted(self, row: _Row) -> bool:
        """Whether the row has more for the shared stage; a stream cancelled meanwhile gives up its inputs."""
        if row.inputs and row.session.is_cancelled:
            row.failed = Failed(Cancelled("the stream was cancelled"))
            row.inputs.clear()
        return bool(row.inputs)

    def _share(self, rows: Sequence[_Row]) -> None:
        """Take the next input of each row through the shared stage and what comes after it."""
        payloads = [row.inputs.popleft() for row in rows]
        for row, output in zip(rows, self._processed(rows, payloads), strict=True):
            if isinstance(output, Failed):
                row.failed = output
                row.inputs.clear()
            else:
                self._guarded(row, lambda row=row, output=output: row.outputs.extend(row.session.after.feed(output)))

    def _processed(self, rows: Sequence[_Row], payloads: Sequence[Any]) -> Sequence[Any]:
        """The shared stage's output for each payload; when the call fails, each is tried alone."""
        self._under_way.append(rows)
        try:
            return self._called(rows, payloads)
        except Exception as error:  # noqa: BLE001 - a stage is the user's own code: its error belongs to its payload
            if len(rows) == 1 and not isinstance(error, Cancelled):
                return [Failed(error)]
            return [self._alone(row, payload, error) for row, payload in zip(rows, payloads, strict=True)]
        finally:
            self._under_way.remove(rows)

    def _called(self, rows: Sequence[_Row], payloads: Sequence[Any]) -> Sequence[Any]:
        """One call of the shared stage; the states move on only when it has given all that it owes."""
        if not _is_recurrent(self._shared):
            return _as_many(cast("BatchStage[Any, Any]", self._shared).process(payloads), payloads)
        states, outputs = self._shared.process([row.session.state for row in rows], payloads)
        _as_many(states, payloads, "states")
        _as_many(outputs, payloads)
        for row, state in zip(rows, states, strict=True):
            row.session.state = state
        return outputs

    def _alone(self, row: _Row, payload: object, error: Exception) -> object:
        """The output for one payload; tried again when its call was broken off for the sake of another stream."""
        self._under_way.append([row])
        try:
            for _ in range(MAX_TRIES):
                if row.session.is_cancelled:
                    break
                try:
                    return self._called([row], [payload])[0]
                except Cancelled as broken_off:
                    error = broken_off
        except Exception as own:  # noqa: BLE001 - as above
            error = own
        finally:
            self._under_way.remove([row])
        return Failed(error)

    def _guarded(self, row: _Row, work: Any) -> None:  # noqa: ANN401 - any call without arguments
        try:
            work()
        except Exception as error:  # noqa: BLE001 - as above
            row.failed = Failed(error)
            row.inputs.clear()


def hops_of(stages: Sequence[AnyStage]) -> list[Hop]:
    """The stages cut into as few hops as possible: a second batching stage begins a new one, a remote one too."""
    rows: list[list[AnyStage]] = [[]]
    for stage in stages:
        is_second = not _is_session_stage(stage) and any(not _is_session_stage(other) for other in rows[-1])
        if (is_second or getattr(stage, "is_remote", False)) and rows[-1]:
            rows.append([])
        rows[-1].append(stage)
    return [_hop(row) for row in rows]


def _hop(row: Sequence[AnyStage]) -> Hop:
    shared = next((number for number, stage in enumerate(row) if not _is_session_stage(stage)), len(row))
    before, rest = row[:shared], row[shared:]
    return Hop(cast("Any", before), cast("Any", rest[0]) if rest else None, cast("Any", rest[1:]))


def _in_sessions(call: HopCall) -> list[Any] | Failed:
    """The outputs for a call where there is no shared stage."""
    try:
        return _begun(call)
    except Exception as error:  # noqa: BLE001 - a stage is the user's own code: its error belongs to its payload
        return Failed(error)


def _begun(call: HopCall) -> list[Any]:
    """What comes of a call before the shared stage, or of all of it where there is none."""
    before = call.session.before
    fed = [] if call.payload is END else before.feed(call.payload)
    return [*fed, *before.finish()] if call.is_last or call.payload is END else fed


def _as_many(given: Sequence[Any], payloads: Sequence[Any], what: str = "outputs") -> Sequence[Any]:
    if len(given) != len(payloads):
        raise StageFailed(f"a stage gave {len(given)} {what} for {len(payloads)} payloads; it owes one for each")
    return given


def _is_session_stage(stage: object) -> TypeGuard[SessionStage[Any, Any]]:
    return hasattr(stage, "open")


def _is_recurrent(stage: object) -> TypeGuard[RecurrentStage[Any, Any, Any]]:
    return hasattr(stage, "initial_state")
