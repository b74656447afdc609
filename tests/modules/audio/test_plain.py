"""Only what can do no harm is taken to be plain."""

import io

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.plain import is_plain
from tests.fakes import ramp


def written(fmt: str, subtype: str, seconds: float = 0.5) -> bytes:
    """A recording as libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, ramp(seconds).samples, 16_000, format=fmt, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW", "ALAW"])
def test_uncompressed_wav_is_plain(subtype: str) -> None:
    """In all its usual codings."""
    content = written("WAV", subtype)
    assert is_plain(content[:4096], len(content))


def test_a_wav_that_claims_more_than_there_is_is_not() -> None:
    """Nor one that is compressed, or cut before its sound begins."""
    content = written("WAV", "PCM_16")
    assert not is_plain(content[:4096], len(content) - 1)
    assert not is_plain(written("WAV", "IMA_ADPCM")[:4096], 10**6)
    assert not is_plain(content[:40], len(content))


def test_a_wav_of_unknown_length_is_plain() -> None:
    """A recorder that was switched off leaves 0 or the largest number there is."""
    content = bytearray(written("WAV", "PCM_16"))
    at = content.index(b"data") + 4
    for claimed in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
        content[at : at + 4] = claimed
        assert is_plain(bytes(content[:4096]), len(content))


def test_flac_is_plain_unless_it_claims_a_thousandfold() -> None:
    """What a bomb holds stands in its first block."""
    content = written("FLAC", "PCM_16")
    assert is_plain(content[:4096], len(content))
    assert not is_plain(content[:4096], 10)


@pytest.mark.parametrize(("fmt", "subtype"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16")])
def test_other_formats_are_not(fmt: str, subtype: str) -> None:
    """Their decoders are not as simple."""
    content = written(fmt, subtype)
    assert not is_plain(content[:4096], len(content))


@given(st.binary(max_size=200), st.sampled_from([b"", b"fLaC", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt "]))
def test_any_bytes_are_looked_at_without_harm(content: bytes, start: bytes) -> None:
    """Whatever a size in them says."""
    assert is_plain(start + content, 10**6) in (True, False)
