"""Any recording, from wherever it comes, is the same buffers, or one line that says why not."""

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.audio.decode import DECODERS, open_audio
from modules.audio.source import Source
from modules.errors import ConfigError, DecodeError
from tests.modules.audio.sounds import CODEC_FRAME_S, LOSSLESS, RATE_HZ, WITH_PYAV, WITH_SOUNDFILE, tones, wav

IN_THIS_PROCESS = tuple(decoder for decoder in DECODERS if decoder != "ffmpeg")
"""Those whose tries cost no start of a process."""

NAMES = (*WITH_SOUNDFILE, *WITH_PYAV)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg command on the PATH")


def decode(source: Source, block_s: float = 0.3, decoders: tuple[str, ...] = DECODERS) -> AudioBuffer:
    """All of the recording in one buffer."""
    with open_audio(source, decoders=decoders) as reader:
        blocks = [block.samples for block in reader.blocks(block_s)]
        return AudioBuffer(np.concatenate(blocks), reader.sample_rate)


@pytest.mark.parametrize("name", NAMES)
def test_a_path_bytes_and_a_file_object_give_the_same_samples(name: str, recordings: dict[str, Path]) -> None:
    """Also a file object that stands somewhere in the middle, and one that cannot seek."""
    path = recordings[name]
    samples = decode(path).samples
    with path.open("rb") as file, path.open("rb") as unseekable:
        file.seek(100)
        unseekable.seekable = lambda: False  # type: ignore[method-assign]
        sources: list[Source] = [str(path), path.read_bytes(), memoryview(path.read_bytes()), file, unseekable]
        assert all(np.array_equal(decode(source).samples, samples) for source in sources)
        assert not file.closed


@needs_ffmpeg
@pytest.mark.parametrize("name", NAMES)
def test_there_are_as_many_samples_as_the_ffmpeg_command_finds(name: str, recordings: dict[str, Path]) -> None:
    """Exactly for lossless formats, within one frame of the codec for others."""
    command = ["ffmpeg", "-v", "error", "-i", str(recordings[name]), "-f", "f32le", "-"]
    expected = len(subprocess.run(command, capture_output=True, check=True).stdout) // 4
    decoded = decode(recordings[name])
    tolerance = 0 if name in LOSSLESS else CODEC_FRAME_S * decoded.sample_rate
    assert abs(decoded.frames - expected) <= tolerance


@pytest.mark.parametrize("name", sorted(LOSSLESS - {"u8.wav", "alaw.wav", "mulaw.wav"}))
def test_lossless_formats_give_back_what_was_written(name: str, recordings: dict[str, Path]) -> None:
    """Within one step of 16 bits."""
    decoded = decode(recordings[name])
    assert np.abs(decoded.samples - tones(decoded.sample_rate)[:, 0]).max() < 2**-15


@pytest.mark.parametrize("name", NAMES)
def test_the_cheapest_decoder_that_can_is_the_one_named(name: str, recordings: dict[str, Path]) -> None:
    """By content: the name of the file says nothing."""
    with open_audio(recordings[name].read_bytes()) as reader:
        assert reader.decoder == ("soundfile" if name in WITH_SOUNDFILE else "pyav")
        assert repr(reader).startswith("<AudioReader <bytes>: ")


