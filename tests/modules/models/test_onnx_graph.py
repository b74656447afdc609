"""The door to the `onnx` package: graphs are checked and put in order; without the package it says how to have it."""

import sys
from pathlib import Path
from typing import Any

import onnx
import pytest

from modules.errors import ModelError
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx_file import read_summary
from modules.models.onnx_graph import library, rewrite, with_opset
from tests.small_models import power_bands, write


def test_an_opset_is_raised(tmp_path: Path) -> None:
    """And the result is a valid graph."""
    source = power_bands(tmp_path / "m.onnx", frames=4, classes=2)
    rewrite(source, tmp_path / "n.onnx", lambda graph: with_opset(graph, 17))
    assert read_summary(tmp_path / "n.onnx").opsets == {"ai.onnx": 17}
    onnx.checker.check_model(str(tmp_path / "n.onnx"))


def test_nodes_are_put_into_the_order_in_which_they_run(tmp_path: Path) -> None:
    """As the format demands, those that branches wait for too."""
    nodes = [Node("Relu", ["b"], ["y"]), Node("Relu", ["a"], ["b"]), Node("Relu", ["x"], ["a"])]
    source = write(tmp_path / "m.onnx", model_bytes(nodes, [Port("x", [1])], [Port("y", [1])]))
    rewrite(source, tmp_path / "n.onnx", lambda graph: graph)
    graph = onnx.load(str(tmp_path / "n.onnx")).graph
    assert [node.output[0] for node in graph.node] == ["a", "b", "y"]


def test_a_result_that_is_no_valid_graph_is_refused(tmp_path: Path) -> None:
    """And not written."""
    source = power_bands(tmp_path / "m.onnx", frames=4, classes=2)

    def spoil(graph: Any) -> Any:  # noqa: ANN401 - the library's own type
        graph.graph.node[0].op_type = "Nonsense"
        return graph

    with pytest.raises(ModelError, match=r"m\.onnx cannot be rewritten: .*Nonsense"):
        rewrite(source, tmp_path / "n.onnx", spoil)
    assert not (tmp_path / "n.onnx").exists()


def test_without_the_package_it_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is optional."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"pip install 'onbeat\[models\]'"):
        library()
