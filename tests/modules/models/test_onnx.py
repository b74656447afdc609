"""The ONNX Runtime door."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from modules.errors import Cancelled, ModelError
from modules.models.onnx import OnnxModel, OnnxOptions, providers
from modules.stages.vad_silero import packaged_model


def test_a_model_tells_the_names_of_its_inputs_and_outputs() -> None:
    """The packaged detector has three inputs and two outputs."""
    model = OnnxModel(packaged_model())
    assert set(model.inputs) == {"input", "state", "sr"}
    assert len(model.outputs) == 2


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


def test_stopping_a_model_leaves_another_alone(shared: Path) -> None:
    """Two models of one file are two models; stopping one that is idle does nothing."""
    path = shared / "models" / "onnx" / "dnsmos_sig_bak_ovr.onnx"
    stopped, runs = OnnxModel(path), OnnxModel(path)
    caller = Caller(runs, seconds=10)
    under_way(runs, 1)
    stopped.stop()
    assert caller.join().raised is None
