"""A worker that rests as it is told never works more of any period than a quota grants."""

from hypothesis import given
from hypothesis import strategies as st

from modules.tuning.quota_pace import PERIOD_S, QuotaPace


@given(st.floats(0.2, 0.95), st.floats(0.001, 0.05), st.integers(2, 60))
def test_calls_of_one_length_keep_to_their_share_of_every_period(share: float, call_s: float, calls: int) -> None:
    """Wherever a period begins; a call longer than the share has a period to itself."""
    pace, now_s, ran = QuotaPace(), 0.0, []
    for _ in range(calls):
        now_s = max(now_s, pace.next_s(share))
        ran.append((now_s, now_s + call_s))
        now_s += call_s
        pace.ended(*ran[-1])
    for _, ends_s in ran:
        begins_s = ends_s - PERIOD_S
        worked_s = sum(max(0.0, ended_s - max(started_s, begins_s)) for started_s, ended_s in ran if ended_s <= ends_s)
        assert worked_s <= max(share * PERIOD_S, call_s) + 1e-9


def test_without_a_quota_there_is_no_rest() -> None:
    """Nor before the first call."""
    pace = QuotaPace()
    assert pace.next_s(0.5) == 0.0
    pace.ended(1.0, 1.09)
    assert pace.next_s(1.0) == 0.0
    assert pace.next_s(0.5) > 1.09
