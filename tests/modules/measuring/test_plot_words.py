from dataclasses import replace

import pytest

from modules.measuring.plot_words import MAX_ROWS, columns, described, rows
from modules.measuring.plots import Line, Mark, Plot
from tests.made_report import BATCHES, CDF, DECISIONS, PEERS, PLOTS, STREAMS


def test_a_line_is_told_from_end_to_end() -> None:
    """With units, the limit and the highest point where it lies between."""
    assert described(STREAMS) == ("onbeat: from 20 ms at 10 to 900 ms at 30. A line across marks the target 300 ms.")
    assert "at most 800 at 4" in described(BATCHES)


def test_bars_are_told_one_by_one() -> None:
    """By their names."""
    assert described(PEERS) == "streams: onbeat 30, one call at a time 12."


def test_shares_are_told_in_percent() -> None:
    """And both limits."""
    words = described(CDF)
    assert "from 10 % at 5 ms to 100 % at 200 ms" in words
    assert "A line across marks the 99 %. A line upwards marks the target 300 ms." in words


def test_marks_are_told_up_to_some() -> None:
    """More are counted."""
    assert "Marked are 5.5 s: suspends <4> streams; " in described(DECISIONS)
    assert "and 14 more" in described(replace(DECISIONS, marks=tuple(Mark(float(n), "move") for n in range(20))))


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_every_picture_has_its_numbers_as_a_table(plot: Plot) -> None:
    """Two columns with a head each."""
    for line in plot.lines:
        assert all(columns(plot, line))
        assert 1 <= len(rows(plot, line)) <= MAX_ROWS


def test_many_points_are_thinned_out() -> None:
    """The ends stay."""
    line = Line("long", tuple((float(n), float(n)) for n in range(1000)))
    shown = rows(replace(STREAMS, lines=(line,)), line)
    assert len(shown) == MAX_ROWS
    assert (shown[0], shown[-1]) == (("0", "0"), ("999", "999"))


def test_a_cdf_is_given_where_its_axis_has_names() -> None:
    """The latency that each share of chunks does not exceed."""
    assert rows(CDF, CDF.lines[0]) == [("5", "1 %"), ("5", "10 %"), ("20", "50 %"), ("80", "90 %"), ("150", "99 %")]
