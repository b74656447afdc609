"""The one door to the `onnx` package: graphs are read, changed, checked and written.

It is optional, `pip install 'onbeat[models]'`: running a model does not need it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

from modules.errors import ModelError

BATCH: Final = "batch"
"""The name of an axis that was freed."""


@dataclass(frozen=True, slots=True)
class FreedAxis:
    """What was changed: inputs and outputs whose first axis is free now, and shapes inside the graph."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reshapes: tuple[str, ...]


def library() -> Any:  # noqa: ANN401 - untyped library
    """The `onnx` package. Raises `ModelError` when it is not installed."""
    try:
        import onnx  # noqa: PLC0415 - optional
        import onnx.version_converter  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ModelError(f"{error}: to rewrite a model, pip install 'onbeat[models]'") from error
    return onnx


def rewrite(source: Path, target: Path, change: Callable[[Any], Any]) -> None:
    """Write what `change` makes of the graph at `source`. Raises `ModelError` when the result is no valid graph."""
    onnx = library()
    try:
        changed = change(onnx.load(str(source)))
        _sort(changed.graph)
        onnx.checker.check_model(changed)
        onnx.save(changed, str(target))
    except ModelError:
        raise
    except Exception as error:  # the library raises what its parsers and its checker do
        raise ModelError(f"{source.name} cannot be rewritten: {str(error).splitlines()[0]}") from error


def with_opset(graph: Any, version: int) -> Any:  # noqa: ANN401 - untyped library
    """The graph with operators of that version."""
    return library().version_converter.convert_version(graph, version)


def free_batch(source: Path, target: Path) -> FreedAxis:
    """Write the model with its first axis, which is fixed at 1, free in every input and output that has it.

    Where a shape inside the graph begins with that 1, it is freed too. Whether the result is still the same model is
    for its caller to prove. Raises `ModelError` when no axis is fixed at 1.
    """
    freed: list[FreedAxis] = []

    def change(graph: Any) -> Any:  # noqa: ANN401 - untyped library
        freed.append(_free(graph.graph, source.name))
        return graph

    rewrite(source, target, change)
    return freed[0]


def _sort(graph: Any) -> None:  # noqa: ANN401 - untyped library
    """Put the nodes into an order in which each comes after those whose outputs it takes, as the format demands."""
    made_by = {output: number for number, node in enumerate(graph.node) for output in node.output if output}
    after: dict[int, set[int]] = {
        number: {made_by[name] for name in _taken(node) if name in made_by} for number, node in enumerate(graph.node)
    }
    ordered = [graph.node[number] for number in TopologicalSorter(after).static_order()]
    sorted_nodes = [type(node).FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(sorted_nodes)


def _taken(node: Any) -> Iterator[str]:  # noqa: ANN401 - untyped library
    """The names a node takes, those taken by the graphs of its branches too."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _taken(inner)


def _free(graph: Any, name: str) -> FreedAxis:  # noqa: ANN401 - untyped library
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [port for port in graph.input if port.name not in weights and _is_fixed_at_one(port)]
    if not inputs:
        raise ModelError(f"{name} has no input whose first axis is fixed at 1: there is nothing to free")
    outputs = [port for port in graph.output if _is_fixed_at_one(port)]
    for port in (*inputs, *outputs):
        axis = port.type.tensor_type.shape.dim[0]
        axis.ClearField("dim_value")
        axis.dim_param = BATCH
    del graph.value_info[:]  # shapes inside that were written down for a batch of 1
    reshapes = _free_reshapes(graph)
    return FreedAxis(tuple(port.name for port in inputs), tuple(port.name for port in outputs), reshapes)


def _is_fixed_at_one(port: Any) -> bool:  # noqa: ANN401 - untyped library
    axes = port.type.tensor_type.shape.dim
    return len(axes) > 1 and axes[0].dim_value == 1


def _free_reshapes(graph: Any) -> tuple[str, ...]:  # noqa: ANN401 - untyped library
    """Constant shapes that begin with 1: the 1 becomes "the rest", or "as it was" where another axis is the rest."""
    onnx = library()
    shapes: Mapping[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
    freed = []
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in shapes:
            continue
        sizes = onnx.numpy_helper.to_array(shapes[node.input[1]]).copy()
        if sizes.size < 2 or sizes[0] != 1:  # noqa: PLR2004 - a row of all values has no batch axis
            continue
        sizes[0] = 0 if -1 in sizes else -1
        own = f"{node.input[1]} of {node.output[0]}, freed"
        graph.initializer.append(onnx.numpy_helper.from_array(sizes, own))
        node.input[1] = own
        freed.append(node.name or node.output[0])
    return tuple(freed)
