"""What is found of an MP4 file decodes to the very samples that libav gives; what is not plain is not found."""

import io
import struct
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.audio import decode_pyav
from modules.audio.aac_packets import MIN_PACKETS, AacPackets, aac_packets
from modules.audio.decode_pyav import open_with_pyav
from modules.errors import DecodeError
from tests.modules.audio.sounds import tones, with_pyav

RATE_HZ = 44_100
DELAY = 1_024
MATERIAL = Path(__file__).parents[4] / "shared" / "data" / "audio"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One second of stereo AAC in an MP4 file, as FFmpeg's libraries write it."""
    path = tmp_path_factory.mktemp("aac") / "plain.m4a"
    with_pyav(path, "aac", RATE_HZ, tones(RATE_HZ, 2, 1.0))
    return path.read_bytes()


def found(content: bytes) -> AacPackets | None:
    """What is found, however short it is."""
    return aac_packets(io.BytesIO(content), min_packets=1)


def decoded(content: bytes, monkeypatch: pytest.MonkeyPatch, *, is_ours: bool) -> NDArray[np.float32] | str:
    """All samples, by our own search for packets or by libav's; or that it does not decode."""
    with monkeypatch.context() as patch:
        patch.setattr(decode_pyav, "aac_packets", lambda file: aac_packets(file, min_packets=1) if is_ours else None)
        try:
            with open_with_pyav(io.BytesIO(content)) as opened:
                return np.concatenate(list(opened.pieces))
        except DecodeError:
            return "it does not decode"


def assert_equal(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways give the same, to the bit."""
    ours, theirs = (decoded(content, monkeypatch, is_ours=is_ours) for is_ours in (True, False))
    assert np.array_equal(ours, theirs)


def edited(content: bytes, *, ticks: int | None = None, media_time: int | None = None) -> bytes:
    """With another edit list."""
    changed, place = bytearray(content), content.index(b"elst") + 12
    if ticks is not None:
        struct.pack_into(">I", changed, place, ticks)
    if media_time is not None:
        struct.pack_into(">i", changed, place + 4, media_time)
    return bytes(changed)


def test_packets_are_those_of_the_file(plain: bytes) -> None:
    """As many as a second has, one after the other, and the delay of the encoder."""
    packets = found(plain)
    assert packets is not None
    assert (packets.sample_rate, packets.delay_frames) == (RATE_HZ, DELAY)
    assert len(packets.sizes) == -(-(RATE_HZ + DELAY) // 1_024)
    parts = list(packets.read(io.BytesIO(plain)))
    assert [len(part) for part in parts] == packets.sizes.tolist()
    assert b"".join(parts) in plain


def test_the_samples_are_those_that_libav_gives(plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """And they are those of our own search."""
    assert found(plain)
    assert_equal(plain, monkeypatch)


@pytest.mark.parametrize("ticks", [0, 1, 500, 974, 975, 976, 977, 978, 998, 999, 1_000, 1_001, 1_022, 60_000])
def test_where_the_edit_ends_changes_nothing(plain: bytes, monkeypatch: pytest.MonkeyPatch, ticks: int) -> None:
    """Thousandths of a second, most of them before the last packet, which libav then leaves out."""
    assert_equal(edited(plain, ticks=ticks), monkeypatch)


@pytest.mark.parametrize("media_time", [0, 1, 1_023, 1_025, 2_047, 2_048, 2_112, 5_000, 44_000, 46_000])
def test_where_the_edit_begins_changes_nothing(plain: bytes, monkeypatch: pytest.MonkeyPatch, media_time: int) -> None:
    """Other encoders have other delays."""
    assert_equal(edited(plain, media_time=media_time), monkeypatch)


def test_without_an_edit_nothing_is_cut_off(plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delay of the encoder is then unknown, to libav too."""
    content = plain.replace(b"edts", b"free")
    packets = found(content)
    assert packets is not None
    assert packets.delay_frames == 0
    assert_equal(content, monkeypatch)


@pytest.mark.parametrize("seed", range(60))
def test_broken_files_decode_as_libav_decodes_them(plain: bytes, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """A few wrong bytes anywhere in its tables, or an end that is missing."""
    chance, content = Random(seed), bytearray(plain)
    for _ in range(chance.randrange(1, 4)):
        content[chance.randrange(plain.index(b"moov"), len(plain))] = chance.randrange(256)
    assert_equal(bytes(content[: chance.randrange(len(plain))] if seed % 4 == 0 else content), monkeypatch)


@pytest.mark.parametrize("name", [b"stss", b"ctts", b"mvex", b"iTunSMPB"])
def test_what_is_not_plain_is_left_to_libav(plain: bytes, name: bytes) -> None:
    """Tables that we know nothing of, more to come in fragments, Apple's own word on delays."""
    instead = {b"mvex": b"udta", b"iTunSMPB": b"mdirappl"}.get(name, b"sgpd")
    assert plain.count(instead) == 1
    assert found(plain.replace(instead, name)) is None


def test_short_recordings_are_left_to_libav(plain: bytes) -> None:
    """What it keeps of them is little."""
    assert aac_packets(io.BytesIO(plain)) is None
    assert MIN_PACKETS * 36 < 1_000_000


@pytest.mark.parametrize("name", ["alac.m4a", "opus.webm", "lame.mp3", "s16.wav"])
def test_other_formats_are_left_to_libav(recordings: dict[str, Path], name: str) -> None:
    """Also in the same container."""
    assert found(recordings[name].read_bytes()) is None


@pytest.mark.skipif(not MATERIAL.is_dir(), reason="needs ../shared/data/audio")
def test_recordings_of_others_decode_as_libav_decodes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole ones, hostile ones, some of which are of our layout: one whose first packet gives nothing, too."""
    paths = [path for suffix in ("m4a", "mp4") for path in MATERIAL.rglob(f"*.{suffix}")]
    assert sum(found(path.read_bytes()) is not None for path in paths) > 1
    for path in paths:
        assert_equal(path.read_bytes(), monkeypatch)
