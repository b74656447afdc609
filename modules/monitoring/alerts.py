"""Alerts with hysteresis: raised when something has been bad for a while, cleared when it has been well for longer.

Pure: the book is given the instants, and what is bad and what is well is said by `conditions.py`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

CLEAR_AFTER_S = 10.0
"""Seconds that something must have been well without a break before its alert is cleared."""

MAX_CLEARED = 20
"""Cleared alerts that are remembered: the last."""

MAX_ALERTS = 100
"""Names a book may hold; more is a defect of whoever makes names up."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How something stood in one window: bad, well, or (`None`) neither, which raises nothing and clears nothing.

    `words` say it in one sentence. It raises an alert when it has been bad for `raise_after_s` seconds.
    """

    name: str
    is_bad: bool | None
    words: str
    raise_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that has been bad since `since_s`; `words` say how it stood when it was last bad.

    `cleared_s` is when it was over, `None` while it lasts.
    """

    name: str
    since_s: float
    words: str
    cleared_s: float | None = None


@dataclass(slots=True)
class _Entry:
    bad_since_s: float | None = None
    well_since_s: float | None = None
    alert: Alert | None = None


class AlertBook:
    """Which alerts are up. Told of every window once, in order."""

    def __init__(self, *, clear_after_s: float = CLEAR_AFTER_S) -> None:
        """Start with none."""
        self._clear_after_s = clear_after_s
        self._entries: dict[str, _Entry] = {}
        self._cleared: deque[Alert] = deque(maxlen=MAX_CLEARED)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Those that are up, the longest first."""
        up = [entry.alert for entry in self._entries.values() if entry.alert]
        return tuple(sorted(up, key=lambda alert: alert.since_s))

    @property
    def cleared(self) -> tuple[Alert, ...]:
        """The last that were up and are over, in the order in which they ended."""
        return tuple(self._cleared)

    def observe(self, start_s: float, end_s: float, conditions: Sequence[Condition]) -> None:
        """Learn how things stood from `start_s` to `end_s`; what is not among `conditions` stood neither way."""
        said = {condition.name: condition for condition in conditions}
        for name in said:
            self._entries.setdefault(name, _Entry())
        assert len(self._entries) <= MAX_ALERTS, list(self._entries)
        for name, entry in self._entries.items():
            condition = said.get(name)
            is_bad = condition.is_bad if condition else None
            entry.bad_since_s = _since(entry.bad_since_s, start_s, holds=is_bad is True)
            entry.well_since_s = _since(entry.well_since_s, start_s, holds=is_bad is False)
            if condition and entry.bad_since_s is not None:
                self._raise(entry, condition, lasted_s=end_s - entry.bad_since_s)
            elif entry.alert and entry.well_since_s is not None and end_s - entry.well_since_s >= self._clear_after_s:
                self._cleared.append(replace(entry.alert, cleared_s=end_s))
                entry.alert = None

    @staticmethod
    def _raise(entry: _Entry, condition: Condition, *, lasted_s: float) -> None:
        """Put the alert up when it has lasted, or say anew how it stands."""
        if entry.alert:
            entry.alert = replace(entry.alert, words=condition.words)
        elif lasted_s >= condition.raise_after_s and entry.bad_since_s is not None:
            entry.alert = Alert(condition.name, entry.bad_since_s, condition.words)


def _since(since_s: float | None, start_s: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return start_s if since_s is None else since_s
