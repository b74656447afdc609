"""Recordings seen where they lie: any part, the same samples as a decoder gives, whatever the header claims."""

import gc
import io
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modules.audio import mapped_file
from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.audio.mapped_file import MemoryMappedAudioFile
from modules.audio.pcm_layout import Encoding, SampleForm
from modules.audio.resample import Resampler
from modules.errors import AudioError, CannotMap, DecodeError, SourceChanged
from modules.memory.pool import BufferPool

RATE_HZ = 16_000
FRAMES = 1_000

WRITABLE = [
    *[("WAV", subtype, None) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
    *[("WAV", subtype, "BIG") for subtype in ("PCM_16", "PCM_24", "FLOAT")],
    *[("WAVEX", subtype, None) for subtype in ("PCM_16", "PCM_24", "FLOAT")],
    *[("RF64", subtype, None) for subtype in ("PCM_16", "PCM_24", "FLOAT")],
    *[("W64", subtype, None) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "DOUBLE")],
    *[("AIFF", subtype, None) for subtype in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
    ("AIFF", "PCM_16", "LITTLE"),
    *[("CAF", subtype, None) for subtype in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
    ("CAF", "PCM_24", "BIG"),
    ("CAF", "FLOAT", "LITTLE"),
]
FORMATS = pytest.mark.parametrize("written", WRITABLE, ids=lambda w: "-".join(filter(None, w)))
Written = tuple[str, str, str | None]

# How a test writes samples of each encoding, by numpy alone.
DTYPES = {
    Encoding.U8: "u1",
    Encoding.S8: "i1",
    Encoding.S16: "i2",
    Encoding.S24: "i4",
    Encoding.S32: "i4",
    Encoding.F32: "f4",
    Encoding.F64: "f8",
}


def noise(channels: int, frames: int = FRAMES) -> NDArray[np.float32]:
    """Noise of shape (frames, channels)."""
    return np.random.default_rng(frames).uniform(-1, 1, (frames, channels)).astype(np.float32)


def file_of(written: Written, samples: NDArray[np.float32]) -> bytearray:
    """The samples in that format, as libsndfile writes it."""
    form, subtype, endian = written
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=form, subtype=subtype, endian=endian or "FILE")
    return bytearray(file.getvalue())


def saved(folder: Path, content: bytes | bytearray, name: str = "x.bin") -> Path:
    """A file of that content; its name says nothing."""
    path = folder / name
    path.write_bytes(content)
    return path


@FORMATS
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_window_holds_what_a_decoder_gives(written: Written, channels: int, tmp_path: Path) -> None:
    """To the bit, for every container and encoding, from the start, from the middle and across the end."""
    path = saved(tmp_path, file_of(written, noise(channels)))
    decoded = soundfile.read(path, dtype="float32", always_2d=channels > 1)[0]
    with MemoryMappedAudioFile(path) as file:
        assert (file.sample_rate, file.channels, file.frames, file.lies) == (RATE_HZ, channels, FRAMES, ())
        assert file.duration_s == FRAMES / RATE_HZ
        for start, frames in ((0, FRAMES), (333, 100), (FRAMES - 7, 100), (FRAMES, 5), (5 * FRAMES, 5)):
            window = file.window(start, frames)
            assert np.array_equal(window.samples, decoded[start : start + frames])
            assert window.start_s == min(start, FRAMES) / RATE_HZ
            into = np.full((frames, *decoded.shape[1:]), 9.0, np.float32)
            filled = file.read_into(into, start)
            assert np.array_equal(into[:filled], decoded[start : start + frames])
            assert (into[filled:] == 9.0).all()


@pytest.mark.parametrize("written", [("WAV", "PCM_16", None), ("WAV", "FLOAT", None), ("CAF", "FLOAT", "LITTLE")])
def test_samples_of_our_own_kinds_are_not_copied(written: Written, tmp_path: Path) -> None:
    """Two windows of one place share their memory, 16-bit samples stay 16-bit until floats are asked for."""
    with MemoryMappedAudioFile(saved(tmp_path, file_of(written, noise(2)))) as file:
        one, other = (file.window(100, 200) for _ in range(2))
        if written[1] == "PCM_16":
            assert one.pcm16 is not None
            assert other.pcm16 is not None
            assert np.shares_memory(one.pcm16, other.pcm16)
            assert not one.pcm16.flags.writeable
        else:
            assert np.shares_memory(one.samples, other.samples)
            assert not one.samples.flags.writeable


@given(
    encoding=st.sampled_from(Encoding),
    channels=st.integers(1, 3),
    is_big_endian=st.booleans(),
    start_byte=st.integers(0, 9),
    data=st.data(),
)
@settings(deadline=None)
def test_raw_windows_are_those_of_plain_numpy(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    encoding: Encoding,
    channels: int,
    is_big_endian: bool,
    start_byte: int,
    data: st.DataObject,
) -> None:
    """Any encoding and byte order, at any place in the file, also an odd one; a frame that is not whole is left out."""
    frames = data.draw(st.integers(0, 50))
    start, wanted = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 60))
    rng = np.random.default_rng(frames)
    order = ">" if is_big_endian else "<"
    if encoding.is_float:
        plain = rng.uniform(-1, 1, (frames, channels)).astype(order + DTYPES[encoding])
        content, expected = plain.tobytes(), plain.astype(np.float32)
    else:
        bits = 8 * encoding.sample_bytes
        low = 0 if encoding is Encoding.U8 else -(1 << (bits - 1))
        whole = rng.integers(low, low + (1 << bits), (frames, channels), dtype=np.int64)
        content = pcm(whole, encoding, order)
        expected = ((whole - (128 if encoding is Encoding.U8 else 0)) / 2.0 ** (bits - 1)).astype(np.float32)
    path = saved(tmp_path_factory.mktemp("raw"), b"x" * start_byte + content + b"y" * (encoding.sample_bytes - 1))
    if not path.stat().st_size:
        return
    form = SampleForm(RATE_HZ, channels, encoding, is_big_endian=is_big_endian)
    with MemoryMappedAudioFile(path, raw=form, raw_start_byte=start_byte) as file:
        assert file.frames == frames
        window = file.window(start, wanted)
        shaped = expected[:, 0] if channels == 1 else expected
        assert np.array_equal(window.samples, shaped[start : start + wanted])
        assert window.samples.flags.aligned


