"""The three shapes a stage can have, all synchronous, and the session that remembers for one stream.

A stage never awaits, starts no thread and reads no clock: the engine decides when and on which worker it runs.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

Payload_contra = TypeVar("Payload_contra", contravariant=True)
Output_co = TypeVar("Output_co", covariant=True)
State = TypeVar("State")


class BatchStage(Protocol[Payload_contra, Output_co]):
    """A stage without memory: payloads of any streams may share one call."""

    def process(self, batch: Sequence[Payload_contra]) -> Sequence[Output_co]:
        """One output for each payload, in the same order."""
        ...


class RecurrentStage(Protocol[State, Payload_contra, Output_co]):
    """A stage whose memory of a stream is a value that the engine carries, so streams can share one call."""

    def initial_state(self) -> State:
        """What a stream that has just begun remembers."""
        ...

    def process(
        self, states: Sequence[State], batch: Sequence[Payload_contra]
    ) -> tuple[Sequence[State], Sequence[Output_co]]:
        """New states and outputs, each in the order of `batch`."""
        ...


class Session(Protocol[Payload_contra, Output_co]):
    """What one stream remembers inside one stage; used by one worker at a time."""

    def feed(self, payload: Payload_contra) -> Sequence[Output_co]:
        """What the stage can say after this payload; often nothing yet."""
        ...

    def finish(self) -> Sequence[Output_co]:
        """What is still owed when the input has ended; the session is spent afterwards."""
        ...

    def cancel(self) -> None:
        """Stop soon. May be called from any thread at any time; a `feed` in progress then raises `Cancelled`."""
        ...


class SessionStage(Protocol[Payload_contra, Output_co]):
    """A stage whose memory cannot be carried as a value."""

    def open(self) -> Session[Payload_contra, Output_co]:
        """A session for one stream."""
        ...
