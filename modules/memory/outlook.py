"""`MemoryOutlook`: the memory sum of the settings before anything runs, in numbers and in one line. Pure.

What is not known before is taken from measurements: `python run_benchmarks.py --scenario memory` and the soak test of
many streams, `pytest -m soak tests/engine/test_memory_soak.py -s`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from modules.memory.budget import RECORDING_BYTES, MemoryBudget, StreamNeed

SESSION_BYTES: Final[Mapping[str, int]] = {"vosk": 600_000, "sphinx": 150_000, "none": 50_000}
"""What the stages remember of a live stream, by recogniser: the mean of many streams. Vosk's grows while somebody
speaks and begins anew at a pause; PocketSphinx runs in processes of its own, which are not counted here."""

_KB, _MB = 1e3, 2**20


@dataclass(frozen=True, slots=True)
class MemoryOutlook:
    """As many streams as may be open, as many recordings as may be in hand, and what they are expected to need."""

    budget: MemoryBudget
    need: StreamNeed
    max_streams: int
    recordings: int

    def __post_init__(self) -> None:
        if self.max_streams < 0 or self.recordings < 0:
            raise ValueError(f"max_streams and recordings must be 0 or more, got {self}")

    @property
    def total_bytes(self) -> int:
        """The sum, models included."""
        return self.budget.sum_bytes(self.max_streams, self.need, recordings=self.recordings)

    @property
    def limit_bytes(self) -> int:
        """What the settings allow, models included."""
        return self.budget.max_memory_bytes + self.budget.model_bytes

    @property
    def fitting_streams(self) -> int:
        """How many streams fit beside the recordings: all, or those that are let in before others are refused."""
        return min(self.max_streams, self.budget.max_streams(self.need, recordings=self.recordings))

    def __str__(self) -> str:
        need, budget = self.need, self.budget
        return (
            f"{self.max_streams} streams x ({need.chunks_in_hand} chunks x {need.chunk_bytes / _KB:.1f} kB + session "
            f"{need.session_bytes / _KB:.0f} kB) + {self.recordings} recordings x {RECORDING_BYTES / _MB:.0f} MB + "
            f"pool {budget.pool_bytes / _MB:.0f} MB + process {budget.idle_bytes / _MB:.0f} MB + "
            f"models {budget.model_bytes / _MB:.0f} MB = {self.total_bytes / _MB:.0f} MB"
        )
