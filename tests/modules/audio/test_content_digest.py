"""The same audio has the same digest, and nothing else has it."""

import io
from pathlib import Path

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.audio.content_digest import content_digest
from modules.errors import DecodeError

SAMPLES = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)


def test_a_recording_is_its_bytes_wherever_they_are(tmp_path: Path) -> None:
    """A path, the bytes themselves and a file object, wherever that stands."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"some recording")
    file = io.BytesIO(b"some recording")
    file.seek(5)
    digests = {content_digest(source) for source in (path, str(path), b"some recording", bytearray(b"some recording"))}
    assert digests == {content_digest(file)}
    assert content_digest(b"another recording") not in digests


def test_a_file_object_that_can_be_read_once_has_none() -> None:
    """It is left for the decoder."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    pipe = Pipe(b"some recording")
    assert content_digest(pipe) is None
    assert pipe.read() == b"some recording"


def test_samples_are_their_values_rate_shape_type_and_place() -> None:
    """What would be heard differently is different."""
    of = [
        AudioBuffer(SAMPLES, 16_000),
        AudioBuffer(SAMPLES, 8_000),
        AudioBuffer(SAMPLES, 16_000, 1.0),
        AudioBuffer(SAMPLES.reshape(500, 2), 16_000),
        AudioBuffer(SAMPLES[::-1].copy(), 16_000),
        AudioBuffer.of_pcm16((SAMPLES * 1000).astype(np.int16), 16_000),
    ]
    assert len({content_digest(buffer) for buffer in of}) == len(of)


def test_a_view_is_as_good_as_a_copy() -> None:
    """Every other sample is the same samples."""
    view, copy = SAMPLES[::2], SAMPLES[::2].copy()
    assert content_digest(AudioBuffer(view, 16_000)) == content_digest(AudioBuffer(copy, 16_000))


def test_a_missing_file_is_a_decode_error(tmp_path: Path) -> None:
    """As it is when it is decoded."""
    with pytest.raises(DecodeError, match="cannot read"):
        content_digest(tmp_path / "absent.wav")
