"""`FolderPace`: a share of the workers' time as what the dispatcher and folder work can keep to. Pure."""

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class FolderPace:
    """At most `max_batches` of folder work at once, each followed by a rest of `rest_share` times what it took."""

    max_batches: int
    rest_share: float = 0.0

    @classmethod
    def of(cls, share: float, *, workers: int) -> Self:
        """The pace at which folder work takes `share` of the time of so many workers, if there is enough of it."""
        if not 0 <= share <= 1:
            raise ValueError(f"share must be 0 to 1, got {share}")
        batches = math.ceil(share * workers - 1e-9)
        return cls(batches, batches / (share * workers) - 1 if batches else 0.0)
