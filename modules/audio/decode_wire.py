"""What a decoding process and the one that started it say to each other: frames of a kind and a body over pipes."""

import struct
from enum import Enum
from typing import BinaryIO, Protocol

_HEAD = struct.Struct("<cI")
MAX_BODY_BYTES = 1 << 30


class Kind(bytes, Enum):
    """What a frame is; all bodies but those of blocks are JSON."""

    ORDER = b"r"
    """To the process: what to decode. The answer is one `OPENED`, blocks and `ENDED`, or a `FAILED` instead."""
    OPENED = b"o"
    BLOCK = b"b"
    """Float32 samples, (frames, channels) in C order."""
    ENDED = b"e"
    FAILED = b"x"


class Sink(Protocol):
    """Where a frame is written: an unbuffered file."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Write some of it."""
        ...


def send(sink: Sink, kind: Kind, body: bytes | memoryview) -> None:
    """Write a frame. Raises `OSError` when nobody reads it any more."""
    size = memoryview(body).nbytes
    assert size <= MAX_BODY_BYTES, size
    for part in (_HEAD.pack(kind.value, size), memoryview(body).cast("B")):
        rest = memoryview(part)
        while rest:
            rest = rest[sink.write(rest) or 0 :]


def receive(source: BinaryIO) -> tuple[Kind, bytearray] | None:
    """The next frame, or nothing when the stream ended before it was whole. Raises `ValueError` for what is none."""
    head = _exactly(source, _HEAD.size)
    if head is None:
        return None
    kind, size = _HEAD.unpack(head)
    if size > MAX_BODY_BYTES:
        raise ValueError(f"a frame of {size} bytes")
    body = _exactly(source, size)
    return None if body is None else (Kind(kind), body)


def _exactly(source: BinaryIO, size: int) -> bytearray | None:
    body = bytearray(size)
    rest = memoryview(body)
    while rest:
        count = source.readinto(rest)  # type: ignore[attr-defined] # a raw file has it, and BufferedReader too
        if not count:
            return None
        rest = rest[count:]
    return body
