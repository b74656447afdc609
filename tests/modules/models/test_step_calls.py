"""Streams that share the steps of a model with a memory get what each would get alone."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ModelError
from modules.models.array_model import CallableModel
from modules.models.step_calls import Memory, StepCalls
from modules.models.tensors import Array, TensorSpec

LENGTHS = st.lists(st.integers(0, 150), min_size=1, max_size=5).filter(any)


class Sums:
    """What came in so far, in two memories with the streams along different axes; and how many rows each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, x: Array, sums: Array, squares: Array, gain: Array) -> list[Array]:
        self.calls.append(len(x))
        sums = sums + x[np.newaxis] * gain
        squares = squares + (x**2).sum(axis=1)
        return [sums[0], sums, squares[:, np.newaxis], squares]


def summing(batch: int | str = "N") -> tuple[CallableModel, Sums]:
    """It as a model with that batch axis."""
    call = Sums()
    names = ("x", "sums", "squares", "gain")
    return CallableModel("sums", call, inputs=[TensorSpec(name, "float64", (batch, 2)) for name in names]), call


STEPS = StepCalls("x", (Memory("sums", 1, axis=1), Memory("squares", 3)), (0, 2), {"gain": np.array(2.0)})


@given(LENGTHS, st.booleans())
def test_streams_of_any_lengths_keep_apart(lengths: list[int], has_fixed_batch: bool) -> None:  # noqa: FBT001 - drawn
    """What each gives, and what is remembered of it, is what its own sums are; they share as many calls as can be."""
    model, call = summing(1 if has_fixed_batch else "N")
    chance = np.random.default_rng(sum(lengths))
    streams = [chance.integers(-9, 9, (steps, 2)).astype(float) for steps in lengths]
    states = [(chance.integers(-9, 9, (1, 1, 2)).astype(float), np.array([float(i)])) for i in range(len(streams))]
    if has_fixed_batch and not all(lengths):
        return  # a stream without steps has no call of its own
    found, after = STEPS.run(model, streams, states)
    for stream, (sums, squares), (both, power), (new_sums, new_squares) in zip(
        streams, states, found, after, strict=True
    ):
        np.testing.assert_array_equal(both, sums[0, 0] + 2 * np.cumsum(stream, axis=0))
        np.testing.assert_array_equal(power[:, 0], squares[0] + np.cumsum((stream**2).sum(axis=1)))
        np.testing.assert_array_equal(new_sums[0, 0], sums[0, 0] + 2 * stream.sum(axis=0))
        np.testing.assert_array_equal(new_squares, squares + (stream**2).sum())
    if has_fixed_batch:
        assert call.calls == [1] * sum(lengths)
    else:
        assert call.calls == [sum(steps > step for steps in lengths) for step in range(max(lengths))]


def test_a_call_gets_its_arrays_in_one_piece_of_memory() -> None:
    """So that no library has to copy them again, also when streams leave."""
    seen: list[bool] = []

    def noted(x: Array, state: Array) -> list[Array]:
        seen.extend(array.flags.c_contiguous for array in (x, state))
        return [x[:, 0, 0], state]

    inputs = [TensorSpec("x", "float64", ("N", 3, 2)), TensorSpec("state", "float64", (2, "N"))]
    model = CallableModel("noted", noted, inputs=inputs)
    streams = [np.ones((2, 3, 2)), np.ones((5, 3, 2)), np.ones((4, 3, 2))]
    found, _ = StepCalls("x", (Memory("state", 1, axis=1),)).run(model, streams, [(np.zeros((2, 1)),)] * 3)
    assert [array.shape for (array,) in found] == [(2,), (5,), (4,)]
    assert len(seen) == 10
    assert all(seen)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, s: [x[:1], s], "for 2 rows; it owes a row for each"),
        (lambda x, s: [x, s[:1]], r"gave s of shape \(1,\) after \(2,\)"),
        (lambda x, s: [x[:, : 1 + int(s[0]) % 2], s + 1], "after others of"),
    ],
)
def test_outputs_that_could_be_given_to_the_wrong_stream_are_errors(
    call: Callable[[Array, Array], list[Array]], words: str
) -> None:
    """Too few rows, too small a memory, and a shape that changes from step to step."""
    model = CallableModel("wrong", call, inputs=[TensorSpec("x", "float64", ("N", 2)), TensorSpec("s", "float64")])
    with pytest.raises(ModelError, match=words):
        StepCalls("x", (Memory("s", 1),)).run(model, [np.ones((3, 2))] * 2, [(np.zeros(1),)] * 2)
