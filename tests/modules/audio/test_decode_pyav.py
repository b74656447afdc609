"""FFmpeg's libraries give float32 at one rate and layout, with the codec's delay cut off."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from modules.audio.decode_pyav import open_with_pyav
from modules.errors import DecodeError
from tests.modules.audio.sounds import LOSSLESS, RATE_HZ, tones, wav, with_pyav


def decode(content: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """All samples, of shape (frames, channels)."""
    with open_with_pyav(io.BytesIO(content)) as decoded:
        return np.concatenate(list(decoded.pieces))


@pytest.mark.parametrize(
    ("subtype", "step"),
    [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("PCM_32", 2**-24), ("FLOAT", 0.0), ("DOUBLE", 0.0)],
)
@pytest.mark.parametrize("channels", [1, 2, 3, 9, 16])
def test_every_sample_format_becomes_floats_of_full_scale_one(subtype: str, step: float, channels: int) -> None:
    """Within one step of the format, channels in their order, memory in rows."""
    samples = tones(RATE_HZ, channels, 0.25)
    with open_with_pyav(io.BytesIO(wav(samples, subtype=subtype))) as decoded:
        assert (decoded.sample_rate, decoded.channels) == (RATE_HZ, channels)
        pieces = list(decoded.pieces)
    assert all(piece.dtype == np.float32 and piece.flags.c_contiguous for piece in pieces)
    assert np.abs(np.concatenate(pieces) - samples).max() <= step


@pytest.mark.parametrize("name", ["opus.webm", "alac.m4a", "s64.nut"])
def test_a_codecs_delay_and_padding_are_cut_off(name: str, recordings: dict[str, Path]) -> None:
    """As many frames come out as went in, at the same place."""
    decoded = decode(recordings[name].read_bytes())
    source = tones(48_000 if name == "opus.webm" else 44_100 if name == "alac.m4a" else RATE_HZ)
    assert decoded.shape == source.shape
    assert np.abs(decoded - source).max() < (0.05 if name not in LOSSLESS else 2**-15)


def test_a_rate_and_layout_that_change_midway_are_brought_to_the_first() -> None:
    """Two ADTS streams in a row, 1 s of mono at 44.1 kHz and 1 s of stereo at 48 kHz, are 2 s of mono at 44.1 kHz."""
    content = adts(44_100, 1) + adts(48_000, 2)
    with open_with_pyav(io.BytesIO(content)) as decoded:
        assert (decoded.sample_rate, decoded.channels) == (44_100, 1)
        frames = sum(len(piece) for piece in decoded.pieces)
    assert frames == pytest.approx(2 * 44_100, abs=4 * 2_048)


def test_corrupt_packets_cost_themselves_only() -> None:
    """A hole in the middle leaves the rest."""
    content = bytearray(adts(44_100, 1))
    whole = len(decode(bytes(content)))
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    assert whole * 0.5 < len(decode(bytes(content))) <= whole


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    """There is a stream in it, but none to hear."""
    with av.open(tmp_path / "silent.mkv", "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        frame = av.VideoFrame(64, 64, "yuv420p")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DecodeError, match="no audio stream in it"):
        decode((tmp_path / "silent.mkv").read_bytes())


@pytest.mark.parametrize(
    "playlist",
    [b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n%s\n#EXT-X-ENDLIST\n", b"ffconcat version 1.0\nfile %s\n"],
)
def test_a_playlist_opens_no_other_file(playlist: bytes, recordings: dict[str, Path]) -> None:
    """Content from outside cannot have files of this machine read."""
    with pytest.raises(DecodeError):
        decode(playlist % str(recordings["lame.mp3"]).encode())


def test_the_file_object_stays_open_and_nothing_is_printed(
    recordings: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Even for garbage, whose complaints go into the error alone."""
    file = io.BytesIO(recordings["aac.m4a"].read_bytes()[:3_000])
    with pytest.raises(DecodeError), open_with_pyav(file):
        pass
    assert not file.closed
    assert capfd.readouterr() == ("", "")


def adts(rate_hz: int, channels: int) -> bytes:
    """One second of AAC without a container."""
    file = io.BytesIO()
    samples = tones(rate_hz, channels, 1.0)
    layout = {1: "mono", 2: "stereo"}[channels]
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def test_stereo_m4a_keeps_its_channels_apart(tmp_path: Path) -> None:
    """The left tone is on the left."""
    samples = tones(44_100, 2, 1.0)
    with_pyav(tmp_path / "stereo.m4a", "alac", 44_100, samples)
    assert np.abs(decode((tmp_path / "stereo.m4a").read_bytes()) - samples).max() < 2**-15
