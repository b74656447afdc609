"""The door to FFmpeg's libraries: what libsndfile cannot read, such as WebM, M4A and WMA. The only importer of av."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeVar

import numpy as np

from modules.audio.aac_packets import PACKET_FRAMES, aac_packets
from modules.audio.decoded import Decoded, Piece
from modules.audio.guarded_file import GuardedFile, translated
from modules.errors import DecodeError

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame, AudioResampler, AudioStream, Packet
    from av.container import InputContainer
    from av.stream import Stream

    AnyPacket: TypeAlias = Packet[AudioStream] | Packet[Stream]

T = TypeVar("T")

MAX_SILENCE_S = 30.0
"""For libav to open a file or to find one packet in it."""

MAX_BARREN_PACKETS = 100_000
"""So many packets in a row without a frame end the decoding: it would not come to anything."""

# A playlist is a file too. What it names, on this disk or in the net, is not opened: only the source itself is read.
_OPTIONS = {"protocol_whitelist": "none"}


@contextmanager
def open_with_pyav(file: BinaryIO) -> Iterator[Decoded]:
    """The first audio stream as FFmpeg's libraries decode it, at the rate and layout of its first frame.

    Counts agree with the ffmpeg command: codec delay and padding are cut off, the decoder is flushed, corrupt packets
    are skipped as long as anything decodes. Raises `DecodeError`. libav's log stays off, as PyAV has it.
    """
    guarded = GuardedFile(file)
    with ExitStack() as opened:
        sound = _plain_aac(guarded) or _any_sound(guarded, opened)
        pieces = _after(_pieces(_Conversion(sound.first), chain([sound.first], sound.rest)), sound.delay_frames)
        yield Decoded(sound.first.sample_rate, sound.first.layout.nb_channels, _translated(pieces, guarded))


@dataclass(frozen=True, slots=True)
class _Sound:
    """Decoded frames, of whose samples the first `delay_frames` are no sound of the recording."""

    first: AudioFrame
    rest: Iterator[AudioFrame]
    delay_frames: int = 0


def _plain_aac(file: GuardedFile) -> _Sound | None:
    """The sound of a long MP4 file whose packets we find ourselves, which takes a tenth of the memory, if it is one.

    A first packet that is not one whole frame by itself has libav look at it all: it cuts the delay off that frame.
    """
    with translated(file, _saying):
        from av import AudioCodecContext, CodecContext, FFmpegError, Packet  # noqa: PLC0415 - importing it takes 117 ms

        packets = aac_packets(file)
        if packets is None:
            return None
        codec = CodecContext.create("aac", "r")
        assert isinstance(codec, AudioCodecContext)
        codec.extradata, codec.thread_count = packets.config, 1
        found = map(Packet, packets.read(file))
        try:
            (first,) = _frames(codec, islice(found, 1))
        except (ValueError, FFmpegError):
            return None
    if (first.samples, first.sample_rate) != (PACKET_FRAMES, packets.sample_rate):
        return None
    return _Sound(first, _translated(_frames(codec, chain(found, [None])), file), packets.delay_frames)


def _any_sound(file: GuardedFile, opened: ExitStack) -> _Sound:
    """The sound of whatever libav can read; the container is closed with `opened`."""
    file.seek(0)
    with translated(file, _saying):
        import av  # noqa: PLC0415 - imported already, see `_plain_aac`

        container = av.open(file, "r", options=_OPTIONS, metadata_errors="replace", timeout=MAX_SILENCE_S)
    opened.callback(container.close)
    frames = _translated(_frames_in(container), file)
    first = next(frames, None)
    if first is None:
        raise DecodeError("no audio in it")
    return _Sound(first, frames)


class _Conversion:
    """Frames of any sample format become float32 of the first frame's rate and layout, also where these change."""

    def __init__(self, first: AudioFrame) -> None:
        self._rate = first.sample_rate
        self._layout = first.layout
        self._takes: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None

    def feed(self, frame: AudioFrame) -> Iterator[Piece]:
        """What can be said after this frame."""
        from av import AudioResampler  # noqa: PLC0415 - imported already, see `_plain_aac`

        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._takes:
            yield from self.finish()
            self._takes = kind
            self._resampler = AudioResampler(format="flt", layout=self._layout, rate=self._rate)
        yield from self._resampled(frame)

    def finish(self) -> Iterator[Piece]:
        """What is still owed."""
        return self._resampled(None)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[Piece]:
        frames = self._resampler.resample(frame) if self._resampler else []
        # Where there is nothing to convert, the resampler hands back even the None that flushes it.
        return (_samples(one) for one in frames if one is not None and one.samples)


def _samples(frame: AudioFrame) -> Piece:
    """The samples of a frame of packed floats: PyAV crashes when asked for the planes of 8 channels or more."""
    assert frame.format.name == "flt", frame.format.name
    return np.ascontiguousarray(frame.to_ndarray().reshape(-1, frame.layout.nb_channels), dtype=np.float32)


def _pieces(conversion: _Conversion, frames: Iterator[AudioFrame]) -> Iterator[Piece]:
    for frame in frames:
        yield from conversion.feed(frame)
    yield from conversion.finish()


def _after(pieces: Iterator[Piece], frames: int) -> Iterator[Piece]:
    """The pieces without their first `frames`."""
    left = frames
    for piece in pieces:
        if left < len(piece):
            yield piece[left:]
        left = max(0, left - len(piece))


def _frames_in(container: InputContainer) -> Iterator[AudioFrame]:
    stream = _audio_stream(container)
    return _frames(stream.codec_context, _packets(container, stream))


def _frames(codec: AudioCodecContext, packets: Iterator[AnyPacket | None]) -> Iterator[AudioFrame]:
    """Every frame that decodes; when none does, the first thing that was said against one is raised."""
    from av import FFmpegError  # noqa: PLC0415 - imported already, see `_plain_aac`

    complaint: FFmpegError | None = None
    barren, fruitful = 0, False
    for packet in packets:
        try:
            frames = [frame for frame in codec.decode(packet) if frame.samples]
        except FFmpegError as error:  # a corrupt packet costs itself, no more
            frames, complaint = [], complaint or error
        barren = 0 if frames else barren + 1
        if barren > MAX_BARREN_PACKETS:
            raise DecodeError(f"{MAX_BARREN_PACKETS} packets in a row without audio")
        fruitful = fruitful or bool(frames)
        yield from frames
    if complaint and not fruitful:
        raise complaint


def _audio_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise DecodeError("no audio stream in it")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise DecodeError("no decoder for the codec of its audio")
    stream.codec_context.thread_count = 1  # the engine decides how many cores work
    return stream


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[Packet[AudioStream] | None]:
    """The stream's packets, then one that flushes the decoder; data that cannot be taken apart end it, as in ffmpeg."""
    from av import FFmpegError  # noqa: PLC0415 - imported already, see `_plain_aac`

    try:
        yield from container.demux(stream)
    except FFmpegError:
        yield None


def _translated(items: Iterator[T], file: GuardedFile) -> Iterator[T]:
    """The same items; what goes wrong in making one is a `DecodeError`."""
    while True:
        with translated(file, _saying):
            item = next(items, None)
        if item is None:
            return
        yield item


def _saying(error: Exception) -> str:
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
