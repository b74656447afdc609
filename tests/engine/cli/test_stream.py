"""`onbeat stream` as a person runs it: in a process of its own, its stdout read by a program."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command import PATIENCE_S, in_this_process, told
from tests.fakes import ramp, write_wav

ROOT = Path(__file__).parent.parent.parent.parent
WELCOME = ROOT / "examples" / "audio" / "welcome.wav"
PLAIN = ("--asr", "none")


def start(*arguments: str | Path, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Begin `onbeat stream` in `folder`."""
    return subprocess.Popen(
        [sys.executable, "-m", "engine", "stream", *map(str, arguments)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )


def stream(
    *arguments: str | Path, folder: Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `onbeat stream` in `folder` to its end."""
    process = start(*arguments, folder=folder, **environment)
    stdout, stderr = process.communicate(stdin, timeout=PATIENCE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout.decode(), stderr.decode())


def events(answer: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The lines of stdout; the run went well."""
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_a_file_gives_an_event_a_line_and_ends_with_end(tmp_path: Path) -> None:
    """The stretches of speech, an endpoint after each, and the length at the end."""
    told = events(stream(WELCOME, *PLAIN, folder=tmp_path))
    assert {event["type"] for event in told} == {"final", "endpoint", "end"}
    assert told[-1]["type"] == "end"
    assert told[-1]["end_s"] == pytest.approx(5.42, abs=0.01)


def test_raw_samples_and_a_container_on_stdin_give_the_same_events(tmp_path: Path) -> None:
    """With --rate stdin is raw PCM, without it is a recording."""
    recording = WELCOME.read_bytes()
    from_file = events(stream(WELCOME, *PLAIN, folder=tmp_path))
    container = events(stream("-", *PLAIN, folder=tmp_path, stdin=recording))
    raw = events(stream("-", *PLAIN, "--rate", "16000", folder=tmp_path, stdin=recording[44:]))
    assert untimed(from_file) == untimed(container) == untimed(raw)


def untimed(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events without how long they took."""
    return [{name: value for name, value in event.items() if name != "latency_ms"} for event in told]


def test_raw_samples_may_have_channels_and_end_inside_a_frame(tmp_path: Path) -> None:
    """What makes up no whole frame is left out."""
    (end,) = events(
        stream("-", *PLAIN, "--rate", "8000", "--channels", "2", folder=tmp_path, stdin=bytes(8_000 * 4 + 3))
    )
    assert end == {"type": "end", "start_s": 1.0, "end_s": 1.0}


def test_pocketsphinx_hears_a_live_stream_offline(tmp_path: Path) -> None:
    """The default recogniser says finals with words."""
    told = events(stream(WELCOME, "--asr", "sphinx", folder=tmp_path))
    text = " ".join(event["text"] for event in told if event["type"] == "final")
    assert "microphone" in text
    assert all(event.get("words") for event in told if event["type"] == "final")


def test_vosk_says_partials_finals_and_the_last_words(shared: Path, tmp_path: Path) -> None:
    """From a file as fast as it is taken."""
    recording = shared / "strings" / "digits_00_george.flac"
    model = shared / "models" / "vosk-digits-en"
    told = events(stream(recording, "--asr", "vosk", "--vosk-model", model, folder=tmp_path))
    assert {"partial", "final", "end"} <= {event["type"] for event in told}
    assert told[-1]["type"] == "end"
    assert told[-2]["type"] == "final"


def test_realtime_reads_a_file_no_faster_than_it_was_spoken(tmp_path: Path) -> None:
    """A second takes a second."""
    second = write_wav(tmp_path / "second.wav", ramp(1.0))
    begun_s = time.monotonic()
    assert events(stream(second, *PLAIN, "--realtime", folder=tmp_path))[-1]["end_s"] == 1.0
    assert time.monotonic() - begun_s > 0.9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.wav"], "no such file: nowhere.wav; give a file, - for stdin, or mic"),
        (["-", "--rate", "0"], "Invalid value for '--rate'"),
        (["-", "--rate", "8000", "--channels", "0"], "Invalid value for '--channels'"),
        (["text.wav", "--asr", "cloud"], "auto, vosk, sphinx or none"),
        (["text.wav", "--chunk-s", "0"], "chunk_s"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_begun(tmp_path: Path, arguments: list[str], words: str) -> None:
    """With exit code 2."""
    (tmp_path / "text.wav").write_text("nothing to hear")
    plain = [] if "--asr" in arguments else PLAIN
    answer = in_this_process("stream", *arguments, *plain, folder=tmp_path)
    assert answer.exit_code == 2
    assert words in told(answer)


@pytest.mark.parametrize("source", ["text.wav", "-"])
def test_what_cannot_be_streamed_says_why(tmp_path: Path, source: str) -> None:
    """A clear line, exit code 1, no traceback."""
    (tmp_path / "text.wav").write_text("nothing to hear")
    answer = stream(source, *PLAIN, folder=tmp_path)
    assert answer.returncode == 1
    assert "cannot decode" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_microphone_without_its_library_says_what_to_install(tmp_path: Path) -> None:
    """The extra is named."""
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding" / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    hidden = f"{tmp_path / 'hiding'}{os.pathsep}{ROOT}"
    answer = stream("mic", *PLAIN, folder=tmp_path, PYTHONPATH=hidden)
    assert answer.returncode == 2
    assert "PortAudio library not found" in answer.stderr
    assert "pip install 'onbeat[mic]'" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("arguments", [("long.wav", "--realtime"), ("-", "--rate", "16000")])
def test_a_signal_ends_a_stream_whose_sound_goes_on(
    tmp_path: Path, arguments: tuple[str, ...], number: signal.Signals, code: int
) -> None:
    """Also while stdin stays open and nothing comes; the lines that were printed are whole."""
    write_wav(tmp_path / "long.wav", ramp(60))
    process = start(*arguments, *PLAIN, folder=tmp_path)
    assert process.stdin is not None
    if arguments[0] == "-":
        process.stdin.write(bytes(32_000))
        process.stdin.flush()
    wait_until_it_streams(process)
    process.send_signal(number)
    try:
        process.wait(timeout=PATIENCE_S)  # stdin is still open
    finally:
        process.kill()
        _, stderr = process.communicate()
    assert process.returncode == code, stderr
    assert b"Traceback" not in stderr
    assert b"Fatal" not in stderr


def wait_until_it_streams(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has its worker threads and hears SIGTERM, or has ended."""
    of_process = Path(f"/proc/{process.pid}")
    while process.poll() is None:
        caught = re.search(r"^SigCgt:\s+(\w+)", (of_process / "status").read_text(), re.MULTILINE)
        hears = caught is not None and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1
        if hears and len(list((of_process / "task").iterdir())) >= 4:
            return
        time.sleep(0.02)
