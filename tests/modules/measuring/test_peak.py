import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.peak import PeakLimits, PeakSearch


def searched(threshold: int, limits: PeakLimits) -> tuple[int, list[int]]:
    """What is found where so many are carried, and what was asked for."""
    search, asked = PeakSearch(limits), []
    while search.asked is not None:
        asked.append(search.asked)
        search.tell(search.asked <= threshold)
    return search.found, asked


@given(st.integers(0, 5_000), st.integers(1, 300), st.sampled_from([0.0, 0.02, 0.04, 0.1]))
def test_the_peak_is_found_to_within_a_step(threshold: int, first: int, step: float) -> None:
    """Never more than is carried, never less than a step below it, and carried twice."""
    found, asked = searched(threshold, PeakLimits(first, step=step))
    assert found <= threshold <= found + max(1.0, step * (found + 1) / (1 - step) + 1)
    assert not found or asked.count(found) == 2


@given(st.integers(1, 100_000))
def test_a_search_is_short(threshold: int) -> None:
    """Doubling and bisecting: some dozen trials, whatever the number."""
    assert len(searched(threshold, PeakLimits(8))[1]) <= 24


def test_no_more_is_tried_than_there_may_be() -> None:
    """A search stops at its limit."""
    found, asked = searched(10**6, PeakLimits(8, most=100))
    assert found == 100
    assert max(asked) == 100


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_what_was_refused_when_tried_again_is_not_found(answers: list[bool]) -> None:
    """Whatever chance answers: what is found was carried the last time it was tried, and twice."""
    search, last, carried = PeakSearch(PeakLimits(8, most=1_000)), {}, dict[int, int]()
    for answer in answers:
        if search.asked is None:
            break
        last[search.asked] = answer
        carried[search.asked] = carried.get(search.asked, 0) + answer
        search.tell(answer)
    if search.asked is None and search.found:
        assert last[search.found]
        assert carried[search.found] >= 2


def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    """A search that is over takes none."""
    search = PeakSearch(PeakLimits(1, most=1))
    search.tell(False)
    with pytest.raises(ValueError, match="over"):
        search.tell(True)


@pytest.mark.parametrize("wrong", [{"first": 0}, {"first": 9, "most": 8}, {"step": 1.0}])
def test_limits_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    """They are valid on birth."""
    with pytest.raises(ValueError, match=r"first|step"):
        PeakLimits(**wrong)  # type: ignore[arg-type] # as wrong as it should be
