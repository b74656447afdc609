"""`onbeat run` as a person runs it: in a process of its own, on files made here."""

import json
import signal
from pathlib import Path

import pytest

from tests.command import PATIENCE_S, PLAIN, in_this_process, onbeat, results, start, told
from tests.fakes import ramp, write_wav


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Two good recordings of one stem, and one that is none."""
    write_wav(tmp_path / "calls" / "monday" / "a.wav", ramp(0.4))
    write_wav(tmp_path / "calls" / "tuesday" / "a.wav", ramp(0.6))
    (tmp_path / "calls" / "note.txt").write_text("not a recording")
    return tmp_path / "calls"


def test_a_folder_of_good_recordings_exits_0(calls: Path, tmp_path: Path) -> None:
    """Two inputs with one stem both get their outputs, and what is skipped is told with its reason."""
    answer = onbeat("run", calls, *PLAIN, "-o", "out", "--format", "txt,srt", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1].startswith("3 files: 2 ok, 0 failed, 1 skipped")
    assert "note.txt: not audio" in answer.stderr
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    written = {name for name in written if not name.startswith(".onbeat")}
    assert written == {
        "results.jsonl",
        *(f"{day}/a.wav.{kind}" for day in ("monday", "tuesday") for kind in ("txt", "srt")),
    }
    header, *files, summary = results(tmp_path / "out")
    assert (header["type"], header["schema"], summary["type"]) == ("header", 1, "summary")
    assert [file["status"] for file in files] == ["skipped", "ok", "ok"]


def test_a_bad_recording_among_good_ones_exits_3(calls: Path, tmp_path: Path) -> None:
    """One line names the decoders tried; there is no traceback; the rest is done."""
    (calls / "bad.wav").write_bytes(b"RIFF????WAVE and no more")
    answer = onbeat("run", calls, *PLAIN, "-o", "out", folder=tmp_path)
    assert answer.returncode == 3
    (line,) = [line for line in answer.stderr.splitlines() if "bad.wav" in line]
    assert line.startswith("failed: cannot decode")
    assert "soundfile: " in line
    assert "pyav: " in line
    assert "Traceback" not in answer.stderr
    assert results(tmp_path / "out")[-1]["ok"] == 2


def test_without_an_output_folder_json_lines_go_to_stdout(calls: Path, tmp_path: Path) -> None:
    """A program reads them; the summary in words stays on stderr."""
    answer = onbeat("run", calls, *PLAIN, folder=tmp_path)
    assert [json.loads(line)["type"] for line in answer.stdout.splitlines()] == ["header", *["file"] * 3, "summary"]
    assert "2 ok" in answer.stderr


def test_one_format_without_a_folder_is_all_that_is_printed(calls: Path, tmp_path: Path) -> None:
    """Subtitles for a pipe."""
    answer = onbeat("run", calls / "monday", *PLAIN, "--format", "vtt", folder=tmp_path)
    assert answer.stdout.startswith("WEBVTT")
    assert '"type"' not in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["empty"], 1, "no recording found in empty: 0 files looked at"),
        (["texts"], 1, "no recording found in texts: 1 files looked at"),
        (["calls", "-o", "texts/a.txt"], 1, "cannot write to the output folder"),
        (["calls", "--asr", "vosk", "--vosk-model", "empty"], 1, "no Vosk model in empty"),
    ],
)
def test_what_cannot_be_run_says_why(calls: Path, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    """A clear line, the right exit code, no traceback."""
    assert calls.is_dir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("nothing to hear")
    plain = [] if "--asr" in arguments else PLAIN
    answer = onbeat("run", *arguments, *plain, folder=tmp_path)
    assert answer.returncode == code, answer.stderr
    assert words in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no such file or folder: nowhere"),
        (["calls", "--frobnicate"], "No such option"),
        (["calls", "--format", "doc"], "unknown format 'doc'; there are txt, json, srt, vtt, tsv"),
        (["calls", "--format", "txt,srt"], "add -o DIR"),
        (["calls", "--asr", "cloud"], "auto, vosk, sphinx or none"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_begun(calls: Path, arguments: list[str], words: str) -> None:
    """With exit code 2."""
    plain = [] if "--asr" in arguments else PLAIN
    answer = in_this_process("run", *arguments, *plain, folder=calls.parent)
    assert answer.exit_code == 2
    assert words in told(answer)


def test_an_unknown_key_in_the_settings_file_names_the_nearest(calls: Path, tmp_path: Path) -> None:
    """And nothing is begun."""
    assert calls.is_dir()
    (tmp_path / "onbeat.toml").write_text('vosk_modell = "x"\n')
    answer = onbeat("run", "calls", *PLAIN, "-o", "out", folder=tmp_path)
    assert answer.returncode == 2
    assert "unknown key 'vosk_modell'; the nearest known one is 'vosk_model'" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_results_that_are_there_are_kept_unless_told_otherwise(calls: Path, tmp_path: Path) -> None:
    """A second run has nothing to do; one that must not go on from them says how to replace them."""
    assert onbeat("run", calls, *PLAIN, "-o", "out", folder=tmp_path).returncode == 0
    before = (tmp_path / "out" / "results.jsonl").read_bytes()
    again = onbeat("run", calls, *PLAIN, "-o", "out", folder=tmp_path)
    assert again.returncode == 0
    assert "3 of them were done before" in again.stdout
    assert (tmp_path / "out" / "results.jsonl").read_bytes() == before
    fresh = onbeat("run", calls, *PLAIN, "-o", "out", "--no-resume", folder=tmp_path)
    assert fresh.returncode == 1
    assert "--overwrite" in fresh.stderr
    assert (tmp_path / "out" / "results.jsonl").read_bytes() == before
    assert onbeat("run", calls, *PLAIN, "-o", "out", "--overwrite", folder=tmp_path).returncode == 0
    assert (tmp_path / "out" / "results.jsonl").read_bytes() != before


def test_results_of_which_nothing_is_known_are_not_touched(calls: Path, tmp_path: Path) -> None:
    """Without their journal there is nothing to go on from."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.jsonl").write_text("somebody's\n")
    answer = onbeat("run", calls, *PLAIN, "-o", "out", folder=tmp_path)
    assert answer.returncode == 1
    assert "without the journal" in answer.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.jsonl"]


