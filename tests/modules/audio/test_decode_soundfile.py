"""libsndfile's door gives what libsndfile gives, whatever the header claims and however the file misbehaves."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from modules.audio.decode_soundfile import FIRST_PIECE_FRAMES, open_with_soundfile
from modules.errors import DecodeError
from tests.modules.audio.sounds import RATE_HZ, WITH_SOUNDFILE, tones, wav

NOISE = (np.random.default_rng(7).standard_normal((60_000, 1)) * 0.1).astype(np.float32)


def decode(content: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """All samples, of shape (frames, channels)."""
    with open_with_soundfile(io.BytesIO(content)) as decoded:
        return np.concatenate([np.empty((0, decoded.channels), np.float32), *decoded.pieces])


@pytest.mark.parametrize("name", WITH_SOUNDFILE)
def test_reading_in_pieces_equals_reading_the_whole(name: str, recordings: dict[str, Path]) -> None:
    """To the bit, save for MP3, where soundfile's own seeking changes the last bits of the whole."""
    whole, _ = soundfile.read(recordings[name], dtype="float32", always_2d=True)
    assert len(whole) > FIRST_PIECE_FRAMES
    decoded = decode(recordings[name].read_bytes())
    assert decoded.shape == whole.shape
    assert np.abs(decoded - whole).max() <= (2**-20 if name == "lame.mp3" else 0.0)


@pytest.mark.parametrize("claim", [0, 1_000_000, 2**36 - 1])
def test_a_flac_that_claims_none_or_too_many_frames_is_read_to_its_end(claim: int) -> None:
    """Nothing is allocated from a claim; 0 is what a live encoder writes."""
    assert len(decode(flac_claiming(claim))) == len(NOISE)


def test_a_flac_that_goes_on_after_its_claim_is_not_cut_in_silence() -> None:
    """There libsndfile stops; this door says so, and another decoder can go on."""
    with pytest.raises(DecodeError, match="the data go on"):
        decode(flac_claiming(100))


def test_a_wav_whose_size_was_never_filled_in_is_read_to_its_end() -> None:
    """What ffmpeg writes into a pipe claims 4 GB."""
    content = bytearray(wav(NOISE))
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff" * 4
    assert len(decode(bytes(content))) == len(NOISE)


def test_a_file_that_fails_to_read_is_said_to_have_failed(capfd: pytest.CaptureFixture[str]) -> None:
    """The file's own error is the cause, and nothing is printed."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 4_096:
                raise OSError("the disk is gone")
            return super().read(size)

    with (
        pytest.raises(DecodeError, match="reading failed: the disk is gone") as caught,
        open_with_soundfile(Broken(wav(NOISE))) as decoded,
    ):
        list(decoded.pieces)
    assert isinstance(caught.value.__cause__, OSError)
    assert capfd.readouterr().err == ""


def test_short_reads_are_not_taken_for_the_end() -> None:
    """A file object may give less than it was asked for."""

    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 100))

    with open_with_soundfile(Trickle(wav(NOISE))) as decoded:
        assert sum(len(piece) for piece in decoded.pieces) == len(NOISE)


def test_an_absurd_rate_and_too_many_channels_are_refused() -> None:
    """A header may say anything."""
    with pytest.raises(DecodeError, match="sample rate of 1092676 Hz"):
        decode(wav(tones(RATE_HZ), 1_092_676))
    with pytest.raises(DecodeError, match="65 channels"):
        decode(wav(np.zeros((10, 65), np.float32)))


def test_what_is_no_recording_is_refused_in_words() -> None:
    """The text is libsndfile's own, without its full stop."""
    with pytest.raises(DecodeError, match=r"^Format not recognised$"):
        decode(b"nothing that sounds")


def flac_claiming(frames: int) -> bytes:
    """A FLAC of `NOISE` whose STREAMINFO claims so many frames (36 bits at byte 21; RFC 9639, 8.2)."""
    content = bytearray(wav(NOISE, form="FLAC"))
    fields = int.from_bytes(content[18:26], "big")
    content[18:26] = (fields >> 36 << 36 | frames).to_bytes(8, "big")
    return bytes(content)
