"""`AacPackets`: where the packets of a long MP4 recording lie, where all in it is as plain as it mostly is.

libav keeps 36 bytes in memory for each packet of an MP4 file, 11 MB for two hours: this keeps two. It knows one layout,
the sound alone in AAC-LC, with one edit or none; for anything else it has no answer, and libav reads the file.

Formats: ISO/IEC 14496-12 (boxes), 14496-14 (`esds`) and 14496-3 (`AudioSpecificConfig`).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MIN_PACKETS = 16_384
"""Six minutes at 44.1 kHz: what libav keeps of fewer is not worth another way to read a file."""

PACKET_FRAMES = 1_024
MAX_PACKET_BYTES = 1_536
"""6,144 bits for each of two channels: no packet of AAC is larger."""

MAX_BOXES = 1_000
MAX_BOX_BYTES = 1 << 16
MAX_TABLE_BYTES = 1 << 26
_SOME_BYTES = 1 << 20

_RATES_HZ = {3: 48_000, 4: 44_100, 5: 32_000}  # below these, SBR may be there without being announced
_AAC_LC, _MPEG4_AUDIO = 2, 0x40
_SBR_SYNC = 0x2B7
_IN_THIS_FILE = struct.pack(">5I", 0, 1, 12, int.from_bytes(b"url ", "big"), 1)
_ONE = 1 << 16  # in 16.16 fixed point
_MAX_SIZE_BYTES = 4
_TOO_FAR = 1 << 24  # in units of 4 GiB


class File(Protocol):
    """A file to read from anywhere."""

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end of the file."""
        ...

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go there; where that is."""
        ...


@dataclass(frozen=True, slots=True)
class AacPackets:
    """The packets' places: bytes of each, and the place of each chunk of them with how many it has.

    `config` is what a decoder has to know; of what it gives, the first `delay_frames` are no sound of the recording.
    """

    config: bytes
    sample_rate: int
    delay_frames: int
    sizes: NDArray[np.uint16]
    chunk_offsets: NDArray[np.int64]
    chunk_packets: NDArray[np.int64]

    def read(self, file: File) -> Iterator[bytes]:
        """The packets in order."""
        first = 0
        for chunk in range(len(self.chunk_offsets)):
            file.seek(int(self.chunk_offsets[chunk]))
            last = first + int(self.chunk_packets[chunk])
            for size in self.sizes[first:last].tolist():
                yield file.read(size)
            first = last


class _Other(Exception):
    """The file is of another layout."""


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    start: int
    end: int


def aac_packets(file: File, *, min_packets: int = MIN_PACKETS) -> AacPackets | None:
    """The packets of a file of the one layout with at least `min_packets`, else `None`."""
    try:
        return _Mp4(file).packets(min_packets)
    except (_Other, struct.error, IndexError, ValueError):  # what is cut short, too
        return None


class _Mp4:
    """A file that may be one; raises `_Other` where it is not."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._size = file.seek(0, 2)

    def packets(self, min_packets: int) -> AacPackets:
        top = self._boxes(0, self._size)
        _need(top[0].name == b"ftyp" and not any(box.name == b"moof" for box in top))
        moov = self._inside(_only(top, b"moov"))
        track = self._inside(_only(moov, b"trak"))
        media = self._inside(_only(track, b"mdia"))
        inner = self._inside(_only(media, b"minf"))
        _need(self._content(_only(self._inside(_only(inner, b"dinf")), b"dref")) == _IN_THIS_FILE)
        table = self._inside(_only(inner, b"stbl"))
        _need({box.name for box in table} <= {b"stsd", b"stts", b"stsc", b"stsz", b"stco", b"co64", b"sgpd", b"sbgp"})
        _need(not any(box.name == b"mvex" for box in moov))
        _need(self._content(_only(media, b"hdlr"))[8:12] == b"soun")
        _need(not any(self._has(box, b"iTunSMPB") for box in (*moov, *track) if box.name in (b"udta", b"meta")))

        config, rate = self._config(_only(table, b"stsd"))
        movie_hz, media_hz = self._timescale(_only(moov, b"mvhd")), self._timescale(_only(media, b"mdhd"))
        sizes = self._sizes(_only(table, b"stsz"))
        _need(media_hz == rate and len(sizes) >= min_packets)
        self._need_whole_packets(_only(table, b"stts"), len(sizes))
        edits = [box for box in track if box.name == b"edts"]
        delay = self._delay(edits[0], rate / movie_hz, len(sizes)) if edits else 0
        offsets = self._offsets(table)
        counts = self._chunk_packets(_only(table, b"stsc"), len(offsets))
        _need(int(counts.sum()) == len(sizes) and bool((np.diff(offsets) > 0).all()))
        _need(int(offsets[-1]) + int(sizes[len(sizes) - int(counts[-1]) :].sum()) <= self._size)
        return AacPackets(config, rate, delay, sizes, offsets, counts)

    def _boxes(self, start: int, end: int) -> list[_Box]:
        found: list[_Box] = []
        while start < end:
            size, name = struct.unpack(">I4s", self._bytes(start, 8))
            head = 8
            if size == 1:
                (size,), head = struct.unpack(">Q", self._bytes(start + 8, 8)), 16
            _need(head <= size <= end - start and len(found) < MAX_BOXES)
            found.append(_Box(name, start + head, start + size))
            start += size
        _need(bool(found))
        return found

    def _inside(self, box: _Box) -> list[_Box]:
        return self._boxes(box.start, box.end)

    def _bytes(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

    def _content(self, box: _Box) -> bytes:
        _need(box.end - box.start <= MAX_BOX_BYTES)
        return self._bytes(box.start, box.end - box.start)

    def _has(self, box: _Box, words: bytes) -> bool:
        """Whether a box of any size holds these bytes."""
        return any(
            words in self._bytes(start, min(_SOME_BYTES + len(words), box.end - start))
            for start in range(box.start, box.end, _SOME_BYTES)
        )

    def _rows(self, box: _Box, skip: int, numbers: int) -> NDArray[np.int64]:
        """The rows of so many numbers after `skip` bytes of a box's content and their count."""
        (count,) = struct.unpack(">I", self._bytes(box.start + skip, 4))
        size = 4 * numbers * count
        _need(0 < size <= MAX_TABLE_BYTES and box.start + skip + 4 + size == box.end)
        return np.frombuffer(self._bytes(box.start + skip + 4, size), ">u4").reshape(-1, numbers).astype(np.int64)

    def _timescale(self, box: _Box) -> int:
        content = self._content(box)
        _need(content[0] <= 1)
        (found,) = struct.unpack_from(">I", content, 20 if content[0] else 12)
        _need(found > 0)
        return int(found)

    def _sizes(self, box: _Box) -> NDArray[np.uint16]:
        _need(self._bytes(box.start, 8) == bytes(8))  # no one size for all
        sizes = self._rows(box, 8, 1)[:, 0]
        _need(int(sizes.min()) > 0 and int(sizes.max()) <= MAX_PACKET_BYTES)
        return sizes.astype(np.uint16)

    def _offsets(self, table: list[_Box]) -> NDArray[np.int64]:
        is_long = any(box.name == b"co64" for box in table)
        rows = self._rows(_only(table, b"co64" if is_long else b"stco"), 4, 2 if is_long else 1)
        _need(not is_long or int(rows[:, 0].max()) < _TOO_FAR)
        return rows[:, 0] << 32 | rows[:, 1] if is_long else rows[:, 0]

    def _chunk_packets(self, box: _Box, chunks: int) -> NDArray[np.int64]:
        first, packets, description = self._rows(box, 4, 3).T
        ends = np.append(first[1:], chunks + 1)
        _need(int(first[0]) == 1 and bool((ends > first).all()) and int(packets.min()) > 0)
        _need(bool((description == 1).all()))
        return np.repeat(packets, ends - first)

    def _need_whole_packets(self, box: _Box, count: int) -> None:
        """All as long as a packet is; the last may be said to be shorter, which decoders do not mind."""
        packets, frames = self._rows(box, 4, 2).T.tolist()
        _need(sum(packets) == count and frames[0] == PACKET_FRAMES)
        _need(packets[1:] in ([], [1]) and frames[-1] <= PACKET_FRAMES)

    def _delay(self, edits: _Box, frames_a_tick: float, count: int) -> int:
        """The frames before the only edit, which goes on into the last packet."""
        content = self._content(_only(self._inside(edits), b"elst"))
        row = {0: ">IiI", 1: ">QqI"}.get(content[0])
        _need(row is not None and struct.unpack_from(">I", content, 4) == (1,))
        assert row is not None
        ticks, media_time, speed = struct.unpack_from(row, content, 8)
        _need(speed == _ONE and 0 <= media_time < PACKET_FRAMES * count)
        _need(media_time + ticks * frames_a_tick > PACKET_FRAMES * (count - 1) + 1)
        return int(media_time)

    def _config(self, box: _Box) -> tuple[bytes, int]:
        """What a decoder has to know, and the rate it says."""
        content = self._content(box)
        _need(struct.unpack_from(">I", content, 4) == (1,) and content[12:16] == b"mp4a")
        _need(struct.unpack_from(">H", content, 24) == (0,))  # version 0: QuickTime has others
        inside = self._boxes(box.start + 44, box.start + 8 + struct.unpack_from(">I", content, 8)[0])
        config = _decoder_config(self._content(_only(inside, b"esds"))[4:])
        return config, _plain_rate(config)


def _decoder_config(descriptors: bytes) -> bytes:
    """The `DecoderSpecificInfo` of an elementary stream."""
    stream = _descriptor(descriptors, 3)
    _need(stream[2] == 0)  # no optional fields
    decoder = _descriptor(stream[3:], 4)
    _need(decoder[0] == _MPEG4_AUDIO)
    return _descriptor(decoder[13:], 5)


def _descriptor(content: bytes, tag: int) -> bytes:
    _need(content[0] == tag)
    size, place = 0, 1
    while True:  # seven bits a byte, at most four of them
        size, place = size << 7 | content[place] & 0x7F, place + 1
        if not content[place - 1] & 0x80 or place > _MAX_SIZE_BYTES:
            break
    _need(place + size <= len(content))
    return content[place : place + size]


def _plain_rate(config: bytes) -> int:
    """The rate of AAC-LC in packets of 1,024 frames, mono or stereo, that says nothing of SBR or says there is none."""
    bits = int.from_bytes(config[:2], "big")
    kind, rate, channels, rest = bits >> 11, bits >> 7 & 15, bits >> 3 & 15, bits & 7
    _need(len(config) >= 2 and kind == _AAC_LC and rate in _RATES_HZ and channels in (1, 2) and rest == 0)  # noqa: PLR2004 - bytes
    if len(config) > 2:  # noqa: PLR2004 - bytes
        extension = int.from_bytes(config[2:5], "big")
        _need(len(config) == 5 and extension >> 13 == _SBR_SYNC and extension >> 8 & 31 == 5 and not extension & 0x80)  # noqa: PLR2004 - as above
    return _RATES_HZ[rate]


def _only(boxes: list[_Box], name: bytes) -> _Box:
    found = [box for box in boxes if box.name == name]
    _need(len(found) == 1)
    return found[0]


def _need(condition: bool) -> None:  # noqa: FBT001 - a need is a condition
    if not condition:
        raise _Other
