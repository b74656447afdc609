"""Variants are made with the library's tools, without their chatter, or it is said why not."""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from modules.errors import ModelError
from modules.models.onnx_file import read_summary
from modules.models.quantise import make_variant
from modules.models.verdict import Kind
from tests.small_models import matmul, running_sum

CALLS = [{"x": np.random.default_rng(n).standard_normal((1, 2, 64)).astype(np.float32)} for n in range(3)]


@pytest.mark.parametrize(
    ("kind", "operation", "form"),
    [
        (Kind.INT8_DYNAMIC, "DynamicQuantizeLinear", "onnx-int8"),
        (Kind.INT8_STATIC, "QuantizeLinear", "onnx-int8"),
        (Kind.FP16, "Cast", "onnx-fp16"),
    ],
)
def test_each_kind_is_made(
    tmp_path: Path, kind: Kind, operation: str, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """And nothing is printed."""
    make_variant(kind, matmul(tmp_path / "m.onnx", "x", "y", sizes=(64, 32)), tmp_path / "v.onnx", CALLS)
    summary = read_summary(tmp_path / "v.onnx")
    assert summary.operations[operation] > 0
    assert summary.format == form
    assert capfd.readouterr() == ("", "")
    assert not logging.root.manager.disable


def test_nothing_to_change_is_said(tmp_path: Path) -> None:
    """A model without products has nothing to gain."""
    calls = [{"samples": np.ones((1, 4), np.float32), "state": np.zeros((2, 1, 1), np.float32), "rate": np.array(0)}]
    with pytest.raises(ModelError, match=r"nothing in sum\.onnx can be changed to int8-dynamic"):
        make_variant(Kind.INT8_DYNAMIC, running_sum(tmp_path / "sum.onnx", frames=4), tmp_path / "v.onnx", calls)


def test_without_the_onnx_package_it_says_how_to_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is optional."""
    path = matmul(tmp_path / "m.onnx", "x", "y", sizes=(64, 32))
    for name in [name for name in sys.modules if name.startswith("onnxruntime.quantization")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"pip install 'onbeat\[models\]'"):
        make_variant(Kind.INT8_DYNAMIC, path, tmp_path / "v.onnx", CALLS)
