"""When a recogniser is asked what is being said."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from modules.stages.asking_pace import ASKING_SHARE, MAX_WAIT_S, AskingPace

TIMES_S = st.lists(st.floats(1e-6, 0.1), min_size=1, max_size=60)
CHUNK_S = 0.2


def asked_after(feeds_s: list[float], answer_s: float) -> list[int]:
    """After which of these feeds a stream is asked whose answers take `answer_s` seconds."""
    pace, asked = AskingPace(), []
    for number, fed_s in enumerate(feeds_s):
        pace.fed(fed_s, audio_s=CHUNK_S)
        if pace.is_due:
            pace.asked(answer_s)
            asked.append(number)
    return asked


def test_answers_that_cost_little_are_asked_for_after_every_feed() -> None:
    """As while an utterance is short, and always with a model beside which they are nothing."""
    assert asked_after([0.027] * 9, answer_s=0.00025) == list(range(9))


def test_a_feed_in_which_nothing_was_decoded_is_not_followed_by_a_question() -> None:
    """It was over at once, and what is being said is what it was."""
    assert asked_after([4e-4, 4e-4, 7e-5, 4e-4], answer_s=1.5e-5) == [0, 1, 3]


def test_after_an_utterance_is_over_the_next_is_asked_about_at_once() -> None:
    """There is little to walk back through."""
    pace = AskingPace()
    pace.asked(0.01)
    pace.fed(4e-4, audio_s=CHUNK_S)
    assert not pace.is_due
    pace.ended()
    assert pace.is_due


@given(TIMES_S, st.floats(1e-6, 1.0))
def test_nobody_waits_for_a_partial_longer_than_the_limit(feeds_s: list[float], answer_s: float) -> None:
    """Whatever asking costs."""
    asked = [-1, *asked_after(feeds_s, answer_s), len(feeds_s)]
    assert max(then - before for before, then in itertools.pairwise(asked)) <= round(MAX_WAIT_S / CHUNK_S)


@given(TIMES_S, st.floats(1e-6, 0.01))
def test_asking_takes_its_share_where_nobody_has_waited_long(feeds_s: list[float], answer_s: float) -> None:
    """Each question but the first follows feeds that took twenty times as long as the answer before it."""
    asked = asked_after(feeds_s, answer_s)
    for before, then in itertools.pairwise(asked):
        between = feeds_s[before + 1 : then + 1]
        assert answer_s <= ASKING_SHARE * sum(between) or len(between) * CHUNK_S >= MAX_WAIT_S - 1e-9