@pytest.mark.parametrize("block_s", [1e-9, 0.01, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_follow_each_other_whatever_their_length(block_s: float, channels: int) -> None:
    """All as long as asked but the last; mono has one axis; times are exact."""
    samples = tones(RATE_HZ, channels, 0.25)
    with open_audio(wav(samples, subtype="FLOAT")) as reader:
        blocks = list(reader.blocks(block_s))
    step = max(1, round(block_s * RATE_HZ))
    assert [block.frames for block in blocks[:-1]] == [step] * (len(blocks) - 1)
    assert [block.start_s for block in blocks] == [number * step / RATE_HZ for number in range(len(blocks))]
    assert all(block.samples.ndim == min(channels, 2) and block.samples.dtype == np.float32 for block in blocks)
    assert np.array_equal(np.concatenate([block.samples for block in blocks]).reshape(samples.shape), samples)


def test_decoding_is_lazy_and_blocks_go_on_where_they_were() -> None:
    """The first second of a long file does not read the rest."""
    file = io.BytesIO(wav(tones(RATE_HZ, 1, 60.0)))
    with open_audio(file) as reader:
        first = next(reader.blocks(1.0))
        assert file.tell() < 100_000
        second = next(reader.blocks(0.5))
    assert second.start_s == first.end_s


def test_a_flac_broken_in_the_middle_goes_on_with_the_next_decoder() -> None:
    """There libsndfile gives up; what it had delivered is not repeated."""
    samples = (np.random.default_rng(5).standard_normal((60_000, 1)) * 0.1).astype(np.float32)
    content = bytearray(wav(samples, form="FLAC"))
    content[len(content) // 2 : len(content) // 2 + 100] = bytes(100)
    with open_audio(bytes(content)) as reader:
        assert reader.decoder == "soundfile"
        decoded = np.concatenate([block.samples for block in reader.blocks(0.1)])
        assert reader.decoder == "pyav"
    assert 45_000 < len(decoded) <= 60_000
    assert np.abs(decoded[:20_000] - samples[:20_000, 0]).max() < 2**-15
    assert np.abs(decoded[-8_000:] - samples[-8_000:, 0]).max() < 2**-15


def test_without_another_decoder_breaking_off_says_how_far_it_got() -> None:
    """The seconds that were decoded are in the text."""
    content = wav((np.random.default_rng(5).standard_normal((60_000, 1)) * 0.1).astype(np.float32), form="FLAC")
    with pytest.raises(DecodeError, match=r"cannot decode <bytes> beyond \d\.\d{3} s: soundfile: lost the data"):
        decode(content[: len(content) // 2], decoders=("soundfile",))


def test_one_line_names_every_decoder_and_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person can tell from it what to do."""
    monkeypatch.setenv("PATH", "")
    path = tmp_path / "broken.wav"
    path.write_bytes(b"nothing that sounds")
    with pytest.raises(DecodeError) as caught:
        decode(path)
    assert str(caught.value) == (
        f"cannot decode {path}: soundfile: Format not recognised; "
        "pyav: Invalid data found when processing input; ffmpeg: not installed"
    )


def test_a_recording_without_a_frame_says_that_there_is_no_audio_in_it() -> None:
    """A header alone is no sound."""
    with pytest.raises(DecodeError, match="soundfile: no audio in it; pyav: no audio in it"):
        decode(wav(np.empty((0, 1), np.float32)), decoders=("soundfile", "pyav"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_an_error_not_sound(value: float) -> None:
    """One NaN would silence everything after it."""
    samples = tones(RATE_HZ)
    samples[30_000] = value
    with pytest.raises(DecodeError, match=r"NaN or infinite samples at 1\.800 s"):
        decode(wav(samples, subtype="FLOAT"))


def test_a_file_that_is_closed_under_the_reader_is_a_decode_error() -> None:
    """Not a ValueError from somewhere below."""
    file = io.BytesIO(wav(tones(RATE_HZ, 1, 60.0)))
    with open_audio(file) as reader:
        blocks = reader.blocks(1.0)
        next(blocks)
        file.close()
        with pytest.raises(DecodeError, match="reading failed: I/O operation on closed file"):
            list(blocks)


def test_wrong_settings_are_refused() -> None:
    """The text says what is allowed."""
    with pytest.raises(ConfigError, match=r"some of soundfile, pyav, ffmpeg, got sox"):
        decode(b"", decoders=("sox",))
    with pytest.raises(ConfigError, match="got none"):
        decode(b"", decoders=())
    for block_s in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="block_s"):
            decode(wav(tones(RATE_HZ)), block_s)


def test_no_descriptor_process_or_file_is_left(
    recordings: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a recording was read whole, in part, or not at all."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    decode(recordings["opus.webm"])  # what libraries keep open for good is open now
    before = open_descriptors()
    for path in recordings.values():
        decode(path)
        with open_audio(path) as reader:
            next(reader.blocks(0.1))
    for content in (b"", b"nothing", wav(np.empty((0, 1), np.float32))):
        with pytest.raises(DecodeError):
            decode(content)
    assert open_descriptors() == before
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def open_descriptors() -> int:
    """How many this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def manifest(shared: Path, folders: str) -> Iterator[dict[str, str]]:
    """The manifest's rows of files in the folders whose names begin so."""
    with (shared / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["path"].startswith(f"audio/{folders}"):
                yield row


def test_every_recording_that_a_library_opens_decodes_to_its_length(shared: Path) -> None:
    """Within a codec frame of what the manifest says, for it was measured with one library or the other."""
    seen = 0
    for row in manifest(shared, "formats_"):
        if "ok" in (row["pyav"], row["soundfile"]) and float(row["seconds"] or 1):
            decoded = decode(shared / row["path"], 1.0)
            if row["seconds"]:
                assert decoded.duration_s == pytest.approx(float(row["seconds"]), abs=0.1), row["path"]
            assert decoded.sample_rate == int(row["rate"]), row["path"]
            assert decoded.channels == int(row["channels"]), row["path"]
            seen += 1
    assert seen > 40


def test_every_hostile_file_decodes_or_is_refused_in_one_line(shared: Path) -> None:
    """Never another exception, never a hang, and bytes fare no differently from the path."""
    decoded = 0
    for row in manifest(shared, "hostile_"):
        path = shared / row["path"]
        by_path, by_bytes = outcome(path), outcome(path.read_bytes(), IN_THIS_PROCESS)
        if isinstance(by_path, str):
            assert all(f"{decoder}: " in by_path for decoder in DECODERS)
            assert all(f"{decoder}: " in str(by_bytes) for decoder in IN_THIS_PROCESS)
            assert "\n" not in f"{by_path}{by_bytes}"
        else:
            assert by_path == (outcome(path.read_bytes()) if isinstance(by_bytes, str) else by_bytes)
            decoded += 1
    assert decoded > 90


def outcome(source: Source, decoders: tuple[str, ...] = DECODERS) -> int | str:
    """How many frames, or what the error says."""
    try:
        return decode(source, decoders=decoders).frames
    except DecodeError as error:
        return str(error)
