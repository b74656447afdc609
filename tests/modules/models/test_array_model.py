"""Rows reach a model in calls that it takes, whatever its batch axis, and callables are models."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ModelError
from modules.models.array_model import CallableModel, RowCalls, fixed_batch
from modules.models.onnx import OnnxModel
from modules.models.tensors import Array, TensorSpec
from tests.small_models import power_bands

ROWS = np.random.default_rng(3).standard_normal((11, 8)).astype(np.float32)


class Doubling:
    """Twice the rows, and how many rows each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, rows: Array) -> Array:
        self.calls.append(len(rows))
        return 2 * rows


def doubling(batch: int | str | None) -> tuple[CallableModel, Doubling]:
    """It as a model with that batch axis."""
    double = Doubling()
    model = CallableModel("double", double, inputs=[TensorSpec("rows", "float32", (batch, 8))])
    return model, double


@given(st.integers(1, 40), st.integers(1, 9), st.none() | st.integers(1, 5))
def test_every_row_is_run_once_and_comes_back_in_its_place(rows: int, most: int, batch: int | None) -> None:
    """In calls of at most so many, or of exactly as many as the model insists on."""
    model, double = doubling(batch)
    given_rows = np.arange(rows * 8, dtype=np.float32).reshape(rows, 8)
    (found,) = RowCalls("rows", most).run(model, given_rows)
    np.testing.assert_array_equal(found, 2 * given_rows)
    if batch is None:
        assert max(double.calls) <= most
        assert sum(double.calls) == rows
    else:
        assert set(double.calls) == {batch}


def test_batched_equals_single_within_a_hundred_thousandth(tmp_path: Path) -> None:
    """On a generated graph, with a free batch axis and with one fixed at 1."""
    free = OnnxModel(power_bands(tmp_path / "free.onnx", frames=8, classes=5))
    fixed = OnnxModel(power_bands(tmp_path / "fixed.onnx", frames=8, classes=5, batch=1))
    assert (fixed_batch(free), fixed_batch(fixed)) == (None, 1)
    calls = RowCalls("samples", 64)
    (together,), (one_by_one,) = calls.run(free, ROWS), calls.run(fixed, ROWS)
    np.testing.assert_allclose(together, one_by_one, atol=1e-5)
    np.testing.assert_allclose(
        together, np.concatenate([calls.run(free, row[np.newaxis])[0] for row in ROWS]), atol=1e-5
    )


def test_an_output_without_a_row_for_each_is_an_error() -> None:
    """A model whose answers could be given to the wrong streams is not used."""
    mean = CallableModel("mean", lambda rows: rows.mean(axis=0))
    with pytest.raises(ModelError, match=r"shape \(8,\) for 11 rows"):
        RowCalls("rows", 64).run(mean, ROWS)


def test_a_callable_gets_arrays_in_the_order_of_its_inputs() -> None:
    """Whatever the order in which they are fed."""
    inputs = [TensorSpec("a", "float32"), TensorSpec("b", "float32")]
    model = CallableModel("minus", lambda a, b: [a - b], inputs=inputs)
    (found,) = model.run({"b": np.ones(3), "a": np.full(3, 5.0)})
    np.testing.assert_array_equal(found, np.full(3, 4.0))


def test_a_callable_that_gives_no_array_is_an_error() -> None:
    """It is named, with what it gave."""
    with pytest.raises(ModelError, match="nothing gave NoneType"):
        CallableModel("nothing", lambda _: None).run({"x": ROWS})
