"""`Settling`: which of the files that arrive are still being written. A pure decision, given facts and the time."""

from engine.jobs.content import FileFacts

SETTLED_S = 2.0
"""A file that has not changed for so long is taken to be complete."""


class Settling:
    """Files that have been seen and are not complete yet."""

    def __init__(self) -> None:
        """None has been seen."""
        self._since: dict[str, tuple[FileFacts, float]] = {}

    def __len__(self) -> int:
        return len(self._since)

    def is_complete(self, key: str, facts: FileFacts, *, now_s: float, clock_s: float) -> bool:
        """Whether the file has been as it is for `SETTLED_S`; `now_s` is monotonic, `clock_s` that of the system.

        By the time written in it, or else by having been seen so: its time may be that of another machine's clock, or
        of a clock that was set back.
        """
        if SETTLED_S <= clock_s - facts.mtime_ns / 1e9 < float("inf") and key not in self._since:
            return True
        before, since_s = self._since.get(key, (None, now_s))
        if before != facts:
            since_s = now_s
        if now_s - since_s >= SETTLED_S:
            self._since.pop(key, None)
            return True
        self._since[key] = facts, since_s
        return False
