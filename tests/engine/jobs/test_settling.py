"""A file that is still being written is left until it has come to rest, whatever the clocks say."""

from dataclasses import replace

from engine.jobs.content import FileFacts
from engine.jobs.settling import SETTLED_S, Settling

CLOCK_S = 1_000_000.0
FACTS = FileFacts(size_bytes=10, mtime_ns=int((CLOCK_S - 60) * 1e9), device=1, inode=1)


def test_an_old_file_is_complete_at_once() -> None:
    """Nobody has written to it for a minute."""
    assert Settling().is_complete("a", FACTS, now_s=0.0, clock_s=CLOCK_S)


def test_a_file_that_grows_is_complete_when_it_stops() -> None:
    """Each change begins the wait anew."""
    settling = Settling()
    for second in range(5):
        facts = replace(FACTS, size_bytes=second, mtime_ns=int((CLOCK_S + second) * 1e9))
        assert not settling.is_complete("a", facts, now_s=second, clock_s=CLOCK_S + second)
    assert not settling.is_complete("a", facts, now_s=4 + SETTLED_S / 2, clock_s=CLOCK_S + 4 + SETTLED_S / 2)
    assert settling.is_complete("a", facts, now_s=4 + SETTLED_S, clock_s=CLOCK_S + 4 + SETTLED_S)
    assert len(settling) == 0


def test_a_time_in_the_future_is_not_waited_for() -> None:
    """The file server's clock is an hour ahead, or ours was set back: what counts is that the file stays as it is."""
    settling = Settling()
    facts = replace(FACTS, mtime_ns=int((CLOCK_S + 3600) * 1e9))
    assert not settling.is_complete("a", facts, now_s=0.0, clock_s=CLOCK_S)
    assert settling.is_complete("a", facts, now_s=SETTLED_S, clock_s=CLOCK_S - 7200)


def test_files_settle_apart() -> None:
    """One that goes on being written does not hold up the other."""
    settling = Settling()
    fresh = replace(FACTS, mtime_ns=int(CLOCK_S * 1e9))
    assert not settling.is_complete("a", fresh, now_s=0.0, clock_s=CLOCK_S)
    assert not settling.is_complete("b", fresh, now_s=0.0, clock_s=CLOCK_S)
    assert settling.is_complete("a", fresh, now_s=2.5, clock_s=CLOCK_S + 2.5)
    assert not settling.is_complete("b", replace(fresh, size_bytes=11), now_s=2.5, clock_s=CLOCK_S + 2.5)
