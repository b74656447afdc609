"""What a session says of its knobs is read in our own words, and what differs is not in force."""

from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modules.errors import ModelError
from modules.models import onnx
from modules.models.knobs import KnobReading, attributes, entries, library_value, readings
from modules.models.onnx import OnnxModel
from modules.models.onnx_options import Execution, GraphLevel, OnnxOptions, Provider
from tests.small_models import power_bands


class Levels(Enum):
    """The library's enumeration of levels."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_ALL = 99


class Modes(Enum):
    """And of modes."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


LIBRARY = SimpleNamespace(GraphOptimizationLevel=Levels, ExecutionMode=Modes)


class Session:
    """A session that was told the options, and has some of its own mind."""

    def __init__(self, options: OnnxOptions, **changed: object) -> None:
        """Say what the options say, but for `changed` attributes."""
        self._told = {
            name: library_value(LIBRARY, name, value) for name, value in attributes(options).values()
        } | changed
        self._entries = dict(entries(options).values())
        self.provider = str(options.provider)

    def get_session_options(self) -> Any:  # noqa: ANN401 - as the library has it
        return SimpleNamespace(**self._told, get_session_config_entry=self._entries.__getitem__)

    def get_providers(self) -> list[str]:
        return [self.provider]


@pytest.mark.parametrize(
    "options",
    [OnnxOptions(), OnnxOptions(graph_level=GraphLevel.BASIC, intra_op_threads=3, spinning=True, prepacking=False)],
)
def test_what_was_asked_for_is_in_force(options: OnnxOptions) -> None:
    """Every knob has the same word twice."""
    found = readings(options, Session(options), LIBRARY)
    assert all(reading.is_in_force for reading in found)
    words = {reading.knob: reading.found for reading in found}
    assert words["graph_level"] == options.graph_level
    assert words["prepacking"] == ("on" if options.prepacking else "off")


@pytest.mark.parametrize(
    ("name", "value", "knob", "found"),
    [
        ("graph_optimization_level", Levels.ORT_DISABLE_ALL, "graph_level", "off"),
        ("execution_mode", Modes.ORT_PARALLEL, "execution", Execution.PARALLEL),
        ("intra_op_num_threads", 2, "intra_op_threads", "2"),
        ("enable_cpu_mem_arena", False, "arena", "off"),
        ("graph_optimization_level", 7, "graph_level", "7"),
    ],
)
def test_a_session_with_a_mind_of_its_own_is_noticed(name: str, value: object, knob: str, found: str) -> None:
    """With what it says."""
    options = OnnxOptions()
    (wrong,) = [r for r in readings(options, Session(options, **{name: value}), LIBRARY) if not r.is_in_force]
    assert (wrong.knob, wrong.found) == (knob, found)


def test_another_provider_in_silence_is_noticed() -> None:
    """As the library falls back."""
    session = Session(OnnxOptions())
    wanted = OnnxOptions(provider=Provider.CUDA)
    wrong = [reading for reading in readings(wanted, session, LIBRARY) if not reading.is_in_force]
    assert [(reading.wanted, reading.found) for reading in wrong] == [(Provider.CUDA, Provider.CPU)]


def test_a_model_whose_knob_is_not_in_force_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would run otherwise than was asked for."""
    monkeypatch.setattr(onnx, "readings", lambda *_: (KnobReading("arena", "on", "off"),))
    with pytest.raises(ModelError, match=r"m\.onnx: arena is not in force: on was asked for, off is what"):
        OnnxModel(power_bands(tmp_path / "m.onnx", frames=8, classes=2))
