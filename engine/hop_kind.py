"""`HopKind`: which calls of live streams cost alike and may be taken together."""

from dataclasses import dataclass

from modules.batching.cost_model import CostKey
from modules.stages.hop import Hop

END_S = 0.0
"""The chunk length of a call that ends a stream."""


@dataclass(frozen=True, slots=True)
class HopKind:
    """Calls that may go together: of one hop, on chunks of one length in seconds.

    Sessions have a `home`: the number of the worker in whose core's memory they are.
    """

    hop: Hop
    chunk_s: float
    home: int | None = None

    @property
    def key(self) -> CostKey:
        """What the cost model knows it by."""
        return CostKey(self.hop.name, f"{self.chunk_s:g} s" if self.chunk_s else "end")
