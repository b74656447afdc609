"""ONNX files written byte by byte: the library runs them, and the checker of the `onnx` package finds no fault."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel


def every_attribute() -> bytes:
    """A graph with an attribute of each kind: an integer, a float, integers, a tensor."""
    nodes = [
        Node("Constant", [], ["two"], {"value": np.array([2.0], np.float32)}),
        Node("LeakyRelu", ["x"], ["bent"], {"alpha": 0.5}),
        Node("Mul", ["bent", "two"], ["twice"]),
        Node("Transpose", ["twice"], ["turned"], {"perm": [1, 0]}),
        Node("Softmax", ["turned"], ["y"], {"axis": 0}),
    ]
    return model_bytes(nodes, [Port("x", ["rows", 3])], [Port("y", [3, "rows"])])


def test_the_checker_finds_no_fault() -> None:
    """With shapes inferred too."""
    graph = onnx.load_model_from_string(every_attribute())
    onnx.checker.check_model(graph, full_check=True)


def test_it_computes_what_it_says(tmp_path: Path) -> None:
    """LeakyRelu, times two, turned, softmax over what was a row."""
    path = tmp_path / "m.onnx"
    path.write_bytes(every_attribute())
    x = np.array([[1, -2, 0], [0, 1, 2]], np.float32)
    (y,) = OnnxModel(path).run({"x": x})
    twice = np.where(x < 0, x / 2, x) * 2
    powers = np.exp(twice)
    np.testing.assert_allclose(y, (powers / powers.sum(1, keepdims=True)).T, rtol=1e-6)


def test_a_text_attribute_reaches_the_graph() -> None:
    """As the `onnx` package reads it."""
    content = model_bytes([Node("Pad", ["x"], ["y"], {"mode": "edge"})], [Port("x", [1])], [Port("y", [1])])
    (attribute,) = onnx.load_model_from_string(content).graph.node[0].attribute
    assert (attribute.name, attribute.s) == ("mode", b"edge")


def test_weights_keep_their_type_and_values() -> None:
    """Also those that do not lie in one piece."""
    weights: dict[str, NDArray[Any]] = {
        "w": np.arange(12, dtype=np.int64).reshape(3, 4)[:, ::2],
        "h": np.ones(2, np.float16),
    }
    graph = onnx.load_model_from_string(model_bytes([], [], [], weights))
    read = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    np.testing.assert_array_equal(read["w"], weights["w"])
    assert read["h"].dtype == np.float16


def test_an_unknown_element_is_refused() -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match="element must be one of"):
        Port("x", [1], "float8")
