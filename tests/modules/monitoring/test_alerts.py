"""An alert is raised when something lasted, and cleared when it has been well for long enough; in between it stays."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.alerts import MAX_CLEARED, Alert, AlertBook, Condition

RAISE_AFTER_S = 3.0
CLEAR_AFTER_S = 5.0

states = st.lists(st.sampled_from([True, False, None]), max_size=60)


def told(*row: bool | None) -> AlertBook:
    """A book that was told of a row of windows, a second each: bad, well or neither."""
    book = AlertBook(clear_after_s=CLEAR_AFTER_S)
    for second, is_bad in enumerate(row):
        book.observe(second, second + 1.0, [Condition("late", is_bad, f"at {second}", RAISE_AFTER_S)])
    return book


def model(row: list[bool | None]) -> list[bool]:
    """Whether the alert is up after each window, said another way: by looking back at the last windows."""
    up, ups = False, []
    for end in range(1, len(row) + 1):
        if not up and end >= RAISE_AFTER_S:
            up = row[end - int(RAISE_AFTER_S) : end] == [True] * int(RAISE_AFTER_S)
        elif up and end >= CLEAR_AFTER_S:
            up = row[end - int(CLEAR_AFTER_S) : end] != [False] * int(CLEAR_AFTER_S)
        ups.append(up)
    return ups


@given(states)
def test_it_is_up_exactly_when_the_last_windows_say_so(row: list[bool | None]) -> None:
    """Against a model that looks back, after every window."""
    assert [bool(told(*row[:end]).alerts) for end in range(1, len(row) + 1)] == model(row)


@given(states)
def test_it_never_flaps_faster_than_its_times(row: list[bool | None]) -> None:
    """Between two moves of one alert lie at least the seconds that the move takes."""
    ups = [False, *model(row)]
    moves = [second for second, (before, after) in enumerate(itertools.pairwise(ups)) if before != after]
    assert all(later - sooner >= min(RAISE_AFTER_S, CLEAR_AFTER_S) for sooner, later in itertools.pairwise(moves))


def test_it_dates_from_when_it_began_and_says_how_it_stands() -> None:
    """Not from when it was raised."""
    assert told(False, True, True, True, True).alerts == (Alert("late", 1.0, "at 4"),)


def test_neither_bad_nor_well_keeps_it_as_it_is() -> None:
    """Between the two thresholds nothing is raised and nothing cleared; the last bad words stay."""
    assert told(True, True, None, True, True).alerts == ()
    assert told(True, True, True, *[None] * 20).alerts == (Alert("late", 0.0, "at 2"),)
    assert told(True, True, True, False, False, None, False, False, False).alerts == (Alert("late", 0.0, "at 2"),)


def test_what_is_over_is_remembered_with_its_end() -> None:
    """Up to a limit."""
    book = told(True, True, True, *[False] * 5)
    assert book.alerts == ()
    assert book.cleared == (Alert("late", 0.0, "at 2", cleared_s=8.0),)
    often = told(*([True] * 3 + [False] * 5) * (MAX_CLEARED + 5))
    assert len(often.cleared) == MAX_CLEARED


def test_a_condition_that_is_not_told_of_stays() -> None:
    """Unknown is neither bad nor well."""
    book = told(True, True, True)
    for second in range(3, 30):
        book.observe(second, second + 1.0, [])
    assert [alert.name for alert in book.alerts] == ["late"]


def test_alerts_are_told_the_longest_first() -> None:
    """Each by its own row."""
    book = AlertBook()
    book.observe(0.0, 1.0, [Condition("a", None, ""), Condition("b", is_bad=True, words="")])
    book.observe(1.0, 2.0, [Condition("a", is_bad=True, words=""), Condition("b", is_bad=True, words="")])
    assert [alert.name for alert in book.alerts] == ["b", "a"]


@pytest.mark.parametrize("raise_after_s", [0.0, 1.0])
def test_one_bad_window_is_enough_where_nothing_must_last(raise_after_s: float) -> None:
    """A window of a second has lasted a second."""
    book = AlertBook()
    book.observe(0.0, 1.0, [Condition("failing", is_bad=True, words="", raise_after_s=raise_after_s)])
    assert [alert.name for alert in book.alerts] == ["failing"]
