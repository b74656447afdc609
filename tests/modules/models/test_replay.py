"""Real calls are played to a model with what it remembers carried from call to call."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ModelError
from modules.models.onnx import OnnxModel
from modules.models.replay import MAX_CALLS, Replay, batch_axis, memory_outputs, stacked, windows
from modules.models.tensors import TensorSpec
from tests.small_models import power_bands, running_sum


def test_memory_starts_at_zero_and_is_carried(tmp_path: Path) -> None:
    """The sum of all samples so far; the memory is no output."""
    model = OnnxModel(running_sum(tmp_path / "sum.onnx", frames=2))
    rate = np.array(0, np.int64)
    replay = Replay([{"samples": np.full((1, 2), value, np.float32), "rate": rate} for value in (1, 2, 3)])
    played = replay.play(model)
    assert [[float(array[0, 0]) for array in call] for call in played.outputs] == [[2.0], [6.0], [12.0]]
    assert [float(call["state"][0, 0, 0]) for call in played.feeds] == [0.0, 2.0, 6.0]


def test_an_input_that_nothing_gives_back_is_named(tmp_path: Path) -> None:
    """Rather than be zero for ever."""
    model = OnnxModel(running_sum(tmp_path / "sum.onnx", frames=2))
    with pytest.raises(ModelError, match="input rate is not given, and no output"):
        Replay([{"samples": np.ones((1, 2), np.float32)}]).play(model)


def test_memories_of_one_shape_keep_their_order() -> None:
    """The first input comes from the first output, as models have them."""
    zero = np.zeros((1, 4), np.float32)
    assert memory_outputs({"h": zero, "c": zero}, [np.zeros((1, 9), np.float32), zero, zero], "m") == {"h": 1, "c": 2}
    with pytest.raises(ModelError, match="m: input c"):
        memory_outputs({"h": zero, "c": zero}, [zero], "m")


@pytest.mark.parametrize("calls", [[], [{"x": np.ones(1)}] * (MAX_CALLS + 1), [{"x": np.ones(1)}, {"y": np.ones(1)}]])
def test_calls_are_few_and_alike(calls: list[dict[str, np.ndarray]]) -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match="calls must"):
        Replay(calls)


@given(st.integers(0, 60), st.integers(1, 12), st.integers(0, 12))
def test_windows_are_all_that_are_whole(length: int, frames: int, hop: int) -> None:
    """In the model's shape and type, one after another."""
    samples = np.arange(length, dtype=np.float64)
    found = list(windows(TensorSpec("x", "float32", ("n", 1, None)), samples, frames=frames, hop=hop))
    starts = range(0, length - frames + 1, hop or frames)
    assert [window.shape for window in found] == [(1, 1, frames)] * len(starts)
    for start, window in zip(starts, found, strict=True):
        np.testing.assert_array_equal(window.ravel(), samples[start : start + frames])


@pytest.mark.parametrize("shape", [("n", 64, 96), ("n", None), ("n", 16)])
def test_a_model_that_takes_no_such_waveform_is_named(shape: tuple[int | str | None, ...]) -> None:
    """Bands, an unknown size, another size."""
    frames = 15 if shape[-1] is not None else 0
    with pytest.raises(ModelError, match="takes no waveform"):
        list(windows(TensorSpec("x", "float32", shape), np.zeros(100, np.float32), frames=frames))


def test_rows_of_calls_are_put_together_on_the_first_free_axis(tmp_path: Path) -> None:
    """A state's is its second; what is the same in all stays as it is."""
    model = OnnxModel(running_sum(tmp_path / "sum.onnx", frames=2))
    calls = [
        {"samples": np.full((1, 2), n, np.float32), "state": np.full((2, 1, 1), n, np.float32), "rate": np.array(0)}
        for n in (1, 2, 3)
    ]
    together = stacked(model.inputs, calls)
    assert {name: array.shape for name, array in together.items()} == {
        "samples": (3, 2),
        "state": (2, 3, 1),
        "rate": (),
    }
    np.testing.assert_array_equal(model.run(together)[0].ravel(), [3.0, 6.0, 9.0])


def test_rows_without_a_free_axis_cannot_be_put_together(tmp_path: Path) -> None:
    """Unless they are equal."""
    model = OnnxModel(power_bands(tmp_path / "m.onnx", frames=2, classes=2, batch=1))
    assert batch_axis(model.inputs[0]) is None
    with pytest.raises(ModelError, match="no free axis"):
        stacked(model.inputs, [{"samples": np.full((1, 2), n, np.float32)} for n in (1, 2)])
