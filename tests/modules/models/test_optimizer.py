"""Variants of models earn their place by measurement, or are refused with the reason; the verdict is written down."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ModelError, OutputError
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel
from modules.models.onnx_file import read_summary
from modules.models.optimizer import ModelOptimizer, best_of, split_calls, verdicts_of
from modules.models.replay import Replay
from modules.models.verdict import Bounds, Kind
from tests.small_models import matmul, power_bands, running_sum, write

ANY_GAIN = Bounds(least_gain=1.0, most_slowdown=1e9)


def noise(*shape: int, calls: int = 6) -> list[np.ndarray]:
    """A few arrays of noise."""
    generator = np.random.default_rng(0)
    return [generator.standard_normal(shape).astype(np.float32) for _ in range(calls)]


def head(folder: Path) -> tuple[Path, Replay]:
    """A product wide enough for 8-bit weights to be worth it, and calls of it."""
    path = matmul(folder / "head.onnx", "hidden", "logits", sizes=(1024, 2048))
    return path, Replay([{"hidden": array} for array in noise(1, 2, 1024)])


def test_a_variant_that_is_fast_and_close_is_kept(tmp_path: Path) -> None:
    """Its file lies beside its verdict, is smaller, and is what a later start loads."""
    path, replay = head(tmp_path)
    report = ModelOptimizer(tmp_path, kinds=[Kind.INT8_DYNAMIC], bounds=ANY_GAIN).optimize(path, replay)
    (verdict,) = report.verdicts
    if not verdict.kept:  # a machine without 8-bit instructions: refused by measurement, which is right too
        assert "times as fast" in verdict.reason
        return
    variant = tmp_path / str(verdict.file)
    assert read_summary(variant).format == "onnx-int8"
    assert verdict.variant_bytes < 0.3 * verdict.original_bytes
    assert verdict.error is not None
    assert verdict.error.relative_db < -20
    assert [speed.rows for speed in verdict.speeds] == [1, 8]
    assert best_of(path) == variant
    OnnxModel(variant).run({"hidden": np.ones((3, 1, 1024), np.float32)})


def test_a_bound_that_is_not_met_refuses(tmp_path: Path) -> None:
    """The verdict stays, the file does not."""
    path, replay = head(tmp_path)
    bounds = Bounds(least_gain=1.0, most_slowdown=1e9, max_error_db=-200.0)
    report = ModelOptimizer(tmp_path, kinds=[Kind.INT8_DYNAMIC], bounds=bounds).optimize(path, replay)
    assert not report.verdicts[0].kept
    assert "dB, more than -200" in report.verdicts[0].reason
    assert [file.name for file in tmp_path.glob("*.onnx")] == ["head.onnx"]
    assert report.best is None
    assert best_of(path) == path


def test_a_convolution_is_refused_in_dynamic_int8(tmp_path: Path, shared: Path) -> None:
    """By what was measured on it."""
    patches = [{"log_mel": array} for array in noise(1, 1, 64, 128, calls=3)]
    path = shared / "models" / "onnx" / "moonshine_spelling_cnn_mel.onnx"
    report = ModelOptimizer(tmp_path, kinds=[Kind.INT8_DYNAMIC]).optimize(path, Replay(patches))
    (verdict,) = report.verdicts
    assert not verdict.kept
    assert verdict.gain is not None
    assert verdict.gain < 0.5
    assert "times as fast" in verdict.reason


def test_every_kind_has_a_verdict_in_json(tmp_path: Path) -> None:
    """With the machine, the bounds and the figures."""
    path, replay = head(tmp_path)
    report = ModelOptimizer(tmp_path / "out", bounds=ANY_GAIN).optimize(path, replay)
    known = json.loads(verdicts_of(tmp_path / "out" / "head.onnx").read_text())
    assert known == json.loads(report.as_json())
    assert [verdict["kind"] for verdict in known["verdicts"]] == list(Kind)
    assert (known["model"], known["calls"], known["bounds"]["max_error_db"]) == ("head.onnx", 6, -20.0)
    assert known["model_digest"] == OnnxModel(path).digest
    for verdict in known["verdicts"]:
        assert verdict["reason"]
        assert verdict["error"]["relative_db"] < 0
        assert verdict["gain"] > 0


def test_memory_is_judged_with_its_own_errors(tmp_path: Path) -> None:
    """A recurrent model is played from its start; where nothing can be changed, that is said."""
    path = running_sum(tmp_path / "sum.onnx", frames=2)
    calls = [{"samples": array, "rate": np.array(0, np.int64)} for array in noise(1, 2)]
    report = ModelOptimizer(tmp_path, kinds=[Kind.INT8_DYNAMIC]).optimize(path, Replay(calls))
    assert report.verdicts[0].reason == "nothing in sum.onnx can be changed to int8-dynamic"


def test_a_model_with_a_fixed_batch_is_timed_alone(tmp_path: Path) -> None:
    """One row is all there is."""
    path = power_bands(tmp_path / "m.onnx", frames=64, classes=32, batch=1)
    calls = [{"samples": array} for array in noise(1, 64)]
    report = ModelOptimizer(tmp_path, kinds=[Kind.INT8_DYNAMIC]).optimize(path, Replay(calls))
    assert [speed.rows for speed in report.verdicts[0].speeds] == [1]


def test_an_old_opset_is_raised_first(tmp_path: Path, shared: Path) -> None:
    """Scales for each channel came later than this model."""
    path = shared / "models" / "onnx" / "dtln_1.onnx"
    calls = Replay([{"input_2": np.abs(array)} for array in noise(1, 1, 257)])
    report = ModelOptimizer(tmp_path, kinds=[Kind.INT8_STATIC]).optimize(path, calls)
    assert report.verdicts[0].error is not None, report.verdicts[0].reason


def test_a_variant_that_cannot_be_made_is_refused_with_the_reason(tmp_path: Path, shared: Path) -> None:
    """Its weights are 8-bit already, and the tool does not take that."""
    path = shared / "models" / "onnx" / "yamnet_patches.onnx"
    calls = Replay([{"log_mel": array} for array in noise(1, 96, 64, calls=2)])
    report = ModelOptimizer(tmp_path, kinds=[Kind.INT8_DYNAMIC]).optimize(path, calls)
    assert not report.verdicts[0].kept
    assert "int8-dynamic cannot be made of yamnet_patches.onnx: " in report.verdicts[0].reason


def test_what_does_not_fit_into_16_bits_is_refused(tmp_path: Path) -> None:
    """FP16 ends at 65,504."""
    weights = {"large": np.full((8, 8), 600_000, np.float32)}
    nodes = [Node("MatMul", ["x", "large"], ["y"])]
    path = write(tmp_path / "m.onnx", model_bytes(nodes, [Port("x", ["n", 8])], [Port("y", ["n", 8])], weights))
    calls = Replay([{"x": array} for array in noise(1, 8)])
    report = ModelOptimizer(tmp_path, kinds=[Kind.FP16], bounds=ANY_GAIN).optimize(path, calls)
    assert not report.verdicts[0].kept
    assert "its error is -1.0 dB, more than -20" in report.verdicts[0].reason


def test_a_verdict_counts_only_where_it_was_measured(tmp_path: Path) -> None:
    """Another machine, library, model or variant: the original is loaded."""
    path, replay = head(tmp_path)
    report = ModelOptimizer(tmp_path, kinds=[Kind.FP16], bounds=ANY_GAIN).optimize(path, replay)
    known = json.loads(report.as_json())
    variant = tmp_path / "head.fp16.onnx"
    variant.write_bytes(path.read_bytes())
    known["best"] = known["verdicts"][0]["file"] = variant.name
    known["verdicts"][0]["digest"] = OnnxModel(variant).digest
    place = verdicts_of(path)
    for name, value, expected in (
        ("library", known["library"], variant),
        ("machine", "another", path),
        ("library", "0.1", path),
        ("model_digest", "another", path),
        ("schema", 99, path),
        ("best", None, path),
        ("best", "gone.onnx", path),
    ):
        place.write_text(json.dumps(known | {name: value}))
        assert best_of(path) == expected, name
    place.write_text("{")
    assert best_of(path) == path
    place.write_text(json.dumps(known))
    variant.write_bytes(b"changed")
    assert best_of(path) == path


@given(st.integers(1, 400))
def test_ranges_are_learned_and_errors_judged_on_different_calls(count: int) -> None:
    """Unless there is only one; none is left out of both when there are few."""
    learned, judged = split_calls(count)
    assert learned
    assert judged
    assert len(learned) <= 100
    assert count == 1 or not set(learned) & set(judged)
    assert set(learned) | set(judged) == set(range(count))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """As an error of output."""
    path, replay = head(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="variants cannot be written into"):
        ModelOptimizer(tmp_path / "file" / "out", kinds=[]).optimize(path, replay)


def test_calls_that_the_model_refuses_are_an_error(tmp_path: Path) -> None:
    """Nothing can be judged on them."""
    path, _ = head(tmp_path)
    with pytest.raises(ModelError, match=r"head\.onnx failed while running"):
        ModelOptimizer(tmp_path).optimize(path, Replay([{"hidden": np.ones((1, 1, 7), np.float32)}]))