def pcm(whole: NDArray[np.int64], encoding: Encoding, order: str) -> bytes:
    """Whole numbers as bytes."""
    if encoding is not Encoding.S24:
        return whole.astype(order + DTYPES[encoding]).tobytes()
    four = (whole << 8).astype("<i4").tobytes()
    three = np.frombuffer(four, np.uint8).reshape(-1, 4)[:, 1:]
    return (three[:, ::-1] if order == ">" else three).tobytes()


@FORMATS
def test_a_file_that_was_cut_short_gives_what_is_there(written: Written, tmp_path: Path) -> None:
    """Whole frames up to the cut, and a word about the header's claim."""
    content = file_of(written, noise(2))
    decoded = soundfile.read(io.BytesIO(content), dtype="float32")[0]
    with MemoryMappedAudioFile(saved(tmp_path, content[:-501])) as file:
        assert 0 < file.frames < FRAMES
        assert np.array_equal(file.window(0, FRAMES).samples, decoded[: file.frames])
        assert "bytes of samples where" in file.lies[0]


@pytest.mark.parametrize("written", WRITABLE[::5], ids=lambda w: "-".join(filter(None, w)))
def test_a_header_that_was_cut_anywhere_is_mapped_or_refused(written: Written, tmp_path: Path) -> None:
    """Never another error, and never more frames than there are."""
    content = file_of(written, noise(1, 20))
    for size in (*range(1, min(130, len(content))), *range(len(content) - 70, len(content))):
        try:
            file = MemoryMappedAudioFile(saved(tmp_path, content[:size]))
        except CannotMap:
            continue
        with file:
            assert file.window(0, FRAMES).frames == file.frames <= 20


