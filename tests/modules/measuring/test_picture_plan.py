from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.picture_plan import (
    ROWS_OF_MARKS,
    drawn,
    is_of_shares,
    limit_words,
    log_steps,
    mark_rows,
    mark_words,
    share_ticks,
    share_words,
    unit_of,
    x_ticks,
)
from modules.measuring.plots import Line
from tests.made_report import BATCHES, CDF, DECISIONS, MEMORY, STREAMS


def test_a_cdf_is_of_shares() -> None:
    """Anything else is not, nor a CDF in percent."""
    assert is_of_shares(CDF)
    assert not is_of_shares(STREAMS)
    assert not is_of_shares(replace(CDF, lines=(Line("onbeat", ((5.0, 99.0),)),)))


def test_only_what_an_axis_can_show_is_drawn() -> None:
    """Neither none nor all on one of shares, nothing at 0 on a logarithmic one."""
    assert drawn(CDF, CDF.lines[0]) == CDF.lines[0].points[:-1]
    line = Line("onbeat", ((0.0, 1.0), (1.0, 0.0), (2.0, 5.0)))
    assert drawn(replace(STREAMS, is_log_x=True), line) == ((2.0, 5.0),)
    right = replace(line, is_right=True)
    assert drawn(STREAMS, right) == right.points


def test_shares_are_named_as_far_as_they_go() -> None:
    """Up to 99 % at least."""
    assert share_ticks(CDF) == [0.01, 0.1, 0.5, 0.9, 0.99]
    assert share_ticks(replace(CDF, lines=(Line("onbeat", ((1.0, 0.9995),)),)))[-1] == 0.999
    assert [share_words(share) for share in (0.5, 0.99, 0.9999)] == ["50 %", "99 %", "99.99 %"]


def test_few_batches_are_named_one_by_one() -> None:
    """On a linear axis, and of many points, the axis finds its own."""
    assert x_ticks(BATCHES) == [1.0, 2.0, 4.0, 8.0]
    assert x_ticks(STREAMS) == []
    assert x_ticks(replace(CDF, lines=(Line("x", tuple((1.5 * n, 0.5) for n in range(1, 5))),))) == []


def test_a_wide_logarithmic_axis_names_powers_of_ten_only() -> None:
    """Names would else cover each other."""
    assert log_steps([1.0, 300.0, 0.0]) == log_steps([]) == (1, 2, 5)
    assert log_steps([1.0, 40_000.0]) == (1,)


@pytest.mark.parametrize(
    ("label", "unit"), [("p99, ms", "ms"), ("late, of all, %", "%"), ("MB", "MB"), ("streams", ""), ("", "")]
)
def test_the_unit_is_what_a_label_ends_with(label: str, unit: str) -> None:
    """After a comma, or alone."""
    assert unit_of(label) == unit


def test_limits_say_what_they_are() -> None:
    """Latencies have a target, shares are in percent, all else has a limit."""
    assert limit_words(STREAMS, 300.0, STREAMS.y_label) == "target 300 ms"
    assert limit_words(CDF, 0.99, CDF.y_label) == "99 %"
    assert limit_words(CDF, 300.0, CDF.x_label) == "target 300 ms"
    assert limit_words(MEMORY, 512.0, MEMORY.y_label) == "limit 512 MB"


def test_marks_say_where_they_are() -> None:
    """With the unit of the axis, or its name where it has none; from left to right."""
    assert mark_words(replace(DECISIONS, marks=DECISIONS.marks[::-1])) == mark_words(DECISIONS)
    assert mark_words(DECISIONS)[0] == "5.5 s: suspends <4> streams"
    assert mark_words(BATCHES) == ["4 chunks in a call: knee"]


@given(st.lists(st.floats(0, 1), max_size=30).map(sorted))
def test_numbers_of_marks_cover_each_other_only_when_there_is_no_room(places: list[float]) -> None:
    """Two in one row are apart, unless every row was taken there."""
    rows = mark_rows(places)
    assert len(rows) == len(places)
    assert all(0 <= row < ROWS_OF_MARKS for row in rows)
    for (one, first), (other, second) in combinations(enumerate(places), 2):
        if rows[one] == rows[other] and second - first < 0.025:
            assert other - one >= ROWS_OF_MARKS
