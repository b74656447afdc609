"""`MemoryOutlook`: the memory sum of the settings before anything runs, in numbers and in one line. Pure.

What is not known before is taken from measurements: `python run_benchmarks.py --scenario memory` and the soak test of
many streams, `pytest -m soak tests/engine/test_memory_soak.py -s`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from modules.memory.budget import RECORDING_BYTES, MemoryBudget, StreamNeed

SESSION_BYTES: Final[Mapping[str, int]] = {"vosk": 850_000, "sphinx": 150_000, "none": 50_000}
"""What the stages remember of a live stream, by recogniser, at the most. Vosk's grows while somebody speaks, for 20 s
without a pause, and is that of a small acoustic model; PocketSphinx runs in processes of its own, not counted here."""

_SMALL_ACOUSTIC_BYTES = 1_400_000
_SESSION_PER_ACOUSTIC_BYTE = 0.95
"""The line through the two models measured: one of 1.4 MB takes 0.83 MB a stream, one of 13.1 MB 12.3 MB."""

_KB, _MB = 1e3, 2**20


def session_bytes(backend: str | None, *, acoustic_bytes: int = 0) -> int:
    """What a stream's recogniser remembers; of stages that are nobody's backend (`None`) nothing is known, so 0.

    `acoustic_bytes` is the size of Vosk's acoustic model, with whose width a recogniser's own arrays grow.
    """
    if backend is None:
        return 0
    more = max(0, acoustic_bytes - _SMALL_ACOUSTIC_BYTES) * _SESSION_PER_ACOUSTIC_BYTE
    return SESSION_BYTES.get(backend, 0) + round(more)


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