def test_fail_fast_stops_at_the_first_failure(tmp_path: Path) -> None:
    """What was finished before is kept."""
    for number in range(200):
        write_wav(tmp_path / "in" / f"{number:03d}.wav", ramp(0.05))
    (tmp_path / "in" / "010.wav").write_bytes(b"broken")
    here = ("--isolate", "never")  # a decoder of its own takes longer to start than all the others take
    answer = onbeat("run", "in", *PLAIN, *here, "-o", "out", "--fail-fast", folder=tmp_path)
    assert answer.returncode == 3
    *files, summary = results(tmp_path / "out")[1:]
    assert summary["files"] < 200
    assert summary["interrupted"] is True
    assert len(files) == summary["files"]


def test_progress_as_json_lines_tells_each_beginning_and_end(calls: Path, tmp_path: Path) -> None:
    """For programs that watch."""
    answer = onbeat("run", calls, *PLAIN, "-o", "out", "--progress", "json", folder=tmp_path)
    told = [json.loads(line) for line in answer.stderr.splitlines() if line.startswith("{")]
    assert sorted(line["type"] for line in told) == ["finished"] * 3 + ["started"] * 2


def test_plain_progress_is_a_line_for_each_input(calls: Path, tmp_path: Path) -> None:
    """For logs."""
    answer = onbeat("run", calls, *PLAIN, "-o", "out", "--progress", "plain", folder=tmp_path)
    assert "3 files done, 1 skipped" in answer.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_before_its_recordings_are_over(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """What is finished is kept and valid, nothing is half-written, and the exit code tells which signal it was."""
    for name in range(3):
        write_wav(tmp_path / "in" / f"{name}.wav", ramp(0.1))
    write_wav(tmp_path / "in" / "long.wav", ramp(1200))
    process = start("run", "in", "--asr", "none", "-o", "out", "--progress", "json", folder=tmp_path)
    assert process.stderr is not None
    finished = 0
    while finished < 3:
        line = process.stderr.readline()
        assert line, "the run ended too soon"
        finished += '"finished"' in line
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    *files, summary = results(tmp_path / "out")[1:]
    assert len(files) == 3
    assert summary["interrupted"] is True
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        ".onbeat",
        "0.wav.txt",
        "1.wav.txt",
        "2.wav.txt",
        "results.jsonl",
    ]
