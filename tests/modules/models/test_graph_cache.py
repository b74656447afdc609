"""Rewritten graphs on disk: the same answers, found by content, and never used when they are not what was written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from modules.errors import ModelError
from modules.models.graph_cache import GraphKey, keep, kept
from modules.models.onnx import OnnxModel, OnnxOptions
from modules.models.onnx_options import GraphLevel
from tests.small_models import power_bands

KEY = GraphKey("digest", "1.0", "all", "CPU", "machine")


def test_a_second_load_is_from_the_cache_and_answers_the_same(tmp_path: Path) -> None:
    """To the bit."""
    path, options = power_bands(tmp_path / "m.onnx", frames=8, classes=2), OnnxOptions(graph_cache=tmp_path / "g")
    first, second, plain = OnnxModel(path, options), OnnxModel(path, options), OnnxModel(path)
    assert (first.from_graph_cache, second.from_graph_cache) == (False, True)
    feeds = {"samples": np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)}
    for model in (first, second):
        np.testing.assert_array_equal(model.run(feeds)[0], plain.run(feeds)[0])
    assert second.identity == plain.identity


def test_real_models_answer_the_same(tmp_path: Path, shared: Path) -> None:
    """Quantised weights and branches too."""
    for name, shape in (("moonshine_spelling_cnn_mel", (2, 1, 64, 128)), ("yamnet_patches", (2, 96, 64))):
        path, options = shared / "models" / "onnx" / f"{name}.onnx", OnnxOptions(graph_cache=tmp_path)
        feeds = {"log_mel": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
        expected = OnnxModel(path).run(feeds)
        OnnxModel(path, options)
        for array, wanted in zip(OnnxModel(path, options).run(feeds), expected, strict=True):
            np.testing.assert_array_equal(array, wanted)


def test_another_model_or_level_is_another_graph(tmp_path: Path) -> None:
    """Found by content, not by name."""
    options = OnnxOptions(graph_cache=tmp_path / "g")
    path = power_bands(tmp_path / "m.onnx", frames=8, classes=2)
    OnnxModel(path, options)
    assert not OnnxModel(path, replace(options, graph_level=GraphLevel.BASIC)).from_graph_cache
    power_bands(path, frames=8, classes=3)
    model = OnnxModel(path, options)
    assert not model.from_graph_cache
    assert model.run({"samples": np.ones((1, 8), np.float32)})[0].shape == (1, 3)


def test_a_damaged_graph_is_made_anew(tmp_path: Path) -> None:
    """A changed byte, or a file that is cut off."""
    path, options = power_bands(tmp_path / "m.onnx", frames=8, classes=2), OnnxOptions(graph_cache=tmp_path / "g")
    OnnxModel(path, options)
    (graph,) = (tmp_path / "g").glob("*.onnx")
    for damaged in (graph.read_bytes()[:-1], b"", graph.read_bytes()[:-1] + b"\x00"):
        graph.write_bytes(damaged)
        assert not OnnxModel(path, options).from_graph_cache
        assert OnnxModel(path, options).from_graph_cache


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    """The error is the writer's."""

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise ModelError("no")

    with pytest.raises(ModelError, match="no"):
        keep(tmp_path, KEY, fail)
    assert list(tmp_path.iterdir()) == []
    assert kept(tmp_path, KEY) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """As a ModelError."""
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be kept in"):
        keep(tmp_path / "file" / "folder", KEY, lambda path: path.touch())


def test_weights_in_other_files_are_not_rewritten(tmp_path: Path) -> None:
    """It is said, rather than done by halves."""
    graph = onnx.load(str(power_bands(tmp_path / "m.onnx", frames=8, classes=2)))
    onnx.save(graph, str(tmp_path / "e.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    assert OnnxModel(tmp_path / "e.onnx").run({"samples": np.ones((1, 8), np.float32)})[0].shape == (1, 2)
    with pytest.raises(ModelError, match="weights in other files"):
        OnnxModel(tmp_path / "e.onnx", OnnxOptions(graph_cache=tmp_path / "g"))


def test_every_part_of_the_key_counts() -> None:
    """Model, library, level, provider and machine."""
    changed = [replace(KEY, **{name: "x"}) for name in GraphKey.__dataclass_fields__]
    assert len({key.file_name for key in [KEY, *changed]}) == 6
