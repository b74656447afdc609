"""What calls cost by their rows, and where the knee is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.knee import KNEE_SHARE
from modules.models.model_bench import RowsCost, bench_feeds, can_batch, cost_of, costs, costs_of, knee
from modules.models.onnx import OnnxModel
from modules.models.tensors import TensorSpec
from tests.small_models import power_bands, running_sum


def test_costs_are_measured_for_every_batch_size(tmp_path: Path) -> None:
    """On the clock and in CPU time."""
    model = OnnxModel(power_bands(tmp_path / "m.onnx", frames=8, classes=2))
    found = costs(model, [1, 4], {}, {}, seconds=0.01)
    assert [cost.rows for cost in found] == [1, 4]
    assert all(cost.call_ms > 0 < cost.rows_per_s and cost.first_ms > 0 <= cost.cpu_ms_a_row for cost in found)


def test_the_first_call_stands_apart() -> None:
    """And at least five others are made."""
    calls: list[int] = []
    cost_of(calls.append, {}, rows=1, seconds=0)  # type: ignore[arg-type]
    assert len(calls) == 6


def test_batch_sizes_are_measured_in_turn() -> None:
    """None of them has all the time in which the machine was slow."""
    order: list[int] = []
    found = costs_of(
        lambda feeds: order.append(len(feeds["x"])), {1: {"x": np.zeros(1)}, 4: {"x": np.zeros(4)}}, seconds=0
    )
    assert [cost.rows for cost in found] == [1, 4]
    assert order == [1, 1, 4, 4, *[1, 4] * 4]


@given(st.lists(st.tuples(st.integers(1, 64), st.floats(0.1, 100)), min_size=1, max_size=8, unique_by=lambda p: p[0]))
def test_the_knee_is_the_smallest_batch_near_the_best(pairs: list[tuple[int, float]]) -> None:
    """Within 3 % of it."""
    measured = [RowsCost(rows, 1.0, call_ms, 1.0) for rows, call_ms in pairs]
    best = max(cost.rows_per_s for cost in measured)
    found = knee(measured)
    assert found.rows_per_s >= KNEE_SHARE * best
    assert all(cost.rows_per_s < KNEE_SHARE * best for cost in measured if cost.rows < found.rows)


def test_the_batch_is_the_first_free_axis(tmp_path: Path) -> None:
    """By name or by place; other sizes are given."""
    model = OnnxModel(running_sum(tmp_path / "m.onnx", frames=4))
    feeds = bench_feeds(model.inputs, 3, {}, {"rate": np.array(0)})
    assert (feeds["samples"].shape, feeds["state"].shape) == ((3, 4), (2, 3, 1))
    nameless = TensorSpec("x", "float32", (None, None))
    assert bench_feeds([nameless], 2, {"x.1": 7}, {})["x"].shape == (2, 7)
    with pytest.raises(ValueError, match=r"for 'x\.1'"):
        bench_feeds([nameless], 2, {}, {})


def test_a_model_without_a_free_axis_cannot_batch() -> None:
    """Whatever else is free."""
    assert not can_batch([TensorSpec("x", "float32", (1, 4))])
    assert can_batch([TensorSpec("x", "float32", (1, 4)), TensorSpec("s", "float32", (2, "n"))])


def test_a_cost_is_valid_on_birth() -> None:
    """A record is."""
    with pytest.raises(ValueError, match="call_ms above 0"):
        RowsCost(1, 1.0, 0.0, 0.0)
