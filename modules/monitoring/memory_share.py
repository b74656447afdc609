"""How much is used of the tighter limit on memory: the target's, or that of the control group or host. Pure."""

from dataclasses import dataclass

from modules.monitoring.engine_state import EngineState
from modules.monitoring.targets import PerformanceTarget

_MB = 2**20


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """So much, 1.0 being all, is used of what is `of` in words; `setting` is what would raise it."""

    share: float
    of: str
    setting: str

    def __post_init__(self) -> None:
        if not self.share >= 0:
            raise ValueError(f"share must be 0 or more, got {self.share}")


def memory_share(target: PerformanceTarget, state: EngineState) -> MemoryShare | None:
    """The larger of both shares; `None` when neither is known. Its own is known when what the models take is."""
    seen, shares = state.resources, []
    if seen.memory_used_bytes is not None and seen.memory_limit_bytes is not None:
        share = seen.memory_used_bytes / seen.memory_limit_bytes
        shares.append(MemoryShare(share, "the memory that may be used", "that limit"))
    if seen.unique_set_bytes is not None and state.model_bytes is not None:
        share = max(0, seen.unique_set_bytes - state.model_bytes) / (target.memory_mb * _MB)
        shares.append(
            MemoryShare(share, f"the {target.memory_mb} MB that are allowed beside models", "`max_memory_mb`")
        )
    return max(shares, key=lambda one: one.share, default=None)
