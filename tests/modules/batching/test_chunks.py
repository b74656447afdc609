"""How long a chunk of waiting audio is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.chunks import ALLOWED_CHUNKS_S, ChunkSizer, HopSizer


def test_before_anything_is_known_the_shortest_is_chosen() -> None:
    """A slow model is not found out with a long chunk."""
    assert ChunkSizer().chunk_s(max_service_s=0.1) == ALLOWED_CHUNKS_S[0]


@given(st.floats(1e-5, 100))
def test_the_longest_that_fits_is_chosen(cost: float) -> None:
    """The expected service stays under the limit, and one step longer would not."""
    sizer = ChunkSizer()
    sizer.observe(audio_s=1.0, service_s=cost)
    chosen = sizer.chunk_s(max_service_s=0.1)
    assert chosen == ALLOWED_CHUNKS_S[0] or chosen * cost <= 0.1
    longer = [length for length in ALLOWED_CHUNKS_S if length > chosen]
    assert not longer or longer[0] * cost > 0.1


def test_a_model_that_becomes_slower_gets_shorter_chunks() -> None:
    """The average follows."""
    sizer = ChunkSizer()
    sizer.observe(audio_s=1.0, service_s=0.01)
    before = sizer.chunk_s(max_service_s=0.1)
    for _ in range(30):
        sizer.observe(audio_s=1.0, service_s=0.2)
    assert sizer.chunk_s(max_service_s=0.1) < before
    assert sizer.cost == pytest.approx(0.2, rel=0.01)


def test_a_call_without_audio_teaches_nothing() -> None:
    """Finishing a session costs, but not for each second of audio."""
    sizer = ChunkSizer()
    sizer.observe(audio_s=0, service_s=5)
    assert sizer.cost is None


def test_the_first_hop_serves_one_session() -> None:
    """Nothing is known of its cost."""
    assert HopSizer().calls() == 1


@given(st.floats(1e-6, 10), st.integers(1, 40))
def test_a_hop_serves_as_many_sessions_as_its_time_allows(cost_s: float, calls: int) -> None:
    """At least one, at most the limit, and no more than are expected to fit."""
    sizer = HopSizer(max_service_s=0.01, max_calls=16)
    sizer.observe(calls=calls, service_s=calls * cost_s)
    assert 1 <= sizer.calls() <= 16
    assert sizer.calls() == 1 or sizer.calls() * cost_s <= 0.01 * (1 + 1e-9)


def test_room_for_one_session_more_does_not_change_how_many_share_a_hop() -> None:
    """Costs always waver a little; each change would be a new plan for the workers."""
    sizer = HopSizer(max_service_s=0.01, max_calls=16)
    sizer.observe(calls=1, service_s=0.01 / 14.5)
    counts = set()
    for number in range(100):
        sizer.observe(calls=1, service_s=0.01 / (14.1 if number % 2 else 15.3))
        counts.add(sizer.calls())
    assert counts == {14}


def test_a_recogniser_that_becomes_slower_shares_its_hops_with_fewer() -> None:
    """The average follows."""
    sizer = HopSizer()
    sizer.observe(calls=1, service_s=0.0005)
    before = sizer.calls()
    for _ in range(30):
        sizer.observe(calls=2, service_s=0.02)
    assert sizer.calls() < before


def test_a_recogniser_that_decodes_at_every_third_chunk_only_shares_its_hops_with_none() -> None:
    """That some calls in a row were short says nothing of the next: the mean of many is what counts."""
    sizer = HopSizer()
    for number in range(300):
        sizer.observe(calls=1, service_s=0.08 if number % 30 < 10 else 0.001)
        assert number < 1 or sizer.calls() == 1, number
