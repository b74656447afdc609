"""Recordings that crash or hang a native decoder cost themselves: all others are done, and the run exits 3."""

import json
from pathlib import Path

import pytest

from tests.command import PLAIN, ROOT, onbeat, results
from tests.fakes import ramp, write_wav

POISON = ROOT / "tests" / "poison"
GOOD = 12


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Good recordings, and among them some that are to be poisoned."""
    for number in range(GOOD):
        write_wav(tmp_path / "calls" / f"{number:02d}.wav", ramp(0.1 + number / 100))
    return tmp_path / "calls"


def poison(path: Path, how: str) -> None:
    """Make a WAV of which nothing tells that it is poison until it is decoded."""
    write_wav(path, ramp(0.3))
    with path.open("ab") as file:
        file.write(f"poison: {how} {path.name}".encode())


def failures(folder: Path) -> dict[str, str]:
    """What is said of each recording that failed, by its name."""
    files = [line for line in results(folder) if line["type"] == "file" and line["status"] == "failed"]
    return {Path(file["path"]).name: file["error"]["message"] for file in files}


def test_an_odd_recording_harms_only_the_process_that_decodes_it(calls: Path, tmp_path: Path) -> None:
    """The run itself never notices; each is tried twice, and what happened is said in words."""
    for how in ("crash", "hang"):
        (calls / f"05{how}.ogg").write_bytes(f"OggS poison: {how}".encode())
    answer = onbeat(
        "run", calls, *PLAIN, "-o", "out", folder=tmp_path, first_on_path=POISON, ONBEAT_DECODE_TIMEOUT_S="1"
    )
    assert answer.returncode == 3, answer.stderr
    assert "going on from the journal" not in answer.stderr
    assert results(tmp_path / "out")[-1]["ok"] == GOOD
    said = failures(tmp_path / "out")
    assert sorted(said) == ["05crash.ogg", "05hang.ogg"]
    assert "its decoder ended: Segmentation fault" in said["05crash.ogg"]
    assert "its decoder gave nothing for 1 s" in said["05hang.ogg"]
    shown = json.loads(onbeat("jobs", "show", "out", "--json", folder=tmp_path).stdout)
    assert [(Path(file["path"]).name, file["attempts"]) for file in shown["files"]] == [
        ("05crash.ogg", 2),
        ("05hang.ogg", 2),
    ]


@pytest.mark.parametrize("isolate", ["auto", "never"])
def test_a_recording_that_takes_the_run_along_is_found_out(calls: Path, tmp_path: Path, isolate: str) -> None:
    """They look harmless, so they are decoded in the run's own process; another one goes on, and no other is blamed."""
    for number, how in enumerate(("crash", "hang", "crash")):
        poison(calls / f"{4 * number:02d}{how}.wav", how)
    options = ("--isolate", isolate, "--workers", "4")
    answer = onbeat(
        "run", calls, *PLAIN, *options, "-o", "out", folder=tmp_path, first_on_path=POISON, ONBEAT_DECODE_TIMEOUT_S="1"
    )
    assert answer.returncode == 3, answer.stderr
    assert "onbeat: native code crashed (Segmentation fault); going on from the journal" in answer.stderr
    assert sorted(failures(tmp_path / "out")) == ["00crash.wav", "04hang.wav", "08crash.wav"]
    assert results(tmp_path / "out")[-1]["ok"] == GOOD
    again = onbeat("run", calls, *PLAIN, *options, "-o", "out", folder=tmp_path, first_on_path=POISON)
    assert again.returncode == 3
    assert f"{GOOD + 3} of them were done before" in again.stdout
