"""`MemoryRelief`: what to give up when memory gets short, and when to take it back. Pure: it is given what is used.

Each step has a share of the limit at which it begins and a lower one at which it ends, so that none flickers.
"""

from dataclasses import dataclass
from typing import Final

LEAVE_BELOW: Final = 0.05
"""A step ends when so much less of the limit is used than it began at."""


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """What is used, and of how much, in bytes; `None` where it is unknown.

    `own_bytes` is this process's unique set, `own_limit_bytes` what the settings allow it with its models;
    `system_used_bytes` and `system_limit_bytes` are those of the control group or, where none has a limit, of the host.
    """

    own_bytes: int | None
    own_limit_bytes: int
    system_used_bytes: int | None = None
    system_limit_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.own_limit_bytes < 1 or (self.system_limit_bytes is not None and self.system_limit_bytes < 1):
            raise ValueError(f"a limit must be at least 1 byte, got {self}")
        if min(self.own_bytes or 0, self.system_used_bytes or 0) < 0:
            raise ValueError(f"used bytes must be 0 or more, or None, got {self}")

    @property
    def share(self) -> float | None:
        """How much of the tighter limit is used, 1.0 being all; `None` when nothing is known."""
        shares = []
        if self.own_bytes is not None:
            shares.append(self.own_bytes / self.own_limit_bytes)
        if self.system_used_bytes is not None and self.system_limit_bytes is not None:
            shares.append(self.system_used_bytes / self.system_limit_bytes)
        return max(shares, default=None)


@dataclass(frozen=True, slots=True)
class ReliefSteps:
    """The shares of the limit at which each step begins, in the order in which they come."""

    trim_pools: float = 0.80
    short_buffers: float = 0.84
    pause_folder: float = 0.88
    refuse: float = 0.92

    def __post_init__(self) -> None:
        shares = (LEAVE_BELOW, self.trim_pools, self.short_buffers, self.pause_folder, self.refuse)
        if list(shares) != sorted(shares):
            raise ValueError(f"the steps must begin above {LEAVE_BELOW} and in order, got {self}")


@dataclass(frozen=True, slots=True)
class Relief:
    """The steps in force.

    `trim_pools`: idle blocks, and memory the allocator keeps for later, go back to the system. `short_buffers`: of
    each stream no more than a second waits. `pause_folder`: of all recordings, one goes on. `refuse`: no
    new stream and no new recording.
    """

    trim_pools: bool = False
    short_buffers: bool = False
    pause_folder: bool = False
    refuse: bool = False

    def __str__(self) -> str:
        return ", ".join(self.steps) or "none"

    @property
    def steps(self) -> tuple[str, ...]:
        """Their names in words, in the order in which they come."""
        names = ("trim_pools", "short_buffers", "pause_folder", "refuse")
        return tuple(name.replace("_", " ") for name in names if getattr(self, name))


class MemoryRelief:
    """Decides the steps in force from one reading after the other."""

    def __init__(self, steps: ReliefSteps | None = None) -> None:
        """Begin without any step in force."""
        self._steps = steps or ReliefSteps()
        self.now = Relief()

    def __repr__(self) -> str:
        return f"<MemoryRelief {self.now}>"

    def decide(self, reading: MemoryReading) -> Relief:
        """The steps in force from now on; an unknown share changes nothing."""
        share = reading.share
        if share is not None:
            self.now = Relief(
                trim_pools=_is_on(share, self._steps.trim_pools, was_on=self.now.trim_pools),
                short_buffers=_is_on(share, self._steps.short_buffers, was_on=self.now.short_buffers),
                pause_folder=_is_on(share, self._steps.pause_folder, was_on=self.now.pause_folder),
                refuse=_is_on(share, self._steps.refuse, was_on=self.now.refuse),
            )
        return self.now


def _is_on(share: float, begins: float, *, was_on: bool) -> bool:
    return share >= (begins - LEAVE_BELOW if was_on else begins)
