"""A dashboard has all that was measured and judged, and does not follow the monitor that made it."""

from dataclasses import FrozenInstanceError

import pytest

from modules.monitoring.engine_state import EngineState
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.monitoring.trend import Direction


def loaded(seconds: int, *, slower_each_s: float = 0.0) -> RealTimePerformanceMonitor:
    """A monitor with a hundred chunks a second, which take longer and longer."""
    monitor = RealTimePerformanceMonitor()
    monitor.tick(0.0, EngineState())
    for second in range(1, seconds + 1):
        for _ in range(100):
            monitor.hop("asr", queue_s=0.01 + slower_each_s * second, service_s=0.02)
            monitor.answered(0.05 + slower_each_s * second, target_s=0.3)
        monitor.tick(float(second), EngineState(streams_open=20, decisions=(f"decided at {second}",)))
    return monitor


def test_before_the_first_window_there_are_only_totals() -> None:
    """Nothing is made up."""
    monitor = RealTimePerformanceMonitor()
    monitor.answered(0.1, target_s=0.3)
    dashboard = monitor.get_performance_dashboard()
    assert (dashboard.totals.answered, dashboard.windows, dashboard.recent) == (1, (), None)
    assert (dashboard.alerts, dashboard.recommendations) == ((), ())
    assert {trend.direction for trend in dashboard.trends} == {Direction.UNKNOWN}


def test_a_calm_engine_keeps_its_promise_and_needs_no_advice() -> None:
    """Steady, without alerts."""
    dashboard = loaded(20).get_performance_dashboard()
    assert dashboard.promises[0].standing == "kept"
    assert (dashboard.alerts, dashboard.recommendations) == ((), ())
    assert {trend.direction for trend in dashboard.trends} == {Direction.STEADY}
    assert dashboard.state.decisions == ("decided at 20",)
    assert dashboard.recent is not None
    assert dashboard.recent.duration_s == 10.0
    assert dashboard.recent.counts.answered == 1000


def test_an_engine_that_falls_behind_says_so_in_every_way() -> None:
    """The trend first, then the alert, then the broken promise; and why."""
    early = loaded(20, slower_each_s=0.01).get_performance_dashboard()
    assert early.trends[0].direction is Direction.RISING
    assert early.trends[0].per_minute == pytest.approx(600, rel=0.05)
    late = loaded(40, slower_each_s=0.01).get_performance_dashboard()
    assert {"late", "standing queue"} <= {alert.name for alert in late.alerts}
    assert late.promises[0].standing == "broken"
    assert late.recommendations[0].startswith("p99 is ")
    assert "chunks wait for a worker" in late.recommendations[0]


def test_a_dashboard_stays_as_it_was() -> None:
    """It may be drawn in another thread while the monitor goes on."""
    monitor = loaded(3)
    before = monitor.get_performance_dashboard()
    monitor.failed()
    monitor.tick(4.0, EngineState())
    assert (len(before.windows), before.totals.failed, before.alerts) == (3, 0, ())
    with pytest.raises(FrozenInstanceError):
        before.windows = ()  # type: ignore[misc]  # that is the point
