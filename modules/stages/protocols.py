"""The three shapes a stage can have, all synchronous, and the session that remembers for one stream.

A stage never awaits, starts no thread and reads no clock: the engine decides when and on which worker it runs.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
State = TypeVar("State")


class BatchStage(Protocol[In, Out]):
    """A stage without memory: payloads of any streams may share one call."""

    def process(self, batch: Sequence[In]) -> Sequence[Out]:
        """One output for each payload, in the same order."""
        ...


class RecurrentStage(Protocol[State, In, Out]):
    """A stage whose memory of a stream is a value that the engine carries, so streams can share one call."""

    def initial_state(self) -> State:
        """What a stream that has just begun remembers."""
        ...

    def process(self, states: Sequence[State], batch: Sequence[In]) -> tuple[Sequence[State], Sequence[Out]]:
        """New states and outputs, each in the order of `batch`."""
        ...


class Session(Protocol[In, Out]):
    """What one stream remembers inside one stage; used by one worker at a time."""

    def feed(self, payload: In) -> Sequence[Out]:
        """What the stage can say after this payload; often nothing yet."""
        ...

    def finish(self) -> Sequence[Out]:
        """What is still owed when the input has ended; the session is spent afterwards."""
        ...

    def cancel(self) -> None:
        """Stop soon. May be called from any thread at any time; a `feed` in progress then raises `Cancelled`."""
        ...


class SessionStage(Protocol[In, Out]):
    """A stage whose memory cannot be carried as a value."""

    def open(self) -> Session[In, Out]:
        """A session for one stream."""
        ...
