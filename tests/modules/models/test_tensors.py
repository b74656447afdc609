"""What inputs are called, hold and measure; examples that fit; sentences on what does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.models.tensors import TensorSpec, example_feeds, objections

SAMPLES = TensorSpec("samples", "float32", ("batch", None, 3))
RATE = TensorSpec("rate", "int64")


def test_the_words_of_the_library_are_understood() -> None:
    """Also kinds that are no tensors."""
    assert TensorSpec.of_onnx("x", "tensor(float)", ["N", 2]) == TensorSpec("x", "float32", ("N", 2))
    assert TensorSpec.of_onnx("s", "seq(tensor(int64))", []).kind == "seq"
    assert TensorSpec.of_onnx("h", "tensor(float16)", [None]).element == "float16"


@given(st.integers(1, 9), st.integers(1, 9))
def test_an_example_fits(batch: int, frames: int) -> None:
    """Whatever sizes are given for its free axes."""
    example = SAMPLES.example({"batch": batch, "samples.1": frames})
    assert example.shape == (batch, frames, 3)
    assert SAMPLES.objection(example) is None
    assert np.abs(example).max() > 0


def test_a_size_that_is_missing_is_asked_for() -> None:
    """By the name under which it can be given."""
    with pytest.raises(ValueError, match=r"needs a size of at least 1 for 'samples\.1'"):
        SAMPLES.example({"batch": 2})
    with pytest.raises(ValueError, match="for 'batch'"):
        SAMPLES.example({"samples.1": 2})


def test_numbers_and_texts_are_examples_too() -> None:
    """Zeros and empty ones."""
    assert RATE.example({}) == 0
    assert list(TensorSpec("t", "str", (2,)).example({})) == ["", ""]


@pytest.mark.parametrize(
    ("given_array", "said"),
    [
        (np.zeros((1, 2, 4), np.float32), "was given float32 [1, 2, 4]"),
        (np.zeros((1, 2, 3)), "was given float64 [1, 2, 3]"),
        (np.zeros((2, 3), np.float32), "was given float32 [2, 3]"),
    ],
)
def test_what_does_not_fit_is_said(given_array: np.ndarray, said: str) -> None:
    """With what was wanted."""
    assert SAMPLES.objection(given_array) == f"samples: float32 [batch, ?, 3] {said}"


def test_missing_and_unknown_inputs_are_said() -> None:
    """All of them at once."""
    assert objections([SAMPLES, RATE], {"samples": np.zeros((1, 1, 3), np.float32), "x": np.zeros(1)}) == [
        "rate is missing (rate: int64 [])",
        "x is no input of it",
    ]


def test_given_inputs_are_kept() -> None:
    """The others are examples."""
    feeds = example_feeds([SAMPLES, RATE], {"batch": 1, "samples.1": 2}, {"rate": np.array(8_000)})
    assert feeds["rate"] == 8_000
    assert feeds["samples"].shape == (1, 2, 3)


def test_a_negative_size_is_refused() -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match="shape of x"):
        TensorSpec("x", "float32", (-1,))
