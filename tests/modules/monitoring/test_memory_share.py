"""The tighter limit on memory is found, and what is not known does not count."""

import pytest

from modules.monitoring.engine_state import EngineState
from modules.monitoring.memory_share import MemoryShare, memory_share
from modules.monitoring.pressure import ResourceSample
from modules.monitoring.targets import PerformanceTarget

TARGET = PerformanceTarget(memory_mb=100)
MB = 2**20


def state(own_mb: int, *, model_mb: int = 0, used: int = 1) -> EngineState:
    """So much is in use: its own, with models, and of the system's hundred bytes."""
    seen = ResourceSample(unique_set_bytes=own_mb * MB, memory_used_bytes=used, memory_limit_bytes=100)
    return EngineState(resources=seen, model_bytes=model_mb * MB)


def test_the_tighter_limit_counts() -> None:
    """With the words and the setting that belong to it."""
    own = memory_share(TARGET, state(90, model_mb=40))
    assert own == MemoryShare(0.5, "the 100 MB that are allowed beside models", "`max_memory_mb`")
    system = memory_share(TARGET, state(90, model_mb=40, used=60))
    assert system == MemoryShare(0.6, "the memory that may be used", "that limit")


def test_a_process_smaller_than_its_models_uses_nothing() -> None:
    """Mapped models are in no unique set."""
    used = memory_share(TARGET, state(10, model_mb=40, used=0))
    assert used is not None
    assert used.share == 0


def test_what_nobody_knows_is_not_told() -> None:
    """Without the bytes of the models its own share is unknown."""
    assert memory_share(TARGET, EngineState()) is None
    assert memory_share(TARGET, EngineState(resources=ResourceSample(unique_set_bytes=5))) is None


def test_a_share_below_nothing_is_refused() -> None:
    """Nor is NaN one."""
    for share in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="share must be 0 or more"):
            MemoryShare(share, "", "")
