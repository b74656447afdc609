"""A row of stages for one stream alone, as one session: for work that shares no model calls, such as a recording."""

from collections.abc import Sequence
from typing import Any, cast

from modules.stages.fused import FusedSession, OneStream, uninterrupted
from modules.stages.hop import AnyStage
from modules.stages.protocols import BatchStage, RecurrentStage, Session, SessionStage


class OneCall:
    """A batch stage as the `Session` of one stream."""

    def __init__(self, stage: BatchStage[Any, Any]) -> None:
        """Call `stage` for each payload."""
        self._stage = stage

    def feed(self, payload: Any) -> list[Any]:  # noqa: ANN401 - as in `FusedSession`
        """The stage's output for this payload."""
        return list(uninterrupted(lambda: self._stage.process([payload])))

    def finish(self) -> list[Any]:
        """A batch stage owes nothing."""
        return []

    def cancel(self) -> None:
        """A call of the stage is short."""


def alone(stages: Sequence[AnyStage]) -> FusedSession:
    """A session through `stages` in order."""
    return FusedSession([_session(stage) for stage in stages])


def _session(stage: AnyStage) -> Session[Any, Any]:
    if hasattr(stage, "open"):
        return cast("SessionStage[Any, Any]", stage).open()
    if hasattr(stage, "initial_state"):
        return OneStream(cast("RecurrentStage[Any, Any, Any]", stage))
    return OneCall(stage)
