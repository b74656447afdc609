"""`Dashboard`: everything a display, an alert or an export needs, frozen. Made by the monitor, read by all."""

from collections.abc import Sequence
from dataclasses import dataclass

from modules.monitoring.alerts import Alert
from modules.monitoring.compliance import Promise, promises
from modules.monitoring.engine_state import EngineState
from modules.monitoring.recommendations import recommendations
from modules.monitoring.snapshot import MonitorSnapshot
from modules.monitoring.targets import PerformanceTarget
from modules.monitoring.trend import Trend, trend
from modules.monitoring.windows import Slice, Window, joined

RECENT_WINDOWS = 10
"""Windows that `recent` joins: long enough for a quantile, short enough to be news."""

_P99_CHANGE = 0.05  # of the target: less is no trend worth a word
_ON_TIME_CHANGE = 0.001


@dataclass(frozen=True, slots=True)
class Dashboard:
    """How the engine does.

    - `totals`: everything since the start.
    - `windows`: one a tick, oldest first, a bounded number of them; `recent`: the last `RECENT_WINDOWS` as one, `None`
      before the first.
    - `promises`: one for each field of `target`. `alerts` are up now, `cleared` are the last that were.
    - `trends`: of `p99_latency_ms` and `on_time_fraction`.
    - `recommendations`: what would help, as sentences; none when all is well.
    - `state`: what the engine said with the last tick.
    """

    target: PerformanceTarget
    totals: MonitorSnapshot
    windows: tuple[Window, ...]
    recent: Window | None
    promises: tuple[Promise, ...]
    alerts: tuple[Alert, ...]
    cleared: tuple[Alert, ...]
    trends: tuple[Trend, ...]
    recommendations: tuple[str, ...]
    state: EngineState


@dataclass(frozen=True, slots=True)
class History:
    """What a monitor remembers: windows, oldest first, the slices of those that latency is judged by, and alerts."""

    windows: tuple[Window, ...] = ()
    slices: tuple[Slice, ...] = ()
    alerts: tuple[Alert, ...] = ()
    cleared: tuple[Alert, ...] = ()


def dashboard_of(target: PerformanceTarget, totals: MonitorSnapshot, history: History) -> Dashboard:
    """The dashboard of a history."""
    windows = history.windows
    state = windows[-1].state if windows else EngineState()
    recent = Window.of(joined(history.slices[-RECENT_WINDOWS:]), state) if history.slices else None
    return Dashboard(
        target=target,
        totals=totals,
        windows=windows,
        recent=recent,
        promises=promises(target, history.slices, windows),
        alerts=history.alerts,
        cleared=history.cleared,
        trends=_trends(target, windows),
        recommendations=recommendations(target, recent) if recent else (),
        state=state,
    )


def _trends(target: PerformanceTarget, windows: Sequence[Window]) -> tuple[Trend, ...]:
    p99 = [(window.end_s, window.latency.p99_s * 1e3) for window in windows if window.latency]
    fractions = ((window.end_s, window.counts.on_time_fraction) for window in windows)
    on_time = [(end_s, fraction) for end_s, fraction in fractions if fraction is not None]
    return (
        trend("p99_latency_ms", p99, least_change=_P99_CHANGE * target.p99_chunk_latency_ms),
        trend("on_time_fraction", on_time, least_change=_ON_TIME_CHANGE),
    )
