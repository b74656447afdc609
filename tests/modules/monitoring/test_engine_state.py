"""What the engine says of itself may be incomplete, but not impossible."""

from collections.abc import Callable

import pytest

from modules.monitoring.engine_state import BatchState, EngineState, PlanState


def test_an_engine_may_say_nothing() -> None:
    """All of it is unknown then."""
    state = EngineState()
    assert (state.streams_open, state.plan.chunk_s, state.resources.cpus) == (None, None, None)
    assert (state.batches, state.decisions, state.plan.rungs) == ((), (), ())


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: EngineState(streams_open=-1), "streams_open"),
        (lambda: PlanState(folder_share=-0.1), "folder_share"),
        (lambda: PlanState(chunk_s=float("nan")), "chunk_s"),
        (lambda: BatchState("asr", mean_batch=-2.0), "mean_batch"),
    ],
)
def test_less_than_nothing_is_refused(make: Callable[[], object], name: str) -> None:
    """With the field's name."""
    with pytest.raises(ValueError, match=f"{name} must be 0 or more, or None when unknown"):
        make()
