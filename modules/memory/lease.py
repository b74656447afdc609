"""`Lease`: samples on loan from a pool for the time of a `with` block. The pool itself is next door."""

import contextlib
import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modules.errors import LeaseError

SampleType: TypeAlias = type[np.float32] | type[np.int16]

_TYPES = (np.dtype(np.float32), np.dtype(np.int16))
_FRAMES_LOOKED_AT = 12
_OWN_FILES = frozenset({__file__, str(Path(__file__).with_name("pool.py")), contextlib.__file__})


@dataclass(slots=True, eq=False)
class Loan:
    """A block, an array of bytes, and the place in the program where it was last leased; empty when that is unknown."""

    block: NDArray[np.uint8]
    place: str = ""


class Lease:
    """Enter it to have `samples`, leave it to give them back; each once. What they hold at first is anything.

    A view that outlives the block looks at what the next lease writes there: copy what is to stay. A lease that is
    dropped without being left is a leak, which the pool counts.
    """

    __slots__ = ("_give_back", "_is_over", "_loan", "_lose", "_samples", "_shape", "_take", "_type")

    def __init__(
        self,
        shape: int | tuple[int, ...],
        sample_type: SampleType,
        *,
        take: Callable[[int], Loan],
        give_back: Callable[[Loan], None],
        lose: Callable[[Loan], None],
    ) -> None:
        """Describe what is wanted; a `BufferPool` makes leases. Raises `ValueError`."""
        self._loan: Loan | None = None
        self._samples: NDArray[Any] | None = None
        self._is_over = False
        self._shape = (shape,) if isinstance(shape, int) else shape
        self._type = np.dtype(sample_type)
        if self._type not in _TYPES:
            raise ValueError(f"sample_type must be float32 or int16, got {self._type}")
        if any(length < 0 for length in self._shape):
            raise ValueError(f"shape must have no negative length, got {self._shape}")
        self._take, self._give_back, self._lose = take, give_back, lose

    def __repr__(self) -> str:
        state = "returned" if self._is_over else "out" if self._loan else "not taken"
        return f"<Lease {state}, {self._type} of shape {self._shape}>"

    def __enter__(self) -> Self:
        """Take the samples. Raises `PoolExhausted`, and `LeaseError` the second time."""
        if self._loan or self._is_over:
            raise LeaseError("a lease is taken once; ask the pool for another")
        count = math.prod(self._shape)
        self._loan = self._take(count * self._type.itemsize)
        self._samples = self._loan.block[: count * self._type.itemsize].view(self._type).reshape(self._shape)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the samples back. Raises `LeaseError` the second time."""
        loan, self._loan, self._samples = self._loan, None, None
        if loan is None:
            raise LeaseError("a lease was returned twice" if self._is_over else "a lease was returned but never taken")
        self._is_over = True
        self._give_back(loan)

    def __del__(self) -> None:
        if self._loan is not None:
            self._lose(self._loan)

    @property
    def samples(self) -> NDArray[Any]:
        """The samples. Raises `LeaseError` outside the `with` block."""
        if self._samples is None:
            raise LeaseError(
                "the samples of a lease were used " + ("after its return" if self._is_over else "too early")
            )
        return self._samples


def leased_at() -> str:
    """Where the program takes a lease just now: the innermost line that is not of this machinery."""
    for frame in reversed(traceback.extract_stack(limit=_FRAMES_LOOKED_AT)):
        if frame.filename not in _OWN_FILES:
            return f"{frame.filename}:{frame.lineno} in {frame.name}"
    return "an unknown place"
