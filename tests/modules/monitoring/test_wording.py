"""Numbers read as a person would write them."""

import pytest

from modules.monitoring.wording import counted, in_ms, percent


@pytest.mark.parametrize(("count", "words"), [(0, "0 chunks"), (1, "1 chunk"), (2010, "2,010 chunks")])
def test_a_noun_agrees_with_its_count(count: int, words: str) -> None:
    """One is one."""
    assert counted(count, "chunk") == words


@pytest.mark.parametrize(("seconds", "words"), [(0.0, "0 ms"), (0.0042, "4.2 ms"), (0.01, "10 ms"), (1.2, "1,200 ms")])
def test_short_times_keep_a_digit(seconds: float, words: str) -> None:
    """Long ones do not need it."""
    assert in_ms(seconds) == words


def test_shares_are_whole_percent() -> None:
    """With the space before the sign."""
    assert percent(0.304) == "30 %"
