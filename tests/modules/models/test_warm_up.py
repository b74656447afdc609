"""Warm-up runs every shape class, says so, and fails loudly."""

from pathlib import Path

import numpy as np
import pytest

from modules.errors import ModelError
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel, OnnxOptions
from modules.models.onnx_options import IoBinding
from modules.models.warm_up import Binding, measure_binding, warm_up
from tests.small_models import power_bands, running_sum, write


def bands(folder: Path, options: OnnxOptions | None = None) -> OnnxModel:
    """A small model with a free batch axis."""
    return OnnxModel(power_bands(folder / "bands.onnx", frames=8, classes=2), options)


def test_every_class_is_run_as_often_as_was_asked_for(tmp_path: Path) -> None:
    """The largest first, and each is warm afterwards."""
    model = bands(tmp_path, OnnxOptions(warm_up_passes=4))
    warmed = warm_up(model, [{"N": rows} for rows in (1, 4, 2)])
    assert [(one.sizes["N"], len(one.passes_ms)) for one in warmed] == [(4, 4), (2, 4), (1, 4)]
    assert all(pass_ms > 0 for one in warmed for pass_ms in one.passes_ms)
    for rows, is_warm in ((1, True), (2, True), (3, False), (4, True)):
        assert model.timed({"samples": np.ones((rows, 8), np.float32)}).warmed_up is is_warm


def test_inputs_that_an_example_will_not_do_for_are_given(tmp_path: Path) -> None:
    """Nameless and named axes, and a constant."""
    model = OnnxModel(running_sum(tmp_path / "sum.onnx", frames=4))
    (warmed,) = warm_up(model, [{"N": 2}], given={"rate": np.array(16_000)})
    assert warmed.sizes == {"N": 2}


def test_a_class_without_all_sizes_is_an_error(tmp_path: Path) -> None:
    """That names the model, the class and what is missing."""
    with pytest.raises(ModelError, match=r"the warm-up of bands\.onnx failed for its only shape: .*size.*'N'"):
        warm_up(bands(tmp_path), [{}])


def test_a_model_that_fails_in_its_warm_up_is_an_error(tmp_path: Path) -> None:
    """Not something to find out with the first request."""
    nodes = [Node("Reshape", ["x", "shape"], ["y"])]
    shape = {"shape": np.array([1, 4], np.int64)}
    path = write(tmp_path / "only_one.onnx", model_bytes(nodes, [Port("x", ["n", 4])], [Port("y", [1, 4])], shape))
    with pytest.raises(ModelError, match=r"warm-up of only_one\.onnx failed for \{'n': 2\}"):
        warm_up(OnnxModel(path), [{"n": 1}, {"n": 2}])


def test_no_class_is_an_error(tmp_path: Path) -> None:
    """A warm-up that does nothing is broken."""
    with pytest.raises(ModelError, match="no shape class"):
        warm_up(bands(tmp_path), [])


@pytest.mark.parametrize(("binding", "binds"), [(IoBinding.ON, True), (IoBinding.OFF, False)])
def test_binding_is_only_measured_where_it_is_left_open(tmp_path: Path, binding: IoBinding, *, binds: bool) -> None:
    """Otherwise it is as was asked for."""
    (warmed,) = warm_up(bands(tmp_path, OnnxOptions(io_binding=binding)), [{"N": 2}])
    assert warmed.binds is binds


def test_binding_is_used_where_it_was_measured_to_be_faster(tmp_path: Path) -> None:
    """By a model that counts its plain calls."""

    class Counting(OnnxModel):
        plain = 0

        def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:  # type: ignore[override]
            self.plain += 1
            return super().run(feeds)

    model = Counting(power_bands(tmp_path / "m.onnx", frames=8, classes=2))
    feeds, target = {"samples": np.ones((2, 8), np.float32)}, {"scores": np.empty((2, 2), np.float32)}
    for is_faster, plain_calls in ((True, 0), (False, 1)):
        model.mark_bound(feeds, is_faster=is_faster)
        model.plain = 0
        model.run_into(feeds, target)
        assert model.plain == plain_calls


def test_the_measurement_has_both_sides(tmp_path: Path) -> None:
    """And binding has to gain more than its doubt."""
    found = measure_binding(bands(tmp_path), {"samples": np.ones((2, 8), np.float32)})
    assert found.plain_ms > 0 < found.bound_ms
    assert Binding(1.0, 0.9).is_faster
    assert not Binding(1.0, 0.98).is_faster
