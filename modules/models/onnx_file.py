"""`ModelSummary`: what an ONNX file says of itself, read without loading it: operations, weights, versions.

Nothing here runs a graph. A file that is cut off or no ONNX file at all is told apart, which the library's own errors
leave to guessing.
"""

import mmap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from modules.errors import ModelError
from modules.models.graph_bytes import ELEMENT_NUMBERS
from modules.models.protobuf import Value, fields, integers, text

_ELEMENTS: Final = {number: name for name, number in ELEMENT_NUMBERS.items()} | {8: "str", 16: "bfloat16"}
_QUANTISED: Final = {
    "ConvInteger",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
}
_MAX_DEPTH: Final = 20
"""Graphs inside nodes inside graphs: more than this is no model anybody wrote."""


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What is in an ONNX file. `weight_bytes` is by element; `external` are the files beside it that hold weights."""

    size_bytes: int
    ir_version: int
    producer: str
    opsets: Mapping[str, int]
    operations: Mapping[str, int]
    weight_bytes: Mapping[str, int]
    external: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def nodes(self) -> int:
        """How many operations there are, inside branches too."""
        return sum(self.operations.values())

    @property
    def format(self) -> str:
        """`onnx-int8` where the graph computes with or unpacks 8-bit weights, `onnx-fp16`, else `onnx-fp32`."""
        if not _QUANTISED.isdisjoint(self.operations):
            return "onnx-int8"
        floats = {name: size for name, size in self.weight_bytes.items() if "float" in name}
        largest = max(floats, key=floats.__getitem__, default="float32")
        return "onnx-fp16" if largest in ("float16", "bfloat16") else "onnx-fp32"


@dataclass(slots=True)
class _Found:
    """What has been met so far."""

    operations: Counter[str] = field(default_factory=Counter)
    weight_bytes: Counter[str] = field(default_factory=Counter)
    external: set[str] = field(default_factory=set)


def read_summary(path: Path) -> ModelSummary:
    """What the file at `path` says of itself.

    Raises `ModelError` when it is missing, empty, cut off, or no ONNX file.
    """
    try:
        with path.open("rb") as stream:
            if stream.seek(0, 2) == 0:
                raise ModelError(f"{path} is empty")
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)  # unmapped with the last view of it
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    return _summary(path, memoryview(mapped))


def _summary(path: Path, whole: memoryview) -> ModelSummary:
    ir_version, producer, graphs = 0, "", 0
    opsets: dict[str, int] = {}
    notes: dict[str, str] = {}
    found = _Found()
    try:
        for number, value in fields(whole):
            match number:
                case 1:
                    ir_version = _number(value)
                case 2:
                    producer = text(value)
                case 7:
                    graphs += 1
                    _graph(_message(value), found, depth=0)
                case 8:
                    domain, version = _pair(value, 1, 2)
                    opsets[text(domain) or "ai.onnx"] = _number(version)
                case 14:
                    key, note = _pair(value, 1, 2)
                    notes[text(key)] = text(note)
    except ModelError as error:
        raise ModelError(f"{path} is no whole ONNX file (a download that broke off?): {error}") from error
    if graphs != 1 or not opsets:
        raise ModelError(f"{path} is no ONNX file: it holds {graphs} graphs and {len(opsets)} opset versions")
    size_bytes, external = len(whole), tuple(sorted(found.external))
    return ModelSummary(
        size_bytes, ir_version, producer, opsets, dict(found.operations), dict(found.weight_bytes), external, notes
    )


def _graph(graph: memoryview, found: _Found, *, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ModelError(f"graphs stand inside each other more than {_MAX_DEPTH} deep")
    for number, value in fields(graph):
        if number == 1:
            _node(_message(value), found, depth=depth)
        elif number == 5:  # noqa: PLR2004 - GraphProto.initializer
            _weight(_message(value), found)


def _node(node: memoryview, found: _Found, *, depth: int) -> None:
    for number, value in fields(node):
        if number == 4:  # noqa: PLR2004 - NodeProto.op_type
            found.operations[text(value)] += 1
        elif number == 5:  # noqa: PLR2004 - NodeProto.attribute
            for inner, content in fields(_message(value)):
                if inner in (6, 11):  # AttributeProto.g and .graphs
                    _graph(_message(content), found, depth=depth + 1)
                elif inner == 5:  # noqa: PLR2004 - AttributeProto.t
                    _weight(_message(content), found)


def _weight(tensor: memoryview, found: _Found) -> None:
    sizes: list[int] = []
    element = "?"
    for number, value in fields(tensor):
        match number:
            case 1:
                sizes += integers(value)
            case 2:
                element = _ELEMENTS.get(_number(value), str(value))
            case 13:
                key, place = _pair(value, 1, 2)
                if text(key) == "location":
                    found.external.add(text(place))
    count = 1
    for size in sizes:
        count *= max(0, size)
    found.weight_bytes[element] += count * _bytes_each(element)


def _bytes_each(element: str) -> int:
    if element == "bfloat16":
        return 2
    return np.dtype(element).itemsize if element in ELEMENT_NUMBERS else 0


def _pair(value: Value, first: int, second: int) -> tuple[Value, Value]:
    """Two fields of a small message, empty where they are missing."""
    have: dict[int, Value] = dict(_fields_of(value))
    return have.get(first, memoryview(b"")), have.get(second, memoryview(b""))


def _fields_of(value: Value) -> Iterator[tuple[int, Value]]:
    return fields(_message(value))


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ModelError("a number stands where a message should")
    return value


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0
