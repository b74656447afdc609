"""What is foreseen is judged by what was carried just before and just after, where these agree."""

from benchmarks.plan_scenario import LEAST, MOST, Round, result


def test_a_round_whose_machine_changed_its_speed_does_not_count() -> None:
    """The others are a share of what was carried on average, within the bounds."""
    found = result([Round(100, 108, 104), Round(100, 120, 300), Round(120, 110, 92)], seconds=1.0)
    share, counting = found.figures
    assert round(share.value, 3) == 0.9
    assert (share.least, share.most) == (LEAST, MOST)
    assert (counting.value, counting.note) == (2.0, "of 3")
    assert found.is_valid
    assert found.notes[0] == "carried 100 and 108 streams, foreseen 104"


def test_where_no_round_counts_nothing_is_said() -> None:
    """And why is."""
    found = result([Round(100, 120, 110)], seconds=1.0)
    assert not found.is_valid
    assert [figure.name for figure in found.figures] == ["rounds that count"]


def test_a_machine_that_carries_more_or_less_than_was_foreseen_breaks_a_bound() -> None:
    """Both ways."""
    assert not result([Round(100, 100, 130)], seconds=1.0).is_good
    assert not result([Round(100, 100, 70)], seconds=1.0).is_good
    assert result([Round(100, 100, 95)], seconds=1.0).is_good
