"""ONNX files written byte by byte: the tiny graphs that devices and settings are tried on, and those of tests.

The `onnx` package is not needed for it, so a trial works wherever ONNX Runtime does. Field numbers are those of
`onnx.proto` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modules.models.protobuf import bytes_field, float_field, message_of, number_field

OPSET: Final = 13
_IR_VERSION: Final = 8

ELEMENT_NUMBERS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "float32": 1,
        "uint8": 2,
        "int8": 3,
        "uint16": 4,
        "int16": 5,
        "int32": 6,
        "int64": 7,
        "bool": 9,
        "float16": 10,
        "float64": 11,
        "uint32": 12,
        "uint64": 13,
    }
)
"""NumPy's name of an element -> the number ONNX gives it (`TensorProto.DataType`)."""

Attribute = int | float | str | Sequence[int] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its inputs and outputs by name, "" for an optional one left out."""

    op: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the graph; an axis that is a text is free."""

    name: str
    shape: Sequence[int | str]
    element: str = "float32"

    def __post_init__(self) -> None:
        if self.element not in ELEMENT_NUMBERS:
            raise ValueError(f"element must be one of {', '.join(ELEMENT_NUMBERS)}, got {self.element!r}")


def model_bytes(
    nodes: Sequence[Node],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    weights: Mapping[str, NDArray[Any]] | None = None,
    *,
    opset: int = OPSET,
) -> bytes:
    """An ONNX file with this graph; nodes stand in the order in which they run."""
    graph = message_of(
        [
            *(bytes_field(1, _node(node)) for node in nodes),
            bytes_field(2, "onbeat"),
            *(bytes_field(5, _tensor(name, array)) for name, array in (weights or {}).items()),
            *(bytes_field(11, _port(port)) for port in inputs),
            *(bytes_field(12, _port(port)) for port in outputs),
        ]
    )
    opsets = bytes_field(1, "") + number_field(2, opset)
    return number_field(1, _IR_VERSION) + bytes_field(2, "onbeat") + bytes_field(7, graph) + bytes_field(8, opsets)


def _node(node: Node) -> bytes:
    return message_of(
        [
            *(bytes_field(1, name) for name in node.inputs),
            *(bytes_field(2, name) for name in node.outputs),
            bytes_field(4, node.op),
            *(bytes_field(5, _attribute(name, value)) for name, value in node.attributes.items()),
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    """`AttributeProto`: f = 2 (type 1), i = 3 (2), s = 4 (3), t = 5 (4), ints = 8 (7)."""
    begin = bytes_field(1, name)
    if isinstance(value, np.ndarray):
        return begin + bytes_field(5, _tensor("", value)) + number_field(20, 4)
    if isinstance(value, str):
        return begin + bytes_field(4, value) + number_field(20, 3)
    if isinstance(value, int):
        return begin + number_field(3, value) + number_field(20, 2)
    if isinstance(value, float):
        return begin + float_field(2, value) + number_field(20, 1)
    return begin + message_of(number_field(8, int(one)) for one in value) + number_field(20, 7)


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return message_of(
        [
            *(number_field(1, size) for size in array.shape),
            number_field(2, ELEMENT_NUMBERS[str(array.dtype)]),
            bytes_field(8, name),
            bytes_field(9, little.tobytes()),
        ]
    )


def _port(port: Port) -> bytes:
    sizes = (bytes_field(2, size) if isinstance(size, str) else number_field(1, size) for size in port.shape)
    shape = message_of(bytes_field(1, size) for size in sizes)
    tensor = number_field(1, ELEMENT_NUMBERS[port.element]) + bytes_field(2, shape)
    return bytes_field(1, port.name) + bytes_field(2, bytes_field(1, tensor))