@settings(max_examples=200, deadline=None)
@given(written=st.sampled_from(WRITABLE), data=st.data())
def test_a_broken_header_is_mapped_or_refused(
    tmp_path_factory: pytest.TempPathFactory, written: Written, data: st.DataObject
) -> None:
    """Whatever bytes of it are changed."""
    content = file_of(written, noise(2, 20))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 120) - 1))] = data.draw(st.integers(0, 255))
    path = saved(tmp_path_factory.getbasetemp(), content)
    try:
        file = MemoryMappedAudioFile(path)
        with file:
            assert file.window(0, 1 << 40).frames == file.frames
            assert file.layout.start + file.frames * file.layout.form.frame_bytes <= len(content)
    except DecodeError:
        pass


def wav_with(size: int, tmp_path: Path, *, before_data: bytes = b"") -> MemoryMappedAudioFile:
    """A WAV of 16-bit samples whose `data` chunk claims `size` bytes."""
    content = file_of(("WAV", "PCM_16", None), noise(1))
    at = content.index(b"data")
    content[at + 4 : at + 8] = struct.pack("<I", size)
    content[at:at] = before_data
    return MemoryMappedAudioFile(saved(tmp_path, content))


def test_lying_sizes_of_wav_are_seen_through(tmp_path: Path) -> None:
    """Left open, nothing, too much: all there is; less: as much as is claimed, for other chunks may follow."""
    for size, frames, lie in (
        (0xFFFFFFFF, FRAMES, "leaves open how many samples there are"),
        (0, FRAMES, f"claims that there are no samples where {2 * FRAMES} bytes follow"),
        (99_999, FRAMES, f"claims 99999 bytes of samples where {2 * FRAMES} are left in the file"),
        (101, 50, "claims 101 bytes of samples, which are no whole frames"),
    ):
        with wav_with(size, tmp_path) as file:
            assert (file.frames, file.lies) == (frames, (lie,))
    with wav_with(100, tmp_path) as file:
        assert (file.frames, file.lies) == (50, ())


def test_chunks_before_and_after_the_samples_are_passed_over(tmp_path: Path) -> None:
    """Also one of odd length, followed by a byte that belongs to none. An empty `data` before other chunks is empty."""
    with wav_with(2 * FRAMES, tmp_path, before_data=b"LIST\x03\x00\x00\x00abc\x00") as file:
        assert (file.frames, file.lies) == (FRAMES, ())
    content = file_of(("WAV", "PCM_16", None), noise(1, 0)) + b"LIST\x04\x00\x00\x00abcd"
    with MemoryMappedAudioFile(saved(tmp_path, content)) as file:
        assert (file.frames, file.lies) == (0, ())
        assert file.window(0, 10).frames == 0


def test_a_format_after_the_samples_is_found(tmp_path: Path) -> None:
    """The order of chunks is free."""
    content = file_of(("WAV", "PCM_16", None), noise(1))
    form, data = content.index(b"fmt "), content.index(b"data")
    turned = content[:form] + content[data:] + content[form:data]
    with MemoryMappedAudioFile(saved(tmp_path, turned)) as file:
        assert (file.frames, file.lies) == (FRAMES, ())


def test_frames_of_another_size_than_the_header_claims_are_put_right(tmp_path: Path) -> None:
    """24 bits in 4 bytes are samples of 4 bytes; a size that cannot be is counted from the bits."""
    content = file_of(("WAV", "PCM_32", None), noise(2))
    content[34:36] = struct.pack("<H", 24)
    with MemoryMappedAudioFile(saved(tmp_path, content)) as file:
        assert (file.frames, file.layout.form.encoding, file.lies) == (FRAMES, Encoding.S32, ())
    content = file_of(("WAV", "PCM_24", None), noise(3))
    content[32:34] = struct.pack("<H", 4)
    with MemoryMappedAudioFile(saved(tmp_path, content)) as file:
        assert file.frames == FRAMES
        assert file.lies == ("claims frames of 4 bytes for 3 channels of 24 bits",)


