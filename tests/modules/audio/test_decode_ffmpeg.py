"""The ffmpeg command as the last resort: fed and emptied without a thread, killed and reaped, and no file left."""

import gzip
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from modules.audio import decode_ffmpeg
from modules.audio.decode_ffmpeg import open_with_ffmpeg
from modules.errors import DecodeError
from tests.modules.audio.sounds import RATE_HZ, tones, wav

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg command on the PATH")
LONG = wav(tones(RATE_HZ, 2, 60.0))


def no_child_is_left() -> None:
    """Neither running nor a zombie."""
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@needs_ffmpeg
def test_a_file_on_disk_can_be_sought_in(recordings: dict[str, Path]) -> None:
    """An M4A has its index at the end."""
    with recordings["alac.m4a"].open("rb") as file, open_with_ffmpeg(file) as decoded:
        assert (decoded.sample_rate, decoded.channels) == (44_100, 1)
        samples = np.concatenate(list(decoded.pieces))
    assert np.abs(samples - tones(44_100)).max() < 2**-15


@needs_ffmpeg
def test_content_without_a_descriptor_is_fed_through_a_pipe_without_deadlock() -> None:
    """Nearly 4 MB in and 8 MB out: far more than any pipe holds."""
    with open_with_ffmpeg(io.BytesIO(LONG)) as decoded:
        pieces = list(decoded.pieces)
    assert np.abs(np.concatenate(pieces) - tones(RATE_HZ, 2, 60.0)).max() < 2**-15
    assert all(piece.flags.writeable for piece in pieces)


@needs_ffmpeg
def test_a_compressed_file_is_read_as_it_reads_not_as_its_descriptor(tmp_path: Path) -> None:
    """A GzipFile has the descriptor of something else."""
    path = tmp_path / "a.wav.gz"
    path.write_bytes(gzip.compress(wav(tones(RATE_HZ))))
    with gzip.open(path, "rb") as file, open_with_ffmpeg(file) as decoded:  # type: ignore[arg-type]
        assert sum(len(piece) for piece in decoded.pieces) == len(tones(RATE_HZ))


@needs_ffmpeg
def test_leaving_early_leaves_no_process_descriptor_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed and reaped, whether nothing was taken, a little, or it failed."""
    monkeypatch.chdir(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_with_ffmpeg(io.BytesIO(LONG)):
        pass
    with open_with_ffmpeg(io.BytesIO(LONG)) as decoded:
        next(decoded.pieces)
    with pytest.raises(DecodeError), open_with_ffmpeg(io.BytesIO(b"nothing that sounds" * 100_000)):
        pass
    no_child_is_left()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert list(tmp_path.iterdir()) == []


@needs_ffmpeg
def test_its_complaint_is_one_line_without_our_names_for_pipes() -> None:
    """What ffmpeg said, and only that."""
    with (
        pytest.raises(DecodeError, match=r"^Invalid data found when processing input$"),
        open_with_ffmpeg(io.BytesIO()),
    ):
        pass


@needs_ffmpeg
def test_a_playlist_is_refused(recordings: dict[str, Path]) -> None:
    """It could name any file of this machine."""
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{recordings['lame.mp3']}\n#EXT-X-ENDLIST\n"
    with pytest.raises(DecodeError, match="a playlist"), open_with_ffmpeg(io.BytesIO(playlist.encode())):
        pass


def test_a_command_that_does_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit, not a hang."""
    stand_in(tmp_path, monkeypatch, "exec tail -f /dev/null")
    monkeypatch.setattr(decode_ffmpeg, "MAX_SILENCE_S", 0.05)
    with pytest.raises(DecodeError, match="no sign of life"), open_with_ffmpeg(io.BytesIO(LONG)):
        pass
    no_child_is_left()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 7", "ended with status 7"),
        ("echo first >&2; echo second >&2; exit 1", r"^second$"),
        ("printf '.snd'", "broke off"),
        ("cat", "not what was asked for"),
        ("exit 0", "no audio in it"),
    ],
)
def test_odd_ends_are_decode_errors(script: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the command does, the answer is a sentence."""
    stand_in(tmp_path, monkeypatch, script)
    with pytest.raises(DecodeError, match=text), open_with_ffmpeg(io.BytesIO(b"x" * 100)):
        pass
    no_child_is_left()


def test_no_command_is_no_exception_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users may not have it."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DecodeError, match=r"^not installed$"), open_with_ffmpeg(io.BytesIO()):
        pass


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A shell script called ffmpeg, first on the PATH."""
    command = folder / "ffmpeg"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
