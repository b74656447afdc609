"""The door to libsndfile: WAV, AIFF, CAF, FLAC, MP3, Ogg and their like. The only importer of soundfile."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import numpy as np
import soundfile

from modules.audio.decoded import Decoded, Piece
from modules.audio.guarded_file import GuardedFile, translated
from modules.errors import DecodeError

FIRST_PIECE_FRAMES = 8_192
"""Small, so that the first audio is there soon; each piece is then twice as long as the one before, up to the most."""

MAX_PIECE_FRAMES = 65_536
MAX_UNREAD_BYTES = 1 << 16
"""What a FLAC may hold behind the last frame that its header counts (tags, what libFLAC has read ahead)."""

_SAYINGS = {
    7: "Format not recognised",  # it says "File does not exist": the MP3 decoder found no frame
    29: "a codec it does not know",  # it says "Unspecified internal error": Speex in Ogg
    158: "lost the data of the stream",  # it says nothing at all: corrupt or truncated FLAC
}


class _Forward(soundfile.SoundFile):  # type: ignore[misc] # the library has no types
    """A sound file read from front to back.

    soundfile seeks to where it stands after each read of a file that can seek: MP3s then decode a little differently
    from one read of the whole, at half the speed.
    """

    def seekable(self) -> bool:
        return False


@contextmanager
def open_with_soundfile(file: BinaryIO) -> Iterator[Decoded]:
    """The recording as libsndfile reads it. Raises `DecodeError`."""
    guarded = GuardedFile(file)
    with translated(guarded, _saying):
        sound = _Forward(guarded, "r")
    try:
        yield Decoded(sound.samplerate, sound.channels, _pieces(sound, guarded))
    finally:
        with suppress(soundfile.SoundFileError):
            sound.close()


def _pieces(sound: _Forward, guarded: GuardedFile) -> Iterator[Piece]:
    """Frames until a read gives none; `sound.frames` is what the header claims and is not used."""
    frames = FIRST_PIECE_FRAMES
    while len(piece := _read(sound, guarded, frames)):
        yield piece
        frames = min(2 * frames, MAX_PIECE_FRAMES)
    if sound.format == "FLAC" and guarded.unread_bytes() > MAX_UNREAD_BYTES:
        raise DecodeError("stopped at the length its header claims, but the data go on")


def _read(sound: _Forward, guarded: GuardedFile, frames: int) -> Piece:
    with translated(guarded, _saying):
        piece: Piece = sound.read(out=np.empty((frames, sound.channels), dtype=np.float32))
    return piece


def _saying(error: Exception) -> str:
    if isinstance(error, soundfile.LibsndfileError):
        return _SAYINGS.get(error.code) or str(error.error_string).strip().rstrip(".")
    return f"{type(error).__name__}: {error}"
