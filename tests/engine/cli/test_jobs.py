"""`onbeat jobs`: what it says of folder runs, and how it goes on with them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.app import app
from engine.jobs.place import JOURNAL_NAME, STATE_FOLDER
from tests.command import PLAIN, onbeat, results
from tests.fakes import ramp, write_wav
from tests.small_models import power_bands


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a job has run from `calls` to `out`: two good recordings and a broken one."""
    folder = tmp_path_factory.mktemp("done")
    write_wav(folder / "calls" / "a.wav", ramp(0.4))
    write_wav(folder / "calls" / "b.wav", ramp(0.6))
    (folder / "calls" / "broken.wav").write_bytes(b"RIFF????WAVE and no more")
    (folder / "calls" / "note.txt").write_text("no recording")
    assert onbeat("run", "calls", *PLAIN, "-o", "out", "--format", "txt,srt", folder=folder).returncode == 3
    return folder


def jobs(*arguments: str | Path) -> Result:
    """The outcome of `onbeat jobs`."""
    return CliRunner().invoke(app, ["jobs", *map(str, arguments)])


def test_jobs_are_listed_with_their_states(done: Path, tmp_path: Path) -> None:
    """A line for a person, or an object for a program; one that is damaged is listed as that."""
    damaged = tmp_path / "jobs" / "damaged" / STATE_FOLDER / JOURNAL_NAME
    damaged.parent.mkdir(parents=True)
    damaged.write_text("scribbled over " * 100)
    (tmp_path / "jobs" / "good").symlink_to(done / "out")
    first, second = jobs("list", tmp_path).stdout.splitlines()
    assert f"{tmp_path}/jobs/damaged: damaged; the journal" in first
    assert f"{tmp_path}/jobs/good: finished; 2 ok, 1 failed, 1 skipped, 0 under way; 1.0 s of audio; last run" in second
    good = json.loads(jobs("list", "--json", tmp_path).stdout.splitlines()[1])
    assert (good["state"], good["ok"], good["failed"], good["audio_s"]) == ("finished", 2, 1, 1.0)


def test_where_there_is_no_job_it_says_so(tmp_path: Path) -> None:
    """A list may be empty; a job that is asked for must be there."""
    empty = jobs("list", tmp_path)
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "no jobs in" in empty.stderr
    for command in (["show"], ["resume"], ["retry-failed"], ["export", "-o", str(tmp_path / "x")]):
        answer = jobs(*command, tmp_path)
        assert answer.exit_code == 2
        assert "a job is the output folder of `onbeat run -o`" in answer.stderr


def test_a_job_is_shown_with_its_runs_and_what_failed(done: Path) -> None:
    """Each failure with its reason, once; and whether the journal is whole."""
    shown = jobs("show", done / "out").stdout
    assert "2 ok, 1 failed, 1 skipped, 0 under way; 1.0 s of audio\njournal: ok\nruns:\n" in shown
    assert shown.count("broken.wav") == 1
    assert "soundfile: " in shown
    fields = json.loads(jobs("show", done / "out", "--json").stdout)
    assert fields["check"] == "ok"
    assert fields["runs"][0]["state"] == "finished"
    (file,) = fields["files"]
    assert (file["path"], file["state"], file["kind"]) == ("calls/broken.wav", "failed", "DecodeError")


def test_results_are_exported_in_the_order_of_inputs(done: Path, tmp_path: Path) -> None:
    """As lines they are those of the run; as a table they have the same fields; nothing is left beside them."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra onbeat[parquet]")
    for fmt in ("jsonl", "parquet"):
        answer = jobs("export", done / "out", "--format", fmt, "-o", tmp_path / f"out.{fmt}")
        assert answer.stdout == f"4 results in {tmp_path}/out.{fmt}\n"
    assert (tmp_path / "out.jsonl").read_text().splitlines() == (
        (done / "out" / "results.jsonl").read_text().splitlines()[:-1]
    )
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    lines = results(done / "out")[1:-1]
    assert [(row["path"], row["status"], row["error"], row["segments"]) for row in rows] == [
        (line["path"], line["status"], line["error"], line["segments"]) for line in lines
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "out.parquet"]


def test_an_export_that_cannot_be_written_says_why(done: Path, tmp_path: Path) -> None:
    """And leaves what was there before."""
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", tmp_path / "nowhere" / "x.jsonl"):
        answer = jobs("export", done / "out", "-o", target)
        assert answer.exit_code == 1
        assert f"cannot write {target}" in answer.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_job_is_gone_on_with_from_anywhere(done: Path, tmp_path: Path) -> None:
    """As it was asked for: from its folder, in its formats, with its settings; what failed only when that is asked."""
    write_wav(done / "calls" / "late.wav", ramp(0.2))
    resumed = onbeat("jobs", "resume", done / "out", folder=tmp_path)
    assert resumed.returncode == 3
    assert "4 of them were done before" in resumed.stdout
    assert "1 failed in an earlier run and were not tried again" in resumed.stderr
    assert (done / "out" / "late.wav.srt").exists()
    again = onbeat("jobs", "retry-failed", done / "out", folder=tmp_path)
    assert again.returncode == 3
    assert "4 of them were done before" in again.stdout
    write_wav(done / "calls" / "broken.wav", ramp(0.3))
    mended = onbeat("jobs", "resume", done / "out", folder=tmp_path)
    assert (mended.returncode, mended.stderr) == (0, "")
    assert [line["status"] for line in results(done / "out")[1:-1]] == ["ok", "ok", "ok", "ok", "skipped"]


def test_a_job_with_stages_of_its_own_is_gone_on_with(tmp_path: Path) -> None:
    """The settings file that describes them is the one it was begun with."""
    write_wav(tmp_path / "calls" / "a.wav", ramp(0.4))
    power_bands(tmp_path / "bands.onnx", frames=800, classes=3)
    (tmp_path / "labels.txt").write_text("low\nmiddle\nhigh\n")
    (tmp_path / "mine.toml").write_text(
        'stages = "sounds"\n[stage.sounds]\nkind = "classify"\nmodel = "bands.onnx"\nlabels = "labels.txt"\n'
        "rate_hz = 8000\n"
    )
    begun = onbeat("run", "calls", *PLAIN, "--config", "mine.toml", "-o", "out", folder=tmp_path)
    assert begun.returncode == 0, begun.stderr
    write_wav(tmp_path / "calls" / "b.wav", ramp(0.6))
    resumed = onbeat("jobs", "resume", "out", folder=tmp_path)
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert "1 of them were done before" in resumed.stdout
    assert all(line["detections"] for line in results(tmp_path / "out")[1:-1])
