import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.pieces import Moment, PieceBook, recovered_s


def book(latencies: dict[int, list[float | None]], *, order: list[int] | None = None) -> PieceBook:
    """Streams whose pieces were due every 0.2 s and answered so late; `order` is that of the first stream's answers."""
    made = PieceBook(target_s=0.3)
    for stream, each in latencies.items():
        for number in range(len(each)):
            made.sent(stream, number, 0.2 * number)
        for number in order if order and not stream else range(len(each)):
            if (late := each[number]) is not None:
                made.answered(stream, number, 0.2 * number + late)
    return made


late = st.none() | st.floats(0, 2)


@given(st.dictionaries(st.integers(0, 5), st.lists(late, min_size=1, max_size=20), max_size=4))
def test_every_piece_is_on_time_or_missed(latencies: dict[int, list[float | None]]) -> None:
    """None is not counted; what was never answered is lost."""
    found = book(latencies).outcome(from_s=0, until_s=100)
    every = [each for stream in latencies.values() for each in stream]
    assert found.sent == len(every)
    assert found.lost == every.count(None)
    assert found.on_time + found.misses == found.sent
    assert found.latency.count == found.sent - found.lost
    assert found.streams == len(latencies)


def test_a_lost_piece_is_seen() -> None:
    """It is a miss as well."""
    found = book({0: [0.1, None, 0.1]}).outcome(from_s=0, until_s=1)
    assert (found.lost, found.misses, found.disordered) == (1, 1, 0)


def test_what_is_lost_is_given_up_or_unfinished_or_passed_over() -> None:
    """By what was said of it, or else of later pieces of its stream; what was said too late is none of it."""
    made = book({0: [0.1, None, 0.1, None, None], 1: [None, None, None], 2: [0.1, None, 0.1], 3: [0.1, None]})
    made.dropped(1, range(1, 3))
    made.dropped(2, range(1, 3))
    made.dropped(3, range(1, 2))
    found = made.outcome(from_s=0, until_s=100)
    assert (found.lost, found.dropped, found.unfinished) == (8, 4, 2)
    assert made.outcome(from_s=0, until_s=0.7).unfinished == 1


def test_an_answer_out_of_order_is_seen() -> None:
    """It is no loss."""
    found = book({0: [0.1, 0.1, 0.1]}, order=[0, 2, 1]).outcome(from_s=0, until_s=1)
    assert (found.disordered, found.lost) == (1, 0)


def test_an_answer_that_comes_twice_is_seen() -> None:
    """The first one counts."""
    made = book({0: [0.1]})
    made.answered(0, 0, 5.0)
    found = made.outcome(from_s=0, until_s=1)
    assert (found.doubled, found.on_time) == (1, 1)


def test_a_chunk_of_several_pieces_has_the_latency_of_its_last() -> None:
    """As chunk latency is defined: waiting for the chunk to fill is not in it."""
    made = PieceBook(target_s=0.3)
    for number in range(4):
        made.sent(0, number, 0.2 * number)
    made.answered_chunk(0, range(4), 0.6 + 0.25)
    found = made.outcome(from_s=0, until_s=1)
    assert found.on_time == 4
    assert found.latency.max == pytest.approx(0.25)


def test_only_streams_that_were_served_count_for_what_is_served() -> None:
    """A suspended stream's few late answers are not what the served ones got."""
    found = book({0: [0.1] * 10, 1: [1.9] * 10}).outcome(from_s=0, until_s=10)
    assert found.served.quantile(1.0) < 0.3 < found.latency.quantile(1.0)
    assert (found.healthy, found.streams) == (1, 2)


def test_all_is_well_again_when_99_of_100_are_on_time_from_then_on() -> None:
    """However long one goes on counting; what never is well again has not recovered."""
    moments = [Moment(0.0, 10, 10), Moment(0.5, 10, 2), Moment(1.0, 10, 10), Moment(1.5, 10, 9), Moment(2.0, 10, 10)]
    assert recovered_s(moments, from_s=0.5) == pytest.approx(1.5)
    assert recovered_s(moments[:1], from_s=0.0) == 0.0
    assert recovered_s(moments[:2], from_s=0.5) is None


def test_a_moment_in_which_two_of_a_hundred_are_late_is_none_of_trouble() -> None:
    """A p99 lets one in a hundred be late for ever; a moment in which eleven of a hundred are, is trouble."""
    calm = [Moment(0.5 * number, 100, 100) for number in range(20)]
    assert recovered_s([*calm[:4], Moment(2.0, 100, 98), *calm[5:]], from_s=0.0) == 0.0
    assert recovered_s([Moment(0.0, 100, 98), *calm[1:]], from_s=0.0) == 0.5
    assert recovered_s([*calm[:15], Moment(7.5, 100, 89), *calm[16:]], from_s=0.0) == 8.0


@given(st.lists(st.integers(85, 100), min_size=1, max_size=12))
def test_recovery_is_what_it_says(on_time: list[int]) -> None:
    """The first moment from which on every count has 99 of 100 on time, and none fewer than nine in ten."""
    moments = [Moment(float(number), 100, each) for number, each in enumerate(on_time)]
    well = [
        float(first)
        for first in range(len(on_time))
        if min(on_time[first:]) >= 90
        and all(sum(on_time[first : last + 1]) >= 99 * (last + 1 - first) for last in range(first, len(on_time)))
    ]
    assert recovered_s(moments, from_s=0.0) == (well[0] if well else None)


def test_moments_hold_every_piece_once() -> None:
    """By when it was due."""
    moments = book({0: [0.1] * 10, 1: [None] * 10}).moments(from_s=0, until_s=2)
    assert [moment.sent for moment in moments] == [6, 4, 6, 4]
    assert [moment.on_time for moment in moments] == [3, 2, 3, 2]