def test_a_count_of_frames_that_is_not_true_is_told(tmp_path: Path) -> None:
    """AIFF counts twice; what is there counts. A size that was never filled in means all there is."""
    content = file_of(("AIFF", "PCM_16", None), noise(1))
    at = content.index(b"COMM")
    content[at + 10 : at + 14] = struct.pack(">I", 5_000)
    with MemoryMappedAudioFile(saved(tmp_path, content)) as file:
        assert (file.frames, file.lies) == (FRAMES, ("claims 5000 frames where 1000 are there",))
    at = content.index(b"SSND")
    content[at + 4 : at + 8] = bytes(4)
    with MemoryMappedAudioFile(saved(tmp_path, content)) as file:
        assert file.frames == FRAMES


def test_a_caf_without_a_size_goes_to_the_end(tmp_path: Path) -> None:
    """As its format allows, so it is no lie."""
    content = file_of(("CAF", "PCM_16", None), noise(1))
    at = content.index(b"data")
    content[at + 4 : at + 12] = struct.pack(">q", -1)
    with MemoryMappedAudioFile(saved(tmp_path, content)) as file:
        assert (file.frames, file.lies) == (FRAMES, ())


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (("WAV", "ULAW", None), "it holds mu-law, no plain samples"),
        (("WAV", "MS_ADPCM", None), "it holds ADPCM, no plain samples"),
        (("AIFF", "ALAW", None), "it holds sound in coding 'alaw', no plain samples"),
        (("CAF", "ULAW", None), "it holds sound in coding 'ulaw', no plain samples"),
        (("FLAC", "PCM_16", None), r"it is no WAV, RF64, W64, AIFF or CAF; open_audio\(\) may decode it"),
    ],
)
def test_what_is_not_plain_is_refused_with_the_reason(written: Written, why: str, tmp_path: Path) -> None:
    """And can be decoded all the same."""
    path = saved(tmp_path, file_of(written, noise(1)))
    with pytest.raises(CannotMap, match=f"cannot map .*x.bin: {why}"):
        MemoryMappedAudioFile(path)
    with open_audio(path) as reader:
        assert sum(block.frames for block in reader.blocks(1.0)) >= FRAMES


def test_what_is_no_file_of_samples_is_refused(tmp_path: Path) -> None:
    """Missing, empty, a folder, a device: each with its reason."""
    with pytest.raises(DecodeError, match=r"cannot read .*missing\.wav: no such file"):
        MemoryMappedAudioFile(tmp_path / "missing.wav")
    with pytest.raises(CannotMap, match="it is empty"):
        MemoryMappedAudioFile(saved(tmp_path, b""))
    with pytest.raises(CannotMap, match="it is no file on a disk"):
        MemoryMappedAudioFile(tmp_path)
    with pytest.raises(CannotMap, match="it is no file on a disk"):
        MemoryMappedAudioFile("/dev/null")
    with pytest.raises(CannotMap, match="its header claims 0 channels"):
        SampleForm(RATE_HZ, 0, Encoding.S16)
    with pytest.raises(CannotMap, match="its header claims 4000000000 Hz"):
        SampleForm(4_000_000_000, 1, Encoding.S16)


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """NaN, infinite, or too large for 32 bits, in the window where they stand and in no other."""
    samples = np.zeros(3_000, np.float64)
    samples[1_500], samples[2_500] = math.nan, 1e300
    path = saved(tmp_path, samples.tobytes())
    with MemoryMappedAudioFile(path, raw=SampleForm(1_000, 1, Encoding.F64)) as file:
        assert file.window(0, 1_000).frames == 1_000
        for start in (1_000, 2_000):
            with pytest.raises(DecodeError, match=rf"NaN or infinite samples at {start / 1000:.3f} s or soon after"):
                file.window(start, 1_000)
            with pytest.raises(DecodeError):
                file.read_into(np.empty(1_000, np.float32), start)


