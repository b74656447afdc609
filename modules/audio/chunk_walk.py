"""Walking the chunks of an IFF-like file: RIFF, AIFF, Wave64, CAF. What the chunks hold is not known here."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from modules.audio.pcm_layout import Header

MAX_CHUNKS = 10_000
"""Beyond so many the rest of a file is not looked at: a header is never that long."""


@dataclass(frozen=True, slots=True)
class ChunkForm:
    """How chunks are written: a `name` and a `size` as in `head`, each chunk ending at a multiple of `align`.

    `own_bytes` of the size are the name and the size themselves.
    """

    head: struct.Struct
    align: int = 2
    own_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk whose content begins at byte `start` and is, so it claims, `size` bytes long, which may be anything."""

    name: bytes
    start: int
    size: int


RIFF_CHUNKS = ChunkForm(struct.Struct("<4sI"))
RIFX_CHUNKS = ChunkForm(struct.Struct(">4sI"))
CAF_CHUNKS = ChunkForm(struct.Struct(">4sq"), align=1)
W64_CHUNKS = ChunkForm(struct.Struct("<16sQ"), align=8, own_bytes=24)


def chunks(header: Header, at: int, form: ChunkForm) -> Iterator[Chunk]:
    """The chunks from byte `at` on, until the file ends or a size makes no sense."""
    for _ in range(MAX_CHUNKS):
        head = header[at : at + form.head.size]
        if len(head) < form.head.size:
            return
        name, size = form.head.unpack(head)
        chunk = Chunk(name, at + form.head.size, size - form.own_bytes)
        yield chunk
        if chunk.size < 0:
            return
        end = chunk.start + chunk.size
        at = end + -end % form.align if form.own_bytes else end + chunk.size % form.align


def looks_like_chunk(header: Header, at: int, form: ChunkForm) -> bool:
    """Whether a chunk could begin at byte `at`: a name that can be read and a size that fits."""
    head = header[at : at + form.head.size]
    if len(head) < form.head.size:
        return False
    name, size = form.head.unpack(head)
    return bytes(name).isascii() and name.decode("ascii").isprintable() and size <= len(header) - at
