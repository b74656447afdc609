"""What an ONNX file says of itself, read without the library; what is no whole one is told apart."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ModelError
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx_file import ModelSummary, read_summary

SMALL = model_bytes(
    [Node("MatMul", ["x", "w"], ["p"]), Node("Relu", ["p"], ["y"])],
    [Port("x", ["n", 4])],
    [Port("y", ["n", 2])],
    {"w": np.ones((4, 2), np.float32)},
)


def summary_of(content: bytes) -> ModelSummary:
    """What a file of that content says of itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.onnx"
        path.write_bytes(content)
        return read_summary(path)


def test_operations_weights_and_versions_are_read() -> None:
    """Sizes are those in memory."""
    summary = summary_of(SMALL)
    assert summary.operations == {"MatMul": 1, "Relu": 1}
    assert summary.weight_bytes == {"float32": 32}
    assert summary.opsets == {"ai.onnx": 13}
    assert (summary.nodes, summary.size_bytes, summary.format) == (2, len(SMALL), "onnx-fp32")


def test_the_format_is_that_of_the_weights_and_operations() -> None:
    """16 bits where most of the floats are; 8 bits where anything computes with them."""
    half = model_bytes([], [], [], {"w": np.ones(4, np.float16), "b": np.ones(1, np.float32)})
    int8 = model_bytes([Node("MatMulInteger", ["x", "w"], ["y"])], [], [], {"w": np.ones(4, np.int8)})
    assert summary_of(half).format == "onnx-fp16"
    assert summary_of(int8).format == "onnx-int8"


def test_it_reads_what_the_onnx_package_reads(shared: Path) -> None:
    """Operations inside branches are counted, and weights in constants."""
    for file in sorted((shared / "models" / "onnx").glob("*.onnx")):
        graph = onnx.load(str(file))
        summary = read_summary(file)
        assert summary.opsets == {entry.domain or "ai.onnx": entry.version for entry in graph.opset_import}
        assert summary.operations["Conv" if "Conv" in summary.operations else "LSTM"] > 0
        assert summary.nodes == nodes_of(graph.graph), file
        assert summary.producer == graph.producer_name


def nodes_of(graph: onnx.GraphProto) -> int:
    """Operations of a graph, those in its branches too."""
    inner = (attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g"))
    return len(graph.node) + sum(map(nodes_of, inner))


@given(st.integers(1, len(SMALL) - 1))
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    """At every byte: either it is no whole message or the graph or the versions are missing."""
    with pytest.raises(ModelError, match=r"no (whole )?ONNX file"):
        summary_of(SMALL[:length])


@given(st.binary(max_size=400))
def test_garbage_is_refused(content: bytes) -> None:
    """With one kind of error."""
    with pytest.raises(ModelError):
        summary_of(content)


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(position: int, value: int) -> None:
    """Never anything else, such as an endless loop."""
    changed = bytearray(SMALL)
    changed[position] = value
    try:
        assert summary_of(bytes(changed)).nodes >= 0
    except ModelError as error:
        assert "ONNX file" in str(error)  # noqa: PT017 - either way is right


def test_missing_and_empty_files_are_named(tmp_path: Path) -> None:
    """With what is wrong."""
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelError, match=r"empty\.onnx is empty"):
        read_summary(tmp_path / "empty.onnx")
    with pytest.raises(ModelError, match=r"absent\.onnx cannot be read"):
        read_summary(tmp_path / "absent.onnx")


def test_weights_in_other_files_are_named(tmp_path: Path) -> None:
    """As the `onnx` package writes them."""
    graph = onnx.load_model_from_string(SMALL)
    onnx.save(graph, str(tmp_path / "m.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    summary = read_summary(tmp_path / "m.onnx")
    assert summary.external == ("w.bin",)
    assert summary.weight_bytes == {"float32": 32}
