"""Whatever waits to be counted, and whenever it is counted, every number is counted once."""

from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.snapshot import ChunkCounts
from modules.monitoring.tallies import ChunkTally, HopTally
from tests.measured import times

seconds = st.floats(0, 10)
TARGET_S, PIPELINE_S = 0.3, 0.2


@given(st.lists(st.one_of(st.tuples(seconds, seconds), st.sampled_from(["fold", "cut", "look"]))))
def test_hops_are_in_their_window_and_in_the_whole(steps: list[tuple[float, float] | str]) -> None:
    """Folding and looking move nothing."""
    tally, window, everything = HopTally(), [], []
    for step in steps:
        if isinstance(step, tuple):
            tally.queue_s.append(step[0])
            tally.service_s.append(step[1])
            window.append(step)
            everything.append(step)
        elif step == "fold":
            tally.fold()
        elif step == "look":
            assert tally.times().service.count == len(everything)
        else:
            cut = tally.cut()
            assert cut.queue.buckets == times(*(queue_s for queue_s, _ in window)).buckets
            assert cut.service.buckets == times(*(service_s for _, service_s in window)).buckets
            window = []
    found = tally.times()
    assert found.queue.buckets == times(*(queue_s for queue_s, _ in everything)).buckets
    assert found.service.buckets == times(*(service_s for _, service_s in everything)).buckets
    assert found.total.buckets == times(*(queue_s + service_s for queue_s, service_s in everything)).buckets


@given(st.lists(st.one_of(seconds, st.sampled_from(["failed", "dropped", "fold", "cut"]))))
def test_chunks_are_in_their_window_and_in_the_whole(steps: list[float | str]) -> None:
    """With those that were late for either promise."""
    tally = ChunkTally(TARGET_S)
    window: list[float | str] = []
    everything: list[float | str] = []
    tally.pipeline_target_s = PIPELINE_S
    for step in steps:
        if step == "fold":
            tally.fold()
        elif step == "cut":
            counts, latency = tally.cut()
            assert counts == expected(window)
            assert latency.buckets == times(*(one for one in window if isinstance(one, float))).buckets
            window = []
        else:
            window.append(step)
            everything.append(step)
            tell(tally, step)
    counts, latency = tally.all_so_far()
    assert counts == expected(everything)
    assert latency.count == counts.answered


def tell(tally: ChunkTally, step: float | str) -> None:
    """As the monitor's verbs do; on time is half a second here."""
    if isinstance(step, float):
        tally.latency_s.append(step)
        tally.on_time += step <= 0.5
    elif step == "failed":
        tally.failed += 1
    else:
        tally.dropped += 1


def expected(steps: list[float | str]) -> ChunkCounts:
    """Counted by hand."""
    latencies = [step for step in steps if isinstance(step, float)]
    return ChunkCounts(
        answered=len(latencies),
        on_time=sum(latency_s <= 0.5 for latency_s in latencies),
        late=sum(latency_s > TARGET_S for latency_s in latencies),
        pipeline_late=sum(latency_s > PIPELINE_S for latency_s in latencies),
        failed=steps.count("failed"),
        dropped=steps.count("dropped"),
    )
