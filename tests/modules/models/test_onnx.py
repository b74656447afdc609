"""The ONNX Runtime door."""

from pathlib import Path

import numpy as np
import pytest

from modules.errors import ModelError
from modules.models.onnx import OnnxModel, OnnxOptions, providers
from modules.stages.vad_silero import packaged_model


def test_a_model_tells_the_names_of_its_inputs_and_outputs() -> None:
    """The packaged detector has three inputs and two outputs."""
    model = OnnxModel(packaged_model())
    assert set(model.inputs) == {"input", "state", "sr"}
    assert len(model.outputs) == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says where nothing was."""
    with pytest.raises(ModelError, match=r"no ONNX model at .*absent\.onnx"):
        OnnxModel(tmp_path / "absent.onnx")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """What the library raises becomes a ModelError with its cause."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"this is no graph")
    with pytest.raises(ModelError, match=r"broken\.onnx cannot be loaded") as caught:
        OnnxModel(path)
    assert caught.value.__cause__ is not None


def test_wrong_inputs_are_a_model_error() -> None:
    """The graph's own words are in the text."""
    model = OnnxModel(packaged_model())
    with pytest.raises(ModelError, match="failed while running"):
        model.run({"input": np.zeros((1, 576), np.float64)})


def test_no_threads_are_not_allowed() -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match="intra_op_threads"):
        OnnxOptions(intra_op_threads=0)


def test_the_cpu_is_always_among_the_providers() -> None:
    """Whatever else this installation has."""
    assert "CPUExecutionProvider" in providers()
