import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.schedules import PATTERNS, Schedule, Surge, drawn, offered, surging
from modules.simulation.arrivals import PIECE_S


@given(st.sampled_from(sorted(PATTERNS)), st.integers(1, 20), st.floats(1, 10), st.integers(0, 99))
def test_a_schedule_is_drawn_from_its_seed(pattern: str, streams: int, seconds: float, seed: int) -> None:
    """The same seed, the same sends, in order of time, each stream's pieces counted from 0."""
    schedule = drawn(pattern, streams, seconds, seed=seed)
    sends = schedule.sends()
    assert sends == drawn(pattern, streams, seconds, seed=seed).sends()
    assert [send.at_s for send in sends] == sorted(send.at_s for send in sends)
    for stream in range(streams):
        numbers = [send.number for send in sends if send.stream == stream]
        assert numbers == list(range(len(numbers)))


def test_seeds_differ() -> None:
    """Another seed, other instants."""
    assert drawn("steady", 3, 5, seed=1) != drawn("steady", 3, 5, seed=2)


def test_a_surge_adds_streams_for_a_while() -> None:
    """Twice as much is offered while it lasts."""
    schedule = surging(50, 20, Surge(50, 5.0, 10.0), seed=0)
    before = offered(schedule.streams, from_s=1, until_s=5) / 4
    during = offered(schedule.streams, from_s=6, until_s=10) / 4
    after = offered(schedule.streams, from_s=11, until_s=20) / 9
    assert before == pytest.approx(50 / PIECE_S, rel=0.02)
    assert during == pytest.approx(100 / PIECE_S, rel=0.02)
    assert after == pytest.approx(50 / PIECE_S, rel=0.02)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf")])
def test_a_schedule_has_a_length(seconds: float) -> None:
    """Nothing and for ever are refused."""
    with pytest.raises(ValueError, match="seconds"):
        Schedule((), seconds, 0)
