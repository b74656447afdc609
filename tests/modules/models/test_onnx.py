"""The ONNX Runtime door."""

import hashlib
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from modules.errors import Cancelled, ModelError
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel, OnnxOptions, providers
from modules.models.onnx_options import Execution, GraphLevel, Provider
from modules.stages.vad_silero import packaged_model
from tests.small_models import power_bands, slow


def test_inputs_and_outputs_are_typed() -> None:
    """The packaged detector has three inputs and two outputs."""
    model = OnnxModel(packaged_model())
    assert {tensor.name for tensor in model.inputs} == {"input", "state", "sr"}
    elements = {tensor.name: (tensor.element, len(tensor.shape)) for tensor in model.inputs}
    assert elements == {"input": ("float32", 2), "state": ("float32", 3), "sr": ("int64", 0)}
    assert len(model.outputs) == 2
    assert "input: float32" in repr(model)


def test_a_run_tells_which_model_it_was_and_whether_it_was_warm(tmp_path: Path) -> None:
    """The digest is the file's, and only shapes that were warmed up are warm."""
    model = OnnxModel(power_bands(tmp_path / "bands.onnx", frames=8, classes=2))
    feeds = {"samples": np.ones((3, 8), np.float32)}
    run = model.timed(feeds)
    assert run.model.digest == hashlib.sha256((tmp_path / "bands.onnx").read_bytes()).hexdigest()
    assert (run.model.name, run.model.format, run.model.provider) == ("bands", "onnx-fp32", "CPUExecutionProvider")
    assert (run.warmed_up, run.inference_ms > 0, run.outputs[0].shape) == (False, True, (3, 2))
    model.mark_warm(feeds)
    assert model.timed(feeds).warmed_up
    assert not model.timed({"samples": np.ones((2, 8), np.float32)}).warmed_up


def test_every_setting_that_can_be_read_back_is(tmp_path: Path) -> None:
    """In our own words, and as it was asked for."""
    options = OnnxOptions(
        graph_level=GraphLevel.BASIC,
        execution=Execution.PARALLEL,
        intra_op_threads=2,
        inter_op_threads=2,
        spinning=True,
        memory_pattern=False,
        prepacking=False,
    )
    model = OnnxModel(power_bands(tmp_path / "m.onnx", frames=8, classes=2), options)
    assert all(knob.is_in_force for knob in model.knobs)
    assert {knob.knob: knob.found for knob in model.knobs} == {
        "graph_level": "basic",
        "intra_op_threads": "2",
        "inter_op_threads": "2",
        "execution": "parallel",
        "memory_pattern": "off",
        "arena": "on",
        "spinning": "on",
        "spinning of branches": "on",
        "prepacking": "off",
        "shared arena": "off",
        "provider": "CPUExecutionProvider",
    }


def test_outputs_are_written_into_the_callers_arrays(tmp_path: Path) -> None:
    """Bound or copied, they are the same."""
    model = OnnxModel(power_bands(tmp_path / "m.onnx", frames=8, classes=2))
    feeds = {"samples": np.arange(24, dtype=np.float32).reshape(3, 8)[::-1]}
    (expected,) = model.run(feeds)
    for bound in (False, True, None):
        target = np.zeros((3, 2), np.float32)
        model.run_into(feeds, {"scores": target}, bound=bound)
        np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize(
    "outputs",
    [
        {"scores": np.zeros((4, 2), np.float32)},
        {"scores": np.zeros((3, 2))},
        {"absent": np.zeros((3, 2), np.float32)},
    ],
)
def test_an_array_that_an_output_does_not_fit_is_refused(
    tmp_path: Path, outputs: dict[str, np.ndarray], *, bound: bool
) -> None:
    """Of another size, of another type, for no output."""
    model = OnnxModel(power_bands(tmp_path / "m.onnx", frames=8, classes=2))
    with pytest.raises(ModelError):
        model.run_into({"samples": np.ones((3, 8), np.float32)}, outputs, bound=bound)


def test_an_array_with_gaps_is_not_bound(tmp_path: Path) -> None:
    """The library would write over the gaps."""
    model = OnnxModel(power_bands(tmp_path / "m.onnx", frames=8, classes=2))
    target = np.zeros((6, 2), np.float32)[::2]
    with pytest.raises(ModelError, match="in one piece"):
        model.run_into({"samples": np.ones((3, 8), np.float32)}, {"scores": target}, bound=True)


def test_a_file_that_is_cut_off_is_told_from_another_kind_of_file(tmp_path: Path) -> None:
    """The download that broke off, and the page that was saved instead."""
    whole = power_bands(tmp_path / "m.onnx", frames=8, classes=2).read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "page.onnx").write_bytes(b"<!DOCTYPE html><html><body>404</body></html>")
    for name in ("cut", "page"):
        with pytest.raises(ModelError, match=r"is no whole ONNX file \(a download that broke off\?\)"):
            OnnxModel(tmp_path / f"{name}.onnx")


def test_an_opset_the_library_does_not_know_is_named(tmp_path: Path) -> None:
    """In the library's own words."""
    path = tmp_path / "future.onnx"
    path.write_bytes(model_bytes([Node("Relu", ["x"], ["y"])], [Port("x", [1])], [Port("y", [1])], opset=999))
    with pytest.raises(ModelError, match=r"future\.onnx cannot be loaded as an ONNX model: .*999"):
        OnnxModel(path)


