"""`Scenario`: a model, a machine and streams to simulate, and whether the plan is governed, static or frozen."""

import math
from dataclasses import dataclass, field

from modules.monitoring.targets import PerformanceTarget
from modules.simulation.arrivals import SentStream
from modules.simulation.machines import Machine
from modules.simulation.profiles import CostProfile
from modules.tuning.plan import Limits


@dataclass(frozen=True, slots=True)
class Static:
    """Settings that a person chose and nothing changes: most chunks in a call, and the chunk length."""

    cap: int
    chunk_s: float


@dataclass(frozen=True, slots=True)
class FolderWork:
    """Recordings that wait for idle time, always enough of them, in calls of about `call_s` CPU seconds."""

    call_s: float = 0.02


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated for `seconds`; the same scenario gives the same run.

    With `static` settings nothing is governed. From `frozen_from_s` on the plan and the batch caps stay as they are.
    Streams lose what cannot be on time, as microphones and calls do, or keep it all with `keeps_all`.
    """

    profile: CostProfile
    machine: Machine
    streams: tuple[SentStream, ...]
    seconds: float
    seed: int = 0
    static: Static | None = None
    frozen_from_s: float = math.inf
    folder: FolderWork | None = None
    keeps_all: bool = False
    target: PerformanceTarget = field(default_factory=PerformanceTarget)
    limits: Limits = field(default_factory=Limits)

    @property
    def target_s(self) -> float:
        """The target in seconds."""
        return self.target.p99_chunk_latency_ms / 1e3
