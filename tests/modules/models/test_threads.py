"""Threads of all models together never exceed the CPUs, and every model gets to run."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.models.onnx_options import Execution, OnnxOptions
from modules.models.threads import ThreadRoom, ThreadWish, share_threads

wishes = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=8).map(
    lambda pairs: [ThreadWish(f"model {number}", *pair) for number, pair in enumerate(pairs)]
)
cpus = st.floats(0.1, 40, allow_nan=False)


@given(wishes, cpus)
def test_the_sum_never_exceeds_the_cpus(asked: list[ThreadWish], limit: float) -> None:
    """One thread is the least, whatever the quota."""
    assert sum(share.threads for share in share_threads(asked, limit)) <= max(1, math.floor(limit))


@given(wishes, cpus)
def test_every_model_has_exactly_one_share(asked: list[ThreadWish], limit: float) -> None:
    """With at least a worker and a thread."""
    shares = share_threads(asked, limit)
    assert sorted(model for share in shares for model in share.models) == sorted(wish.model for wish in asked)
    assert all(share.workers >= 1 <= share.intra_op_threads for share in shares)


@given(wishes)
def test_wishes_that_fit_are_granted(asked: list[ThreadWish]) -> None:
    """As they are."""
    shares = share_threads(asked, max(1, sum(wish.threads for wish in asked)))
    assert [(share.workers, share.intra_op_threads) for share in shares] == [
        (wish.workers, wish.intra_op_threads) for wish in asked
    ]


@given(wishes, cpus)
def test_nobody_gets_more_than_was_asked_for_alone(asked: list[ThreadWish], limit: float) -> None:
    """Models that take turns have the same one thread."""
    by_name = {wish.model: wish for wish in asked}
    for share in share_threads(asked, limit):
        for model in share.models:
            assert share.workers <= by_name[model].workers
            assert share.intra_op_threads <= by_name[model].intra_op_threads


def test_intra_op_threads_go_before_workers() -> None:
    """They gain least."""
    (share,) = share_threads([ThreadWish("asr", workers=2, intra_op_threads=4)], 2)
    assert (share.workers, share.intra_op_threads) == (2, 1)


def test_models_take_turns_where_there_are_more_than_cpus() -> None:
    """Five models on two CPUs, a thread each."""
    shares = share_threads([ThreadWish(name) for name in "abcde"], 2.9)
    assert [share.models for share in shares] == [("a", "c", "e"), ("b", "d")]


def test_wrong_numbers_are_refused() -> None:
    """And names that are not told apart."""
    with pytest.raises(ValueError, match="cpus must be more than 0"):
        share_threads([], 0)
    with pytest.raises(ValueError, match="different names"):
        share_threads([ThreadWish("a"), ThreadWish("a")], 2)
    with pytest.raises(ValueError, match="workers of a"):
        ThreadWish("a", workers=0)


@given(
    st.integers(1, 8),
    st.floats(0.1, 16),
    st.integers(1, 16),
    st.integers(1, 16),
    st.integers(0, 1),
)
def test_what_is_fitted_never_needs_more_than_the_cpus(
    workers: int, limit: float, intra: int, inter: int, spins: int
) -> None:
    """Calls on all workers at once: as many threads as CPUs at most, or one a call; nobody gets more than asked for."""
    is_parallel = inter > 1
    asked = OnnxOptions(
        intra_op_threads=intra,
        inter_op_threads=inter,
        execution=Execution.PARALLEL if is_parallel else Execution.SEQUENTIAL,
        memory_pattern=not is_parallel,
        spinning=bool(spins) and (intra > 1 or is_parallel),
    )
    fitted = ThreadRoom(workers, limit).fitted(asked)
    a_call = fitted.intra_op_threads + fitted.inter_op_threads - 1
    assert a_call == 1 or workers * a_call <= limit
    assert fitted.intra_op_threads <= intra
    assert fitted.inter_op_threads <= inter
    if workers * (intra + inter - 1) <= limit:
        assert fitted == asked