def test_an_operation_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """The file is whole, the graph is not."""
    path = tmp_path / "odd.onnx"
    path.write_bytes(model_bytes([Node("Relo", ["x"], ["y"])], [Port("x", [1])], [Port("y", [1])]))
    with pytest.raises(ModelError, match="Relo"):
        OnnxModel(path)


def test_a_graph_whose_shapes_do_not_fit_each_other_is_refused(tmp_path: Path) -> None:
    """When it is loaded or when it runs, as a ModelError."""
    nodes, weights = [Node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((5, 2), np.float32)}
    path = tmp_path / "misfit.onnx"
    path.write_bytes(model_bytes(nodes, [Port("x", ["n", 4])], [Port("y", ["n", 2])], weights))
    with pytest.raises(ModelError, match="misfit"):
        OnnxModel(path).run({"x": np.ones((1, 4), np.float32)})


def test_wrong_shapes_are_said_with_what_is_wanted(tmp_path: Path) -> None:
    """Before the library's own words."""
    model = OnnxModel(power_bands(tmp_path / "m.onnx", frames=8, classes=2))
    with pytest.raises(ModelError, match=r"samples: float32 \[N, 8\] was given float32 \[1, 9\]"):
        model.run({"samples": np.ones((1, 9), np.float32)})
    with pytest.raises(ModelError, match=r"samples is missing .*; sample is no input"):
        model.run({"sample": np.ones((1, 8), np.float32)})


def test_a_provider_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    """And not replaced in silence."""
    missing = next(provider for provider in Provider if provider not in providers())
    with pytest.raises(ModelError, match=f"{missing} is not in this installation"):
        OnnxModel(power_bands(tmp_path / "m.onnx", frames=8, classes=2), OnnxOptions(provider=missing))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says where nothing was."""
    with pytest.raises(ModelError, match=r"no ONNX model at .*absent\.onnx"):
        OnnxModel(tmp_path / "absent.onnx")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """What the library raises becomes a ModelError with its cause."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"this is no graph")
    with pytest.raises(ModelError, match=r"broken\.onnx cannot be loaded") as caught:
        OnnxModel(path)
    assert caught.value.__cause__ is not None


def test_wrong_inputs_are_a_model_error() -> None:
    """The graph's own words are in the text."""
    model = OnnxModel(packaged_model())
    with pytest.raises(ModelError, match="failed while running"):
        model.run({"input": np.zeros((1, 576), np.float64)})


def test_no_threads_are_not_allowed() -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match="intra_op_threads"):
        OnnxOptions(intra_op_threads=0)


def test_the_cpu_is_always_among_the_providers() -> None:
    """Whatever else this installation has."""
    assert "CPUExecutionProvider" in providers()


class Caller:
    """A thread that calls the model once and keeps what came of it and when."""

    def __init__(self, model: OnnxModel, seconds: int) -> None:
        """Begin a call of `seconds` seconds of audio, ten in each row of a batch."""
        self._model = model
        self._feeds = {"input_1": np.zeros((max(1, seconds // 10), 144_160), np.float32)}
        self.raised: BaseException | None = None
        self.ended_s = 0.0
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def _call(self) -> None:
        try:
            self._model.run(self._feeds)
        except Cancelled as error:
            self.raised = error
        self.ended_s = time.perf_counter()

    def join(self) -> "Caller":
        """Wait for its end."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self


def under_way(model: OnnxModel, calls: int) -> None:
    """Return when so many calls of the model run."""
    while len(model._under_way) < calls:
        threading.Event().wait(0.001)


def test_calls_that_run_are_broken_off_soon_and_later_ones_are_not_affected(shared: Path) -> None:
    """All of them, within half a second each; a model that was stopped can be run again."""
    model = OnnxModel(shared / "models" / "onnx" / "dnsmos_sig_bak_ovr.onnx")
    callers = [Caller(model, seconds=60) for _ in range(2)]
    under_way(model, 2)
    told_s = time.perf_counter()
    model.stop()
    for caller in callers:
        assert isinstance(caller.join().raised, Cancelled)
        assert caller.ended_s - told_s < 0.5
    assert Caller(model, seconds=10).join().raised is None
    assert model._under_way == []


def test_a_call_that_writes_into_the_callers_array_is_broken_off_too(tmp_path: Path) -> None:
    """Bound ones are no exception."""
    model = OnnxModel(slow(tmp_path / "slow.onnx"))
    x = np.eye(256, dtype=np.float32)
    raised: list[BaseException] = []

    def call() -> None:
        try:
            model.run_into({"x": x}, {"y": np.empty_like(x)}, bound=True)
        except Cancelled as error:
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    under_way(model, 1)
    assert model.is_running
    model.stop()
    thread.join(60)
    assert len(raised) == 1
    assert not model.is_running


def test_stopping_a_model_leaves_another_alone(shared: Path) -> None:
    """Two models of one file are two models; stopping one that is idle does nothing."""
    path = shared / "models" / "onnx" / "dnsmos_sig_bak_ovr.onnx"
    stopped, runs = OnnxModel(path), OnnxModel(path)
    caller = Caller(runs, seconds=10)
    under_way(runs, 1)
    stopped.stop()
    assert caller.join().raised is None
