"""Variants of a model, made with ONNX Runtime's own tools: 8-bit weights, 8-bit throughout, 16-bit floats.

What they are worth is measured elsewhere (`optimizer.py`). Signed weights: unsigned ones gained only 1.5 times where
signed ones gained 2.5 (FINDINGS).
"""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from modules.errors import ModelError
from modules.models import onnx_graph
from modules.models.onnx import halving, quantisation
from modules.models.onnx_file import read_summary
from modules.models.replay import Feeds
from modules.models.verdict import Kind

_LEAST_OPSET: Final = 13
"""Scales of their own for each channel came with this version of the operators."""


def make_variant(kind: Kind, source: Path, target: Path, calls: Sequence[Feeds]) -> None:
    """Write the variant of the model at `source`; `calls` are real ones, from which ranges are learned.

    Raises `ModelError` when it cannot be made, or when nothing in the model could be changed.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet():
        try:
            prepared = _prepared(source, Path(folder))
            _MAKERS[kind](prepared, target, calls)
        except ModelError:
            raise
        except Exception as error:  # the tools raise whatever their own code runs into
            raise ModelError(f"{kind} cannot be made of {source.name}: {_first_line(error)}") from error
        before, after = read_summary(prepared), read_summary(target)
    if after.weight_bytes == before.weight_bytes and after.operations == before.operations:
        raise ModelError(f"nothing in {source.name} can be changed to {kind}")


def _dynamic(source: Path, target: Path, _: Sequence[Feeds]) -> None:
    """8-bit weights; ranges of what flows are taken anew in every call."""
    tools = quantisation()
    tools.quantize_dynamic(source, target, weight_type=tools.QuantType.QInt8)


def _static(source: Path, target: Path, calls: Sequence[Feeds]) -> None:
    """8-bit weights with a scale a channel, and ranges of what flows learned from `calls`."""
    tools = quantisation()
    tools.quantize_static(
        source,
        target,
        _Reader(calls),
        quant_format=tools.QuantFormat.QDQ,
        activation_type=tools.QuantType.QUInt8,
        weight_type=tools.QuantType.QInt8,
        per_channel=True,
    )


def _half(source: Path, target: Path, _: Sequence[Feeds]) -> None:
    """16-bit floats inside; inputs and outputs stay as they are."""
    onnx_graph.rewrite(source, target, lambda graph: halving().convert_float_to_float16(graph, keep_io_types=True))


_MAKERS: Final = {Kind.INT8_DYNAMIC: _dynamic, Kind.INT8_STATIC: _static, Kind.FP16: _half}


class _Reader:
    """Calls in the form in which the library takes them: one by one, then `None`."""

    def __init__(self, calls: Sequence[Feeds]) -> None:
        self._calls = calls
        self._left = iter(calls)

    def get_next(self) -> Mapping[str, Any] | None:
        """The next call."""
        return next(self._left, None)

    def rewind(self) -> None:
        """From the first again."""
        self._left = iter(self._calls)


def _prepared(source: Path, folder: Path) -> Path:
    """The model as the tools want it: of a recent version of the operators, shapes known, simple things computed."""
    raised, prepared = folder / "raised.onnx", folder / "prepared.onnx"
    version = read_summary(source).opsets.get("ai.onnx", _LEAST_OPSET)
    if version < _LEAST_OPSET:
        onnx_graph.rewrite(source, raised, lambda graph: onnx_graph.with_opset(graph, _LEAST_OPSET))
    else:
        raised = source
    quantisation().shape_inference.quant_pre_process(str(raised), str(prepared), skip_symbolic_shape=True)
    return prepared


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The tools give advice by the root logger and by warnings, none of which is for our users."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
