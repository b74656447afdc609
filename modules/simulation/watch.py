"""`Watch`: what the simulated engine counts between two looks of the governor, as the real one would."""

import math
from dataclasses import dataclass
from typing import Any

from modules.simulation.arrivals import PIECE_S
from modules.simulation.machines import Processors
from modules.tuning.plan import LoadSeen, ResourcesSeen


@dataclass(slots=True)
class Watch:
    """Counters that `load` and `resources` read and set back."""

    pieces: int = 0
    chunks: int = 0
    on_time: int = 0
    shortest_wait_s: float = math.inf
    looked_s: float = 0.0
    periods: int = 0
    throttled_periods: int = 0

    def answered(self, *, latency_s: float, target_s: float) -> None:
        """A chunk of a served stream was answered."""
        self.chunks += 1
        self.on_time += latency_s <= target_s

    def waited(self, wait_s: float) -> None:
        """A live chunk waited so long for a worker."""
        self.shortest_wait_s = min(self.shortest_wait_s, wait_s)

    def load(self, *, streams: int, admitted: int, now_s: float) -> LoadSeen:
        """What live streams did since the last look."""
        seen = LoadSeen(
            streams=streams,
            admitted=admitted,
            audio_s=self.pieces * PIECE_S / (now_s - self.looked_s),
            chunks=self.chunks,
            on_time=self.on_time,
            standing_queue_s=None if self.shortest_wait_s == math.inf else self.shortest_wait_s,
        )
        self.pieces = self.chunks = self.on_time = 0
        self.shortest_wait_s = math.inf
        self.looked_s = now_s
        return seen

    def resources(self, processors: Processors[Any], cpus: float) -> ResourcesSeen:
        """What the machine gave since the last look; a machine without a quota reports no throttling."""
        periods = processors.periods - self.periods
        throttled = processors.throttled_periods - self.throttled_periods
        self.periods, self.throttled_periods = processors.periods, processors.throttled_periods
        return ResourcesSeen(cpus=cpus, throttled=throttled / periods if periods else None)
