"""A batch axis that is fixed at 1 is freed, and the freed model is the same model, or there is none."""

import json
from pathlib import Path

import numpy as np
import pytest

from modules.errors import ModelError, OutputError
from modules.models.free_axis import TOLERANCE, free_and_prove
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel
from modules.models.replay import Replay
from tests.small_models import power_bands, running_sum, write


def one(folder: Path, nodes: list[Node], weights: dict[str, np.ndarray], *, out: tuple[int, ...] = (1, 4)) -> Path:
    """A model of one row of four."""
    content = model_bytes(nodes, [Port("x", [1, 4])], [Port("y", list(out))], weights)
    return write(folder / "one.onnx", content)


def test_rows_together_give_what_each_gives_alone(tmp_path: Path) -> None:
    """The proof is in the report, and the model can be run."""
    report = free_and_prove(power_bands(tmp_path / "m.onnx", frames=8, classes=2, batch=1), tmp_path / "out")
    assert report.largest_difference <= TOLERANCE
    assert (report.freed.inputs, report.freed.outputs, report.proof_rows) == (("samples",), ("scores",), (2, 3, 7))
    model = OnnxModel(tmp_path / "out" / report.file)
    assert model.inputs[0].shape == ("batch", 8)
    assert model.run({"samples": np.ones((5, 8), np.float32)})[0].shape == (5, 2)
    known = json.loads((tmp_path / "out" / "m.batch.json").read_text())
    assert known["largest_difference"] == report.largest_difference
    assert known["gain"] == report.gain > 0


def test_a_shape_inside_the_graph_is_freed_too(tmp_path: Path) -> None:
    """Where it begins with the 1: as the rest, or as it was when another axis is the rest."""
    nodes = [
        Node("Reshape", ["x", "square"], ["s"]),
        Node("Relu", ["s"], ["r"]),
        Node("Reshape", ["r", "row"], ["y"]),
    ]
    shapes = {"square": np.array([1, 2, 2], np.int64), "row": np.array([1, -1], np.int64)}
    report = free_and_prove(one(tmp_path, nodes, shapes), tmp_path)
    assert len(report.freed.reshapes) == 2


def test_rows_that_are_mixed_are_noticed(tmp_path: Path) -> None:
    """A mean over the axis that was freed."""
    nodes = [Node("ReduceMean", ["x"], ["m"], {"axes": [0], "keepdims": 1}), Node("Sub", ["x", "m"], ["y"])]
    path = one(tmp_path, nodes, {})
    with pytest.raises(ModelError, match=r"with 2 rows in a call they differ from rows alone by"):
        free_and_prove(path, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["one.onnx"]


def test_a_graph_that_needs_one_row_is_noticed(tmp_path: Path) -> None:
    """A shape that begins with something else."""
    nodes = [Node("Reshape", ["x", "shape"], ["y"])]
    with pytest.raises(ModelError, match="its batch axis cannot be freed"):
        free_and_prove(one(tmp_path, nodes, {"shape": np.array([2, 2], np.int64)}, out=(2, 2)), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["one.onnx"]


def test_nothing_to_free_is_said(tmp_path: Path) -> None:
    """The model is free already, or the axis is second."""
    with pytest.raises(ModelError, match="nothing to free"):
        free_and_prove(running_sum(tmp_path / "m.onnx", frames=2), tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """As an error of output."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written into"):
        free_and_prove(power_bands(tmp_path / "m.onnx", frames=8, classes=2, batch=1), tmp_path / "file" / "out")


@pytest.mark.parametrize(("name", "signal"), [("dtln_1", "input_2"), ("dtln_2", "input_4")])
def test_dtln_is_freed_and_streams_keep_their_own_memory(tmp_path: Path, shared: Path, name: str, signal: str) -> None:
    """Three streams of ten frames, together and each alone, memory carried by each."""
    path = shared / "models" / "onnx" / f"{name}.onnx"
    report = free_and_prove(path, tmp_path)
    assert report.largest_difference <= TOLERANCE
    original, freed = OnnxModel(path), OnnxModel(tmp_path / report.file)
    frames = np.abs(np.random.default_rng(1).standard_normal((10, 3, 1, original.inputs[0].shape[-1]))) * 0.1  # type: ignore[arg-type]
    memory = np.zeros((3, 2, 128, 2), np.float32)
    together = []
    for frame in frames.astype(np.float32):
        heard, memory = freed.run({signal: frame, freed.inputs[1].name: memory})
        together.append(heard)
    for stream in range(3):
        calls = [{signal: frame[stream : stream + 1]} for frame in frames.astype(np.float32)]
        played = Replay(calls).play(original)
        for step, (heard,) in enumerate(played.outputs):
            np.testing.assert_allclose(together[step][stream : stream + 1], heard, atol=1e-5)
