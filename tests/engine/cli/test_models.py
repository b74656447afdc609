"""`onbeat models`: what it shows, fetches, measures and makes, and how it says no."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from engine.cli.app import Onbeat, options
from engine.cli.model_tables import ms, print_table, size
from engine.cli.models import models_app
from modules.models import knob_effects
from modules.models.knob_effects import KnobEffect
from tests.fakes import ramp, write_wav
from tests.small_models import matmul, power_bands, running_sum

app = typer.Typer(cls=Onbeat, pretty_exceptions_enable=False)
app.callback()(options)
app.add_typer(models_app, name="models")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def bands(tmp_path: Path) -> Path:
    """A small model: 8 samples to 2 scores."""
    return power_bands(tmp_path / "bands.onnx", frames=8, classes=2)


def run(*arguments: str | Path) -> Result:
    """The outcome of `onbeat models`."""
    return CliRunner().invoke(app, ["models", *map(str, arguments)], catch_exceptions=False)


def shown(*arguments: str | Path) -> str:
    """What is printed, when all is well."""
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def report(*arguments: str | Path) -> dict[str, Any]:
    """The JSON object that is printed."""
    found: dict[str, Any] = json.loads(shown(*arguments, "--json"))
    return found


def test_a_model_is_inspected(bands: Path) -> None:
    """What it is, what it takes, what is in force."""
    lines = dict(line.split("\t", 1) for line in shown("inspect", bands).splitlines())
    assert lines["input"] == "samples: float32 [N, 8]"
    assert lines["format"] == "onnx-fp32, opset ai.onnx 13"
    assert lines["operations"] == "2: 1 MatMul, 1 Sigmoid"
    assert lines["best variant"] == "the model itself"
    known = report("inspect", bands, "--session", "intra_op_threads=2")
    assert {knob["knob"]: knob["found"] for knob in known["knobs"]}["intra_op_threads"] == "2"
    assert (known["nodes"], known["inputs"][0]["element"], len(known["digest"])) == (2, "float32", 64)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["inspect", "absent"], 1, "there is no file absent"),
        (["inspect", "MODEL", "--session", "spining=true"], 2, "did you mean 'spinning'?"),
        (["inspect", "MODEL", "--session", "inter_op_threads=2"], 2, "does nothing in sequential"),
        (["bench", "MODEL", "--rows", "0"], 2, "'0' is no whole number above 0"),
        (["bench", "MODEL", "--set", "rate=1"], 2, "takes no 'rate'"),
        (["bench", "MODEL", "--set", "rate"], 2, "needs the form NAME=VALUE"),
        (["optimize", "MODEL"], 2, "give --audio FILE, or saved calls"),
        (["optimize", "MODEL", "--least-gain", "0.5", "--audio", "a.wav"], 2, "least_gain"),
        (["optimize", "MODEL", "--free-batch"], 1, "nothing to free"),
        (["pull", "absent"], 2, "no model is called 'absent'"),
        (["pull", "https://models.example/m.onnx"], 2, "needs --sha256"),
        (["pull", "http://models.example/m.onnx", "--sha256", "0" * 64], 2, "must begin with https://"),
    ],
)
def test_what_is_wrong_is_one_line_and_a_code(bands: Path, arguments: list[str], code: int, said: str) -> None:
    """On stderr, with nothing on stdout."""
    result = run(*(str(bands) if argument == "MODEL" else argument for argument in arguments))
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_calls_are_measured(bands: Path) -> None:
    """By batch size, with a knee, and on workers."""
    known = report("bench", bands, "--rows", "4,1", "--seconds", "0.01", "--workers", "2")
    assert [cost["rows"] for cost in known["costs"]] == [1, 4]
    assert known["knee_rows"] in (1, 4)
    assert known["rows_per_s"] > 0
    assert known["binding"]["bound_ms"] > 0
    text = shown("bench", bands, "--rows", "1", "--seconds", "0.01", "--workers", "1")
    assert "rows/s on 1 workers, 1 rows a call" in text
    assert "knee" in text


def test_inputs_that_an_example_will_not_do_for_are_set(tmp_path: Path) -> None:
    """And a model without a free axis has batches of one."""
    path = running_sum(tmp_path / "sum.onnx", frames=4, batch=1)
    known = report("bench", path, "--set", "rate=16000", "--seconds", "0.01", "--workers", "1")
    assert [cost["rows"] for cost in known["costs"]] == [1]


def test_a_missing_size_is_asked_for(tmp_path: Path) -> None:
    """By the option that gives it."""
    path = matmul(tmp_path / "m.onnx", "x", "y", sizes=(4, 4))
    result = run("bench", path, "--rows", "1")
    assert result.exit_code == 2
    assert "for 'T'" in result.stderr
    assert "--size" in result.stderr
    assert report("bench", path, "--rows", "1", "--size", "T=3", "--seconds", "0.01", "--workers", "1")["costs"]


def test_variants_are_judged_on_recordings(tmp_path: Path) -> None:
    """Each has a line with its verdict, and the verdicts are written down."""
    path = power_bands(tmp_path / "wide.onnx", frames=800, classes=64)
    audio = write_wav(tmp_path / "a.wav", ramp(0.5))
    arguments = ("optimize", path, "-o", tmp_path / "out", "--audio", audio, "--kind", "int8-dynamic")
    row, last = shown(*arguments).splitlines()
    cells = row.split("\t")
    assert cells[0] == "int8-dynamic"
    assert cells[1] in ("kept", "refused")
    assert last.startswith("kept: ")
    known = json.loads((tmp_path / "out" / "wide.verdicts.json").read_text())
    assert known["calls"] == 10
    assert report(*arguments)["verdicts"][0]["kind"] == "int8-dynamic"


def test_variants_are_judged_on_saved_calls(tmp_path: Path, bands: Path) -> None:
    """For models that take no waveform; the verdicts lie beside the model."""
    np.savez(tmp_path / "calls.npz", samples=np.random.default_rng(0).standard_normal((5, 8)))
    known = report("optimize", bands, "--calls", tmp_path / "calls.npz", "--kind", "fp16")
    assert known["calls"] == 5
    assert (tmp_path / "bands.verdicts.json").is_file()


def test_a_fixed_batch_axis_is_freed(tmp_path: Path) -> None:
    """With the proof and the gain."""
    path = power_bands(tmp_path / "one.onnx", frames=8, classes=2, batch=1)
    text = shown("optimize", path, "--free-batch", "-o", tmp_path / "out")
    assert "rows together differ from rows alone by at most" in text
    assert report("optimize", path, "--free-batch", "-o", tmp_path / "out")["file"] == "one.batch.onnx"
    assert (tmp_path / "out" / "one.batch.onnx").is_file()


def test_models_are_listed(tmp_path: Path, bands: Path) -> None:
    """Those that are there, and those that can be named."""
    folder = tmp_path / "cache" / "onbeat" / "models"
    folder.mkdir(parents=True)
    bands.rename(folder / "bands.onnx")
    rows = [line.split("\t") for line in shown("list").splitlines()]
    assert [rows[0][0], rows[0][3]] == ["bands.onnx", str(folder / "bands.onnx")]
    assert ["dtln-1.onnx", "", "MIT", "not fetched"] in rows
    known = report("list")
    assert [model["name"] for model in known["models"]] == ["bands.onnx"]
    assert known["known"]["dtln-1.onnx"]["licence"] == "MIT"
    assert "samples" in shown("inspect", "bands.onnx")


def test_devices_are_tried() -> None:
    """The CPU runs, and something is chosen."""
    known = report("devices")
    cpu = next(device for device in known["devices"] if device["provider"] == "CPUExecutionProvider")
    assert cpu["failure"] is None
    assert known["chosen"] in [device["provider"] for device in known["devices"]]
    assert shown("devices").split("\t")[0] in known["chosen"]


def test_a_knob_without_effect_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody should rely on it."""
    effects = (KnobEffect("arena", "MiB", 0, 64, is_shown=True), KnobEffect("odd", "threads", 1, 1, is_shown=False))
    monkeypatch.setattr("engine.cli.models.knob_effects", lambda: effects)
    result = run("knobs")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == "odd\tthreads\t1\t1\tno effect shown"
    monkeypatch.setattr("engine.cli.models.knob_effects", lambda: effects[:1])
    assert report("knobs")["knobs"][0]["with_it"] == 64
    assert knob_effects.knob_effects is not None


@pytest.mark.parametrize(("count", "text"), [(5, "5 B"), (1_500, "1.5 kB"), (2_300_000, "2.3 MB"), (4e9, "4.0 GB")])
def test_bytes_are_written_for_people(count: int, text: str) -> None:
    """With the unit that fits."""
    assert size(count) == text


def test_milliseconds_have_three_digits() -> None:
    """Small and large ones."""
    assert [ms(value) for value in (0.012345, 1.2345, 12.345, 1234.5)] == ["0.0123", "1.23", "12.3", "1,234"]


def test_on_a_terminal_there_is_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the columns' names and a title."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    print_table(("rows", "ms"), [("1", "0.5"), ("16", "2")], title="a model")
    assert [line.split() for line in capsys.readouterr().out.splitlines() if line.strip(" ─")] == [
        ["a", "model"],
        ["rows", "ms"],
        ["1", "0.5"],
        ["16", "2"],
    ]
