"""`ModuleTimer`: how long calls of one stage alone take, and the target that they have for a chunk."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from modules.monitoring.histogram import HistogramSnapshot, LatencyHistogram

TARGET_S = 0.3
"""Of a chunk: a stage whose call takes longer can never be on time."""

Result = TypeVar("Result")


class ModuleTimer:
    """Counts calls by how long they took. One thread uses it."""

    def __init__(self, name: str) -> None:
        """Of the stage of that name."""
        self.name = name
        self._histogram = LatencyHistogram()

    def __repr__(self) -> str:
        return f"<ModuleTimer {self.name}, {self._histogram!r}>"

    def run(self, call: Callable[[], Result]) -> Result:
        """The result of `call`, which is timed, also when it raises."""
        with self.timing():
            return call()

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Time what is inside the block."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self._histogram.record(time.perf_counter() - started_s)

    def repeat(self, call: Callable[[], object], *, seconds: float, least: int = 5) -> None:
        """Time calls of it for so long, and at least so many."""
        until_s, done = time.perf_counter() + seconds, 0
        while done < least or time.perf_counter() < until_s:
            self.run(call)
            done += 1

    @property
    def times(self) -> HistogramSnapshot:
        """All calls so far."""
        return self._histogram.snapshot()
