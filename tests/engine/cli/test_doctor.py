"""`onbeat doctor` shows what is there and what is not, and never fails for it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from engine.cli.doctor import (
    DoctorReport,
    LearntFinding,
    MemoryFinding,
    ModelFolder,
    RecogniserFinding,
    doctor_command,
    examine,
    rows,
)

app = typer.Typer()
app.command()(doctor_command)

REPORT = DoctorReport(
    onbeat="1.2.3",
    python="CPython 3.11.9",
    platform="Linux",
    settings_file=None,
    settings_error=None,
    effective_cpus=1.5,
    cpus_limited_by="cgroup v2",
    effective_memory_mb=2048,
    memory_limited_by="host",
    memory_sum=MemoryFinding("2 streams x 1 kB = 612 MB", 612, 548, 300),
    recogniser=RecogniserFinding("sphinx", "no Vosk model was found"),
    model_folders=(ModelFolder("/a", exists=False), ModelFolder("/b", exists=True)),
    decoders={"soundfile": "0.13", "ffmpeg": None},
    onnx_providers=("CPUExecutionProvider",),
    learnt=(LearntFinding("LiveVosk", "0.2 s", 4, 1.6, 3.2, 2_400.0),),
    nothing_learnt=None,
    packages={"vosk": None},
)


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VOSK_MODEL_PATH", raising=False)


def a_model(folder: Path) -> Path:
    """A folder that looks like a Vosk model."""
    (folder / "am").mkdir(parents=True)
    (folder / "am" / "final.mdl").touch()
    return folder


def doctor(*options: str) -> str:
    """The output of `onbeat doctor`."""
    result = CliRunner().invoke(app, options, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_what_is_missing_is_named() -> None:
    """A decoder, a package, a folder, a model."""
    findings = rows(REPORT)
    for missing in ("ffmpeg (missing)", "vosk (missing)", "no folder /a", "none in /b"):
        assert missing in [finding for _, finding in findings]


def test_limits_are_shown_with_their_source() -> None:
    """A quota is not the host."""
    assert ("CPUs", "1.5 may be used (limit: cgroup v2)") in rows(REPORT)
    assert ("memory", "2,048 MB may be used (limit: host)") in rows(REPORT)
    assert ("CPUs", "1 may be used (limit: not known)") in rows(replace(REPORT, effective_cpus=1, cpus_limited_by=None))


def test_the_memory_sum_is_shown_with_its_limit() -> None:
    """The line, what it is held under, and what that means; the model that would be used is in it."""
    assert ("memory", "2 streams x 1 kB = 612 MB") in rows(REPORT)
    assert ("memory", "held under 548 MB (max_memory_mb and models), where 300 streams fit") in rows(REPORT)
    found = examine().memory_sum
    assert found.sum.startswith("1000 streams x (3 chunks x 12.8 kB + session ")
    assert found.sum.endswith(f" = {found.sum_mb} MB")
    assert found.limit_mb >= 512
    assert 0 < found.fitting_streams <= 1000


def test_in_a_pipe_each_finding_is_a_line_of_two_fields() -> None:
    """Whatever the width."""
    assert {len(line.split("\t")) for line in doctor().splitlines()} == {2}


def test_as_json_the_report_is_one_object() -> None:
    """With the fields of the record."""
    report = json.loads(doctor("--json"))
    assert set(report) == set(DoctorReport.__dataclass_fields__)
    assert report["effective_cpus"] > 0
    assert report["effective_memory_mb"] > 0
    assert "CPUExecutionProvider" in report["onnx_providers"]
    assert report["packages"]["numpy"]


def test_wrong_settings_are_a_finding(tmp_path: Path) -> None:
    """The doctor is whom one asks when something is wrong."""
    (tmp_path / "onbeat.toml").write_text("worker = 2")
    assert "unknown key 'worker'" in str(json.loads(doctor("--json"))["settings_error"])
    assert "unknown key 'worker'" in doctor()


def test_a_model_is_looked_for_where_vosk_keeps_them(tmp_path: Path) -> None:
    """And every place is listed, found or not."""
    model = a_model(tmp_path / ".cache" / "vosk" / "vosk-model-small-xx-1.0")
    (tmp_path / "onbeat.toml").write_text("language = 'xx'")
    report = examine()
    assert report.recogniser.backend == "vosk"
    assert report.model_folders[-1] == ModelFolder(str(model.parent), exists=True, models=(str(model),))
    assert len(report.model_folders) > 1


def test_a_named_folder_that_holds_no_model_is_shown_as_such(tmp_path: Path) -> None:
    """It is the only place looked into."""
    (tmp_path / "onbeat.toml").write_text("vosk_model = 'm'")
    assert examine().model_folders == (ModelFolder(str(tmp_path / "m"), exists=False),)
    model = str(a_model(tmp_path / "m"))
    assert examine().model_folders == (ModelFolder(model, exists=True, models=(model,)),)


def test_a_recogniser_that_cannot_be_had_is_a_finding(tmp_path: Path) -> None:
    """With the reason."""
    (tmp_path / "onbeat.toml").write_text("asr = 'vosk'\nlanguage = 'xx'\nvosk_download = true")
    found = examine().recogniser
    assert found.backend is None
    assert "no Vosk model for xx" in found.why


def test_what_was_learnt_is_shown_with_its_times() -> None:
    """And where nothing was, why."""
    assert ("learnt", "LiveVosk, 0.2 s: calls of 4: 1.6 ms, p99 3.2 ms, 2,400 a second and worker") in rows(REPORT)
    nothing = replace(REPORT, learnt=(), nothing_learnt="nothing was learnt yet")
    assert ("learnt", "nothing was learnt yet") in rows(nothing)