def test_a_wrong_place_or_shape_is_refused(tmp_path: Path) -> None:
    """Before anything is read."""
    with MemoryMappedAudioFile(saved(tmp_path, file_of(("WAV", "PCM_16", None), noise(2)))) as file:
        with pytest.raises(AudioError, match="start_frame and frames must be 0 or more, got -1 and 5"):
            file.window(-1, 5)
        with pytest.raises(AudioError, match="has 2 channels, which do not fit into float32 of"):
            file.read_into(np.empty(10, np.float32), 0)
        wrong: Any = np.empty((10, 2))
        with pytest.raises(AudioError, match="do not fit into float64"):
            file.read_into(wrong, 0)


def test_windows_stay_good_after_closing(tmp_path: Path) -> None:
    """A new one is refused."""
    file = MemoryMappedAudioFile(saved(tmp_path, file_of(("WAV", "PCM_16", None), noise(1))))
    window = file.window(0, 10)
    before = window.samples.copy()
    file.close()
    file.close()
    gc.collect()
    assert np.array_equal(AudioBuffer(window.samples, RATE_HZ).samples, before)
    assert "closed" in repr(file)
    with pytest.raises(DecodeError, match="it was closed"):
        file.window(0, 10)


def test_a_file_that_is_cut_short_meanwhile_is_noticed(tmp_path: Path) -> None:
    """Samples that are still there can still be had."""
    path = saved(tmp_path, file_of(("WAV", "PCM_16", None), noise(1, 100_000)))
    with MemoryMappedAudioFile(path) as file, path.open("r+b") as other:
        other.truncate(100_000)
        assert file.window(0, 10_000).frames == 10_000
        with pytest.raises(SourceChanged, match="cut short to 100000 bytes after it was opened"):
            file.window(90_000, 10_000)


def test_pages_are_let_go_and_views_stay_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is looked at, an earlier window still shows its samples."""
    monkeypatch.setattr(mapped_file, "MAX_TOUCHED_BYTES", 1_000)
    samples = noise(1, 20_000)
    with MemoryMappedAudioFile(saved(tmp_path, file_of(("WAV", "FLOAT", None), samples))) as file:
        windows = list(file.blocks(0.1))
        assert np.array_equal(np.concatenate([window.samples for window in windows]), samples[:, 0])
        assert [window.frames for window in windows] == [1_600] * 12 + [800]


def test_windows_go_into_leases_and_through_a_resampler(tmp_path: Path) -> None:
    """What is read-only is taken by whoever only reads."""
    path = saved(tmp_path, file_of(("WAV", "FLOAT", None), noise(1, RATE_HZ)))
    pool = BufferPool(1 << 20, debug=True)
    with MemoryMappedAudioFile(path) as file, pool.lease(RATE_HZ) as lease:
        assert file.read_into(lease.samples, 0) == RATE_HZ
        leased = AudioBuffer(lease.samples, RATE_HZ)
        one, other = (Resampler(RATE_HZ, 8_000).feed(buffer)[0] for buffer in (file.window(0, RATE_HZ), leased))
        assert np.array_equal(one.samples, other.samples)


def test_no_file_is_written_beside_the_recording(tmp_path: Path) -> None:
    """Nor is the recording touched."""
    path = saved(tmp_path, file_of(("WAV", "PCM_24", None), noise(2)))
    before = path.stat().st_mtime_ns
    with MemoryMappedAudioFile(path) as file:
        file.window(0, FRAMES)
        assert repr(file) == f"<MemoryMappedAudioFile {path}: 1000 frames, 2 channels, 16000 Hz, 24-bit WAV>"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.bin"]
    assert path.stat().st_mtime_ns == before


def test_real_recordings_are_mapped_as_they_decode(shared: Path) -> None:
    """Every plain WAV and AIFF of the test material, the broken ones too, to the bit."""
    mapped = 0
    for path in sorted((shared / "audio").glob("[hf]o*/**/*.*[fFvV]*")):
        try:
            file = MemoryMappedAudioFile(path)
        except DecodeError:
            continue
        with file:
            decoded, rate = soundfile.read(path, dtype="float32", always_2d=True)
            assert rate == file.sample_rate, path
            assert np.array_equal(file.window(0, file.frames).samples.reshape(-1, file.channels), decoded), path
            mapped += 1
    assert mapped > 50
