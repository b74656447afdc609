"""What a model is to a stage: named arrays in, arrays out, whatever library runs it. `OnnxModel` is one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol

import numpy as np

from modules.errors import ModelError
from modules.models.run_records import ModelIdentity
from modules.models.tensors import Array, TensorSpec

Axes = tuple[int | str | None, ...]
"""A shape: a number where an axis is fixed, a name or nothing where it is free."""


class ArrayModel(Protocol):
    """A model that stages can run, from several threads at once."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What it takes; empty when it does not say."""
        ...

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """What it gives; empty when it does not say."""
        ...

    def run(self, feeds: Mapping[str, Array], /) -> list[Array]:
        """The outputs in order. Raises `ModelError`."""
        ...


class CallableModel:
    """Any Python callable as an `ArrayModel`: it is called with arrays in the order of its inputs, and gives arrays."""

    def __init__(
        self,
        name: str,
        call: Callable[..., Any],
        *,
        inputs: Sequence[TensorSpec] = (),
        outputs: Sequence[TensorSpec] = (),
        identity: ModelIdentity | None = None,
    ) -> None:
        """Call it `name` in errors; `inputs` and `outputs` where they are known. Its own `stop`, if any, is used.

        `identity` is that of a file behind it; without one there is no content of which it could have a digest.
        """
        self.name = name
        self.identity = identity or ModelIdentity(name, "", "python", "cpu")
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._call = call
        if stop := getattr(call, "stop", None):
            self.stop: Callable[[], None] = stop

    def __repr__(self) -> str:
        return f"<CallableModel {self.name}>"

    def run(self, feeds: Mapping[str, Array], /) -> list[Array]:
        """What the callable gives for the arrays. Raises `ModelError` when that is no array; its own errors pass."""
        names = [tensor.name for tensor in self.inputs] or list(feeds)
        given = self._call(*(feeds[name] for name in names))
        arrays = list(given) if isinstance(given, list | tuple) else [given]
        if not arrays or not all(isinstance(array, np.ndarray) for array in arrays):
            raise ModelError(f"{self.name} gave {type(given).__name__}; it owes an array, or a list of arrays")
        return arrays


def fixed_batch(model: ArrayModel, name: str | None = None) -> int | None:
    """The batch a model insists on, from the first axis of its input `name`, or its first; `None` when it takes any."""
    shape = next((tensor.shape for tensor in model.inputs if name in (tensor.name, None)), ())
    return shape[0] if shape and isinstance(shape[0], int) else None


@dataclass(frozen=True, slots=True)
class RowCalls:
    """How rows are run: fed to the input `name`, at most `max_rows` a call, and which outputs are wanted, by number.

    `beside` is fed to every call as it is.
    """

    name: str
    max_rows: int
    outputs: tuple[int, ...] = (0,)
    beside: Mapping[str, Array] = field(default_factory=dict)

    def run(self, model: ArrayModel, rows: Array) -> list[Array]:
        """The wanted outputs for any number of rows, at least one.

        A model whose batch axis is fixed gets as many rows a call as it wants, the last call filled up with zeros.
        Raises `ModelError` for an output that has not a row for each.
        """
        fixed = fixed_batch(model, self.name)
        step = fixed or self.max_rows
        found = [self._call(model, rows[start : start + step], fixed) for start in range(0, len(rows), step)]
        return [np.concatenate(outputs) for outputs in zip(*found, strict=True)] if len(found) > 1 else found[0]

    def _call(self, model: ArrayModel, rows: Array, fixed: int | None) -> list[Array]:
        filled = np.ascontiguousarray(rows)
        if fixed and fixed > len(rows):
            filled = np.concatenate([rows, np.zeros((fixed - len(rows), *rows.shape[1:]), rows.dtype)])
        outputs = model.run({self.name: filled, **self.beside})
        return [owed(model, outputs[number], len(filled))[: len(rows)] for number in self.outputs]


def owed(model: ArrayModel, output: Array, rows: int) -> Array:
    """The output, if it has a row for each of the `rows` fed. Raises `ModelError` when it has not."""
    if not output.ndim or len(output) != rows:
        raise ModelError(f"{model!r} gave an output of shape {output.shape} for {rows} rows; it owes a row for each")
    return output


def parts(rows: Array, counts: Sequence[int]) -> list[Array]:
    """The rows again as they were before they were put together: so many of the first, so many of the next."""
    if len(counts) == 1:
        return [rows]
    ends = accumulate(counts)
    return [rows[end - count : end] for count, end in zip(counts, ends, strict=True)]
