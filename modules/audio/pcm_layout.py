"""`PcmLayout`: where in its file the samples of an uncompressed recording lie, and how they are written. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from modules.audio.buffer import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ
from modules.errors import CannotMap


class Encoding(StrEnum):
    """How a sample is written; all but the 8-bit ones are little-endian unless a layout says otherwise."""

    U8 = "8-bit unsigned"
    S8 = "8-bit"
    S16 = "16-bit"
    S24 = "24-bit"
    S32 = "32-bit"
    F32 = "32-bit float"
    F64 = "64-bit float"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return _SAMPLE_BYTES[self]

    @property
    def is_float(self) -> bool:
        """Whether samples may be NaN or infinite."""
        return self in (Encoding.F32, Encoding.F64)


_SAMPLE_BYTES = {
    Encoding.U8: 1,
    Encoding.S8: 1,
    Encoding.S16: 2,
    Encoding.S24: 3,
    Encoding.S32: 4,
    Encoding.F32: 4,
    Encoding.F64: 8,
}
_INTEGERS = {1: Encoding.S8, 2: Encoding.S16, 3: Encoding.S24, 4: Encoding.S32}
_FLOATS = {4: Encoding.F32, 8: Encoding.F64}


class Header(Protocol):
    """The bytes of a file, of which any part may be asked for: `bytes` and a memory map are both one."""

    def __len__(self) -> int:
        """The bytes of the whole file."""
        ...

    def __getitem__(self, part: slice, /) -> bytes:
        """Some of them, fewer at the end of the file."""
        ...


@dataclass(frozen=True, slots=True)
class SampleForm:
    """What a header says of the samples: `sample_rate` in Hz, `channels`, `encoding`, and the order of bytes.

    Raises `CannotMap` for rates and channels that no recording has: headers are not trusted.
    """

    sample_rate: int
    channels: int
    encoding: Encoding
    is_big_endian: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.sample_rate <= MAX_SAMPLE_RATE_HZ:
            raise CannotMap(f"its header claims {self.sample_rate} Hz, allowed are 1 to {MAX_SAMPLE_RATE_HZ}")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise CannotMap(f"its header claims {self.channels} channels, allowed are 1 to {MAX_CHANNELS}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.encoding.sample_bytes


@dataclass(frozen=True, slots=True)
class PcmLayout:
    """Samples of a `form` from byte `start` of a file on, `frames` of them; `lies` are false claims of its header."""

    container: str
    form: SampleForm
    start: int
    frames: int
    lies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.start, self.frames) < 0:
            raise ValueError(f"start and frames must be 0 or more, got {self.start} and {self.frames}")

    @classmethod
    def found(cls, container: str, form: SampleForm, claim: "Claim", *, lies: tuple[str, ...] = ()) -> "PcmLayout":
        """What is there of the samples that a header claims: never more than the file holds, and whole frames only."""
        start = min(claim.start, claim.file_bytes)
        there = claim.file_bytes - start
        if claim.data_bytes is None:
            return cls(container, form, start, there // form.frame_bytes, lies)
        if claim.data_bytes > there:
            lies = (*lies, f"claims {claim.data_bytes} bytes of samples where {there} are left in the file")
        elif claim.data_bytes % form.frame_bytes:
            lies = (*lies, f"claims {claim.data_bytes} bytes of samples, which are no whole frames")
        return cls(container, form, start, min(claim.data_bytes, there) // form.frame_bytes, lies)


@dataclass(frozen=True, slots=True)
class Claim:
    """Where a header says the samples are: `data_bytes` from `start` on, or all there are; and the file's real size."""

    start: int
    data_bytes: int | None
    file_bytes: int


def integer(container_bytes: int) -> Encoding:
    """Signed samples of so many bytes; fewer bits in them stand at the upper end, so the scale is the same."""
    if container_bytes not in _INTEGERS:
        raise CannotMap(f"it has integer samples of {container_bytes} bytes; 1 to 4 can be mapped")
    return _INTEGERS[container_bytes]


def floating(container_bytes: int) -> Encoding:
    """Float samples of so many bytes."""
    if container_bytes not in _FLOATS:
        raise CannotMap(f"it has float samples of {container_bytes} bytes; 4 and 8 can be mapped")
    return _FLOATS[container_bytes]
