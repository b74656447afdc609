"""Real calls of a model: made of the user's recordings for models that take a waveform, or read as they were saved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.audio.decode import open_audio
from modules.audio.downmix import Downmix
from modules.audio.resample import Resampler
from modules.errors import ModelError
from modules.models.replay import MAX_CALLS, Replay, windows
from modules.models.tensors import Array, TensorSpec

_BLOCK_S = 5.0


@dataclass(frozen=True, slots=True)
class CallRecipe:
    """How recordings become calls: at `sample_rate` Hz, in windows of `frames` every `hop`, into the input named.

    Zeros and `None` leave it to the model: its own window, no overlap, its first input of floats. `given` are inputs
    that are the same in every call.
    """

    sample_rate: int = 16_000
    input: str | None = None
    frames: int = 0
    hop: int = 0
    given: Mapping[str, Array] = field(default_factory=dict)
    max_calls: int = MAX_CALLS

    def __post_init__(self) -> None:
        if self.sample_rate < 1 or self.frames < 0 or self.hop < 0:
            raise ValueError(f"sample_rate must be at least 1, frames and hop 0 or more, got {self}")
        if not 1 <= self.max_calls <= MAX_CALLS:
            raise ValueError(f"max_calls must be 1 to {MAX_CALLS}, got {self.max_calls}")


def calls_of_recordings(specs: Sequence[TensorSpec], paths: Sequence[Path], recipe: CallRecipe) -> Replay:
    """The calls for windows of these recordings, one after another, as many of each as there is room for.

    Raises `ModelError` for a model that takes no waveform, an unknown input or recordings shorter than a window, and
    `DecodeError`.
    """
    spec = _waveform_input(specs, recipe)
    share = max(1, recipe.max_calls // len(paths))
    calls: list[dict[str, Array]] = []
    for path in paths:
        pieces = windows(spec, _samples(path, recipe.sample_rate), frames=recipe.frames, hop=recipe.hop)
        calls += [{spec.name: piece, **recipe.given} for piece in islice(pieces, share)]
    if not calls:
        raise ModelError(f"no recording is as long as a window of {spec}")
    return Replay(calls[: recipe.max_calls])


def calls_of_file(specs: Sequence[TensorSpec], path: Path) -> Replay:
    """The calls saved in an `.npz`: an array an input, whose first axis counts the calls; one without axes is constant.

    Raises `ModelError` for a file that is none, or whose arrays do not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as saved:
            arrays: dict[str, Array] = {name: saved[name] for name in saved.files}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} holds no saved calls: {error}") from error
    known = {spec.name: spec for spec in specs}
    if unknown := sorted(set(arrays) - set(known)):
        raise ModelError(f"{path} has {', '.join(unknown)}, which the model does not take: {', '.join(known)}")
    counts = {len(array) for array in arrays.values() if array.ndim}
    if len(counts) != 1:
        raise ModelError(f"the arrays of {path} must all have as many calls, got {sorted(counts)}")
    count = min(MAX_CALLS, counts.pop())
    if not count:
        raise ModelError(f"{path} holds no call")
    return Replay(
        [{name: _one(known[name], array, number) for name, array in arrays.items()} for number in range(count)]
    )


def constant(specs: Sequence[TensorSpec], name: str, text: str) -> NDArray[Any]:
    """The value of input `name`, written as numbers with commas, in the type and the rank the model wants.

    Raises `ModelError` for an unknown input or what is no such number.
    """
    spec = next((spec for spec in specs if spec.name == name), None)
    if spec is None:
        raise ModelError(f"the model takes no {name!r}: {', '.join(str(known) for known in specs)}")
    try:
        numbers = [float(part) if spec.element.startswith("float") else int(part) for part in text.split(",")]
        value: NDArray[Any] = np.array(numbers, spec.element)
        return value.reshape([1] * (len(spec.shape) - 1) + [len(numbers)] if spec.shape else [])
    except (ValueError, TypeError) as error:
        raise ModelError(f"{spec} cannot be {text!r}: {error}") from error


def _waveform_input(specs: Sequence[TensorSpec], recipe: CallRecipe) -> TensorSpec:
    fitting = [
        spec
        for spec in specs
        if spec.name == recipe.input or (recipe.input is None and spec.element.startswith("float"))
    ]
    if not fitting:
        raise ModelError(f"the model has no input {recipe.input or 'of floats'}: {', '.join(map(str, specs))}")
    return fitting[0]


def _samples(path: Path, rate: int) -> NDArray[np.float32]:
    """All of a recording, mono, at the rate."""
    return np.concatenate([np.zeros(0, np.float32), *_pieces(path, rate)])


def _pieces(path: Path, rate: int) -> Iterator[NDArray[np.float32]]:
    downmix = Downmix(None)
    with open_audio(path) as reader:
        resampler = Resampler(reader.sample_rate, rate)
        for block in reader.blocks(_BLOCK_S):
            for mono in downmix.feed(block):
                yield from (buffer.samples for buffer in resampler.feed(mono))
        yield from (buffer.samples for buffer in resampler.finish())


def _one(spec: TensorSpec, array: Array, number: int) -> Array:
    """The value of one call, with a batch axis of one where the saved one has none."""
    if not array.ndim:
        return array.astype(spec.element)
    rank = len(spec.shape)
    one = array[number] if array.ndim == rank + 1 else array[number : number + 1]
    if one.ndim != rank:
        raise ModelError(f"{spec} cannot be made of a saved array of {list(array.shape)}")
    return one.astype(spec.element)
