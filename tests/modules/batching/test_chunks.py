"""How long a chunk of waiting audio is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.chunks import ALLOWED_CHUNKS_S, ChunkSizer


def test_before_anything_is_known_the_shortest_is_chosen() -> None:
    """A slow model is not found out with a long chunk."""
    assert ChunkSizer().chunk_s() == ALLOWED_CHUNKS_S[0]


@given(st.floats(1e-5, 100))
def test_the_longest_that_fits_is_chosen(cost: float) -> None:
    """The expected service stays under the limit, and one step longer would not."""
    sizer = ChunkSizer(max_service_s=0.1)
    sizer.observe(audio_s=1.0, service_s=cost)
    chosen = sizer.chunk_s()
    assert chosen == ALLOWED_CHUNKS_S[0] or chosen * cost <= 0.1
    longer = [length for length in ALLOWED_CHUNKS_S if length > chosen]
    assert not longer or longer[0] * cost > 0.1


def test_a_model_that_becomes_slower_gets_shorter_chunks() -> None:
    """The average follows."""
    sizer = ChunkSizer()
    sizer.observe(audio_s=1.0, service_s=0.01)
    before = sizer.chunk_s()
    for _ in range(30):
        sizer.observe(audio_s=1.0, service_s=0.2)
    assert sizer.chunk_s() < before
    assert sizer.cost == pytest.approx(0.2, rel=0.01)


def test_a_call_without_audio_teaches_nothing() -> None:
    """Finishing a session costs, but not for each second of audio."""
    sizer = ChunkSizer()
    sizer.observe(audio_s=0, service_s=5)
    assert sizer.cost is None
