"""How much memory streams and recordings may take: one sum, and who may still be let in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.memory.budget import RECORDING_BYTES, MemoryBudget, StreamNeed

MB = 2**20

sizes = st.integers(0, 4_096 * MB)
needs = st.builds(StreamNeed, st.integers(0, 4 * MB), st.integers(0, 4 * MB), st.integers(0, 10))
budgets = st.builds(MemoryBudget, sizes, sizes, sizes, sizes)


def test_the_need_of_a_stream_is_its_chunks_in_hand_and_its_session() -> None:
    """200 ms of mono floats at 16 kHz are 12,800 bytes, three times, beside what the stages remember."""
    need = StreamNeed.of(sample_rate=16_000, chunk_s=0.2, session_bytes=600_000)
    assert need == StreamNeed(chunk_bytes=12_800, session_bytes=600_000, chunks_in_hand=3)
    assert need.total_bytes == 3 * 12_800 + 600_000
    assert StreamNeed.of(sample_rate=8_000, chunk_s=0.2, session_bytes=0, channels=2).chunk_bytes == 12_800


def test_the_sum_is_that_of_the_design() -> None:
    """Streams x (chunks in hand x chunk bytes + session bytes) + recordings + pool + idle process + models."""
    budget = MemoryBudget(512 * MB, pool_bytes=32 * MB, idle_bytes=60 * MB, model_bytes=40 * MB)
    need = StreamNeed(10_000, 500_000, chunks_in_hand=3)
    assert budget.sum_bytes(100, need) == 100 * 530_000 + 132 * MB
    assert budget.sum_bytes(0, need, recordings=2) == 2 * RECORDING_BYTES + 132 * MB
    assert budget.room_bytes == 420 * MB
    assert budget.max_streams(need) == 420 * MB // 530_000


@given(budgets, needs, st.integers(0, 4))
def test_as_many_streams_fit_as_the_sum_allows(budget: MemoryBudget, need: StreamNeed, recordings: int) -> None:
    """With that many the sum is within the limit, with one more it is not."""
    fit = budget.max_streams(need, recordings=recordings)
    limit_bytes = budget.max_memory_bytes + budget.model_bytes
    if fit:
        assert budget.sum_bytes(fit, need, recordings=recordings) <= limit_bytes
    if need.total_bytes:
        assert budget.sum_bytes(fit + 1, need, recordings=recordings) > limit_bytes


@given(budgets, needs)
def test_streams_let_in_one_by_one_are_as_many_as_fit(budget: MemoryBudget, need: StreamNeed) -> None:
    """Admission and the sum agree; the first is always let in."""
    fit = budget.max_streams(need)
    if need.total_bytes and fit:
        assert budget.admits(need.total_bytes, given_bytes=(fit - 1) * need.total_bytes)
    if need.total_bytes:
        assert not budget.admits(need.total_bytes, given_bytes=max(1, fit) * need.total_bytes)
    assert budget.admits(need.total_bytes, given_bytes=0)


@given(budgets, st.integers(0, 8_192 * MB))
def test_a_tighter_limit_takes_from_room_and_pool(budget: MemoryBudget, limit_bytes: int) -> None:
    """Never more than before; models and the idle process stay what they are; a wider limit changes nothing."""
    left = budget.within(limit_bytes)
    assert left.max_memory_bytes == min(budget.max_memory_bytes, max(0, limit_bytes - budget.model_bytes))
    assert left.pool_bytes <= budget.pool_bytes
    assert (left.idle_bytes, left.model_bytes) == (budget.idle_bytes, budget.model_bytes)
    if limit_bytes >= budget.max_memory_bytes + budget.model_bytes:
        assert left == budget


def test_sixty_percent_less_leaves_forty_percent_of_the_pool() -> None:
    """And room for fewer streams."""
    budget = MemoryBudget(500 * MB, pool_bytes=50 * MB, idle_bytes=60 * MB)
    left = budget.within(200 * MB)
    assert left == MemoryBudget(200 * MB, pool_bytes=20 * MB, idle_bytes=60 * MB)
    assert left.room_bytes == 120 * MB


def test_negative_bytes_are_refused() -> None:
    """By the name of the field."""
    with pytest.raises(ValueError, match="pool_bytes must be 0 or more, got -1"):
        MemoryBudget(1, pool_bytes=-1)
    with pytest.raises(ValueError, match="session_bytes must be 0 or more, got -2"):
        StreamNeed(1, -2)
