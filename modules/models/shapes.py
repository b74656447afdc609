"""Shape classes: the few shapes a model is run with, so that memory does not grow with each new one; padding, masks.

Rows are added at the end of a batch and positions at the end of an axis, filled with zeros. Added rows do not change
the others in a model that keeps rows apart. Added positions can: pad an axis only for a model that takes a mask or
lengths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modules.errors import ModelError

DEFAULT_ROWS: Final = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class ShapeClass:
    """So many rows, each so long on the padded axis; `length` is 0 where no axis is padded."""

    rows: int
    length: int = 0


@dataclass(frozen=True, slots=True)
class ShapeClasses:
    """The classes there are: every number of `rows` with every one of `lengths`; both ascending."""

    rows: tuple[int, ...] = DEFAULT_ROWS
    lengths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, sizes in (("rows", self.rows), ("lengths", self.lengths)):
            if list(sizes) != sorted(set(sizes)) or any(size < 1 for size in sizes):
                raise ValueError(f"{name} must be numbers of at least 1 that ascend, got {sizes}")
        if not self.rows:
            raise ValueError("rows must have at least one number")

    def __iter__(self) -> Iterator[ShapeClass]:
        """All classes, which is what a warm-up runs."""
        return (ShapeClass(rows, length) for rows, length in product(self.rows, self.lengths or (0,)))

    def __len__(self) -> int:
        return len(self.rows) * max(1, len(self.lengths))

    def of(self, rows: int, length: int = 0) -> ShapeClass:
        """The smallest class that holds so many rows of up to that length. Raises `ModelError` when none does."""
        return ShapeClass(
            _least(self.rows, rows, "rows"), _least(self.lengths, length, "positions") if self.lengths else 0
        )


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """Rows in one array of a shape class: `mask` [rows, length] is true where a position is real."""

    array: NDArray[Any]
    mask: NDArray[np.bool_]
    lengths: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """How many rows are real."""
        return int(np.count_nonzero(self.lengths >= 0))

    def real(self, output: NDArray[Any], *, axis: int | None = None) -> list[NDArray[Any]]:
        """The outputs of the real rows, each cut to its own length on `axis` (of a row's output) when one is given.

        An output may have more or fewer positions than the input: its share of real ones is that of the input, rounded
        up.
        """
        found = []
        for row in range(self.rows):
            part = output[row]
            if axis is not None:
                positions = -(-part.shape[axis] * int(self.lengths[row]) // self.mask.shape[1])
                part = np.take(part, range(positions), axis=axis)
            found.append(part)
        return found


def padded(rows: Sequence[NDArray[Any]], classes: ShapeClasses, *, axis: int | None = None) -> Padded:
    """The rows, all of one shape but for `axis`, in the smallest class that holds them.

    Raises `ModelError` when no class does, or when rows that may not be padded differ in shape.
    """
    if not rows:
        raise ValueError("rows must have at least one row")
    if axis is None and len({row.shape for row in rows}) > 1:
        raise ModelError(f"rows of different shapes need an axis to pad: {sorted({row.shape for row in rows})}")
    longest = max(row.shape[axis] for row in rows) if axis is not None else 0
    chosen = classes.of(len(rows), longest)
    shape = list(rows[0].shape)
    if axis is not None:
        shape[axis] = chosen.length or longest
    array = np.zeros((chosen.rows, *shape), rows[0].dtype)
    positions = shape[axis] if axis is not None else 1
    lengths = np.full(chosen.rows, -1, np.int64)
    for number, row in enumerate(rows):
        part = array[number]
        if axis is not None:
            part = part[tuple(slice(row.shape[axis]) if i == axis else slice(None) for i in range(row.ndim))]
        part[...] = row
        lengths[number] = row.shape[axis] if axis is not None else 1
    return Padded(array, np.arange(positions)[None, :] < lengths[:, None], lengths)


def _least(sizes: Sequence[int], wanted: int, what: str) -> int:
    for size in sizes:
        if size >= wanted:
            return size
    raise ModelError(
        f"{wanted} {what} are more than the largest shape class has ({sizes[-1]}): cut the input, or add one"
    )
