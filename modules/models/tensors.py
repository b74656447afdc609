"""`TensorSpec`: what an input or output of a model is called, holds and measures, and what feeds must therefore be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_ELEMENTS: Final = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "bool": "bool",
    "string": "str",
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
"""ONNX's name of an element -> NumPy's."""

_RAMP: Final = np.array([0.0, 0.04, -0.02, 0.03, -0.05, 0.01, 0.02, -0.04, 0.05, -0.01, -0.03], np.float64)
"""Values of a signal at about -30 dB: small enough for a waveform, never all zero, the same at every call."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: `shape` has a number for a fixed axis, a name for a free one, `None` for a nameless one.

    `element` is NumPy's name, such as `float32`; `kind` is not a tensor where ONNX says sequence, map or optional.
    """

    name: str
    element: str
    shape: tuple[int | str | None, ...] = ()
    kind: str = "tensor"

    def __post_init__(self) -> None:
        if any(isinstance(size, int) and size < 0 for size in self.shape):
            raise ValueError(f"shape of {self.name} must have sizes of 0 or more, got {self.shape}")

    def __str__(self) -> str:
        axes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name}: {self.element} [{axes}]" + ("" if self.kind == "tensor" else f" ({self.kind})")

    @classmethod
    def of_onnx(cls, name: str, written: str, shape: Sequence[int | str | None]) -> "TensorSpec":
        """From ONNX Runtime's words, such as `tensor(float)`."""
        kind, _, inner = written.partition("(")
        element = inner.rstrip(")")
        return cls(name, _ELEMENTS.get(element, element), tuple(shape), kind)

    @property
    def free_axes(self) -> tuple[int, ...]:
        """The axes whose size the caller chooses."""
        return tuple(axis for axis, size in enumerate(self.shape) if not isinstance(size, int))

    def objection(self, given: Array) -> str | None:
        """What is wrong with `given` in the place of this tensor, or `None` when nothing is."""
        fits = given.ndim == len(self.shape) and all(
            not isinstance(size, int) or size == has for size, has in zip(self.shape, given.shape, strict=True)
        )
        if fits and (self.element == "str" or str(given.dtype) == self.element):
            return None
        return f"{self} was given {given.dtype} {list(given.shape)}"

    def example(self, sizes: Mapping[str, int]) -> Array:
        """An array that fits, with `sizes` for free axes by their name, or by `NAME.AXIS` for a nameless one.

        Floats are a quiet signal, other numbers 0. Raises `ValueError` for an axis whose size is not given.
        """
        shape = tuple(
            size if isinstance(size, int) else self._size(axis, sizes) for axis, size in enumerate(self.shape)
        )
        if self.element == "str":
            return np.full(shape, "", object)
        if not self.element.startswith("float"):
            return np.zeros(shape, self.element)
        return np.resize(_RAMP, shape).astype(self.element)

    def _size(self, axis: int, sizes: Mapping[str, int]) -> int:
        own = f"{self.name}.{axis}"
        free = self.shape[axis]
        size = sizes.get(own, sizes.get(free, 0) if isinstance(free, str) else 0)
        if size < 1:
            raise ValueError(f"{self} needs a size of at least 1 for {free or own!r}; given were {dict(sizes)}")
        return size


def objections(specs: Sequence[TensorSpec], feeds: Mapping[str, Array]) -> list[str]:
    """Everything that is wrong with `feeds`, a sentence each; none when they fit."""
    known = {spec.name: spec for spec in specs}
    wrong = [f"{name} is missing ({spec})" for name, spec in known.items() if name not in feeds]
    wrong += [f"{name} is no input of it" for name in feeds if name not in known]
    found = (known[name].objection(np.asarray(given)) for name, given in feeds.items() if name in known)
    return wrong + [one for one in found if one is not None]


def example_feeds(
    specs: Sequence[TensorSpec], sizes: Mapping[str, int], given: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Feeds that fit: those `given`, and an example for every other input. Raises `ValueError` as `example` does."""
    have = dict(given or {})
    return {spec.name: have[spec.name] if spec.name in have else spec.example(sizes) for spec in specs}
