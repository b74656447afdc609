"""`Replay`: real calls of a model, in order, to be played to other models like it; what a model remembers is carried.

Inputs that a call does not name are memory: zeros at first, then what the model itself gave back. So a variant of a
model is judged with its own memory, whose errors add up as they would in use.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from modules.errors import ModelError
from modules.models.onnx import OnnxModel
from modules.models.tensors import Array, TensorSpec

Feeds = Mapping[str, Array]

MAX_CALLS: Final = 400


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What a model was fed in each call, memory included, and what it gave, memory left out."""

    feeds: list[dict[str, Array]]
    outputs: list[list[Array]]


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """The inputs of each call by name, at most `MAX_CALLS` calls, all with the same names and a batch of one row."""

    calls: Sequence[Feeds]

    def __post_init__(self) -> None:
        if not 1 <= len(self.calls) <= MAX_CALLS:
            raise ValueError(f"calls must be 1 to {MAX_CALLS}, got {len(self.calls)}")
        if any(call.keys() != self.calls[0].keys() for call in self.calls):
            raise ValueError("calls must all name the same inputs")

    def play(self, model: OnnxModel) -> Played:
        """Run every call. Raises `ModelError` as `run` does, and when an input is neither given nor given back."""
        feeds: list[dict[str, Array]] = []
        outputs: list[list[Array]] = []
        memory = {spec.name: _zeros(spec) for spec in model.inputs if spec.name not in self.calls[0]}
        source: dict[str, int] = {}
        for call in self.calls:
            feeds.append({**call, **memory})
            given = model.run(feeds[-1])
            source = source or memory_outputs(memory, given, model.path.name)
            memory = {name: given[number] for name, number in source.items()}
            outputs.append([array for number, array in enumerate(given) if number not in source.values()])
        return Played(feeds, outputs)


def memory_outputs(memory: Mapping[str, Array], outputs: Sequence[Array], name: str) -> dict[str, int]:
    """Which output each memory input comes from: the first one of its shape and type that is not taken yet."""
    source: dict[str, int] = {}
    for input_name, array in memory.items():
        fitting = (
            number
            for number, output in enumerate(outputs)
            if number not in source.values() and output.shape == array.shape and output.dtype == array.dtype
        )
        number = next(fitting, None)
        if number is None:
            raise ModelError(f"{name}: input {input_name} is not given, and no output of its shape gives it back")
        source[input_name] = number
    return source


def windows(spec: TensorSpec, samples: Array, *, frames: int = 0, hop: int = 0) -> Iterator[Array]:
    """Pieces of a waveform in the shape `spec` wants, a batch of one: `frames` samples every `hop`, all that are whole.

    `frames` of 0 is the model's own size, `hop` of 0 as many as `frames`. Raises `ModelError` when the model's input
    has no such size or is no row of samples.
    """
    own = spec.shape[-1] if spec.shape else None
    wanted = frames or (own if isinstance(own, int) else 0)
    is_row = all(size == 1 or not isinstance(size, int) for size in spec.shape[:-1])
    if wanted < 1 or not is_row or (isinstance(own, int) and own != wanted):
        raise ModelError(f"{spec} takes no waveform of {wanted or 'unknown'} samples: say how many, or give its calls")
    for start in range(0, len(samples) - wanted + 1, hop or wanted):
        yield samples[start : start + wanted].reshape([1] * (len(spec.shape) - 1) + [wanted]).astype(spec.element)


def batch_axis(spec: TensorSpec) -> int | None:
    """The axis along which rows of several calls are put together: the first free one, or `None`."""
    return next(iter(spec.free_axes), None)


def stacked(specs: Sequence[TensorSpec], calls: Sequence[Feeds]) -> dict[str, Array]:
    """One call with the rows of all `calls`. Inputs without a free axis must be equal in all; else `ModelError`."""
    together: dict[str, Array] = {}
    for spec in specs:
        axis = batch_axis(spec)
        arrays = [call[spec.name] for call in calls]
        if axis is not None:
            together[spec.name] = np.concatenate(arrays, axis=axis)
        elif any(not np.array_equal(array, arrays[0]) for array in arrays[1:]):
            raise ModelError(f"{spec} has no free axis to put the rows of several calls on")
        else:
            together[spec.name] = arrays[0]
    return together


def _zeros(spec: TensorSpec) -> Array:
    return np.zeros([size if isinstance(size, int) else 1 for size in spec.shape], spec.element)
