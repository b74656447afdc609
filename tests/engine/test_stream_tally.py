"""What became of a stream's chunks is counted once, for the stream and for the monitor."""

from engine.stream_tally import Tally
from modules.monitoring.monitor import RealTimePerformanceMonitor


def test_answers_failures_and_drops_are_counted_apart() -> None:
    """An answer is on time up to the target itself; all three are chunks."""
    monitor = RealTimePerformanceMonitor()
    tally = Tally(monitor, target_s=0.3)
    for latency_s in (0.1, 0.3, 0.31):
        tally.answered(latency_s)
    tally.failed()
    tally.dropped(is_served=True)
    assert (tally.chunks, tally.on_time, tally.answered_chunks, tally.failed_chunks) == (5, 2, 3, 1)
    snapshot = monitor.snapshot()
    assert (snapshot.answered, snapshot.on_time, snapshot.failed, snapshot.dropped) == (3, 2, 1, 1)


def test_a_chunk_that_was_late_before_it_began_is_no_news_of_today() -> None:
    """The stream was behind: the governor does not count it, the stream and the monitor do."""
    monitor = RealTimePerformanceMonitor()
    tally = Tally(monitor, target_s=0.3)
    for waited_s in (0.3, 0.31, 0.0):
        tally.begun(waited_s=waited_s)
        tally.answered(waited_s + 0.1)
    assert (tally.chunks, tally.on_time, tally.answered_chunks) == (2, 1, 3)
    assert monitor.snapshot().answered == 3


def test_what_is_dropped_while_the_stream_is_not_served_is_no_chunk_of_it() -> None:
    """The governor judges by the streams that are served; the monitor hears of every drop."""
    monitor = RealTimePerformanceMonitor()
    tally = Tally(monitor, target_s=0.3)
    tally.dropped(is_served=False)
    assert tally.chunks == 0
    assert monitor.snapshot().dropped == 1
