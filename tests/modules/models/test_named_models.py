"""A model is named in one text: a file, a callable, a composite; several names are a role."""

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from modules.errors import ModelError
from modules.models.digest import onnx_digest
from modules.models.fallback_order import FallbackEvent, FallbackRules
from modules.models.identities import fallbacks
from modules.models.machine import machine_key
from modules.models.named_models import CompositeDescription, NamedModels, python_model
from modules.models.onnx import OnnxModel, library_version, providers
from modules.models.onnx_options import OnnxOptions, Provider
from modules.models.optimizer import SCHEMA, verdicts_of
from modules.models.tensors import Array, TensorSpec
from modules.models.threads import ThreadRoom
from tests.small_models import matmul

Result = TypeVar("Result")

AUDIO = np.ones((1, 2, 16), np.float32)


class NoWatch:
    """A watch that trusts."""

    def now_s(self) -> float:
        return 0.0

    def within(self, limit_s: float, call: Callable[[], Result], *, stop: Callable[[], None] | None) -> Result:
        del limit_s, stop
        return call()


def halved(hidden: Array) -> Array:
    """A callable that tests name."""
    return hidden / 2


class Counting:
    """A class whose objects are models; it says what they take and give."""

    inputs = (TensorSpec("numbers", "float32", ("N", 3)),)
    outputs = (TensorSpec("sum", "float32", ("N",)),)

    def __call__(self, numbers: Array) -> Array:
        return np.asarray(numbers.sum(axis=1))


def test_a_path_is_an_onnx_model(tmp_path: Path) -> None:
    """With the session options that were asked for."""
    path = matmul(tmp_path / "encoder.onnx", "audio", "hidden", sizes=(16, 8))
    model = NamedModels(NoWatch()).load(path, "role", session=OnnxOptions(intra_op_threads=2))
    assert isinstance(model, OnnxModel)
    assert model.options.intra_op_threads == 2


def test_threads_fit_beside_each_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two workers on four CPUs: a call keeps two threads busy at most, and it is said who got fewer."""
    path = matmul(tmp_path / "encoder.onnx", "audio", "hidden", sizes=(16, 8))
    models = NamedModels(NoWatch(), room=ThreadRoom(workers=2, cpus=4))
    wide, narrow = (
        models.load(path, "role", session=OnnxOptions(intra_op_threads=threads, spinning=threads > 1))
        for threads in (3, 1)
    )
    assert isinstance(wide, OnnxModel)
    assert isinstance(narrow, OnnxModel)
    assert [2 * model.options.intra_op_threads for model in (wide, narrow)] == [4, 2]
    assert caplog.messages == ["encoder.onnx gets 2 threads a call, not 3: there are 2 workers on 4 CPUs"]


def test_a_device_that_does_not_start_has_the_cpu_behind_it(tmp_path: Path) -> None:
    """The answer is the CPU's, the event says what the device said, and the device is tried again."""
    path = matmul(tmp_path / "encoder.onnx", "audio", "hidden", sizes=(16, 8))
    missing = next(provider for provider in Provider if provider not in providers())
    told: list[FallbackEvent] = []
    models = NamedModels(NoWatch(), on_event=told.append)
    model = models.load(
        path, "sounds", session=OnnxOptions(provider=missing), rules=FallbackRules(tries_in_calls=False)
    )
    np.testing.assert_array_equal(model.run({"audio": AUDIO})[0], OnnxModel(path).run({"audio": AUDIO})[0])
    (event,) = told
    assert (event.kind, event.backend, event.was) == ("moved", f"{path} on {Provider.CPU}", f"{path} on {missing}")
    assert "is not in this installation" in event.reason
    (fallback,) = fallbacks(model)
    assert not fallback.recover()


def test_the_variant_that_won_here_is_loaded(tmp_path: Path) -> None:
    """As its verdict says; without one for this machine it is the model itself."""
    path = matmul(tmp_path / "encoder.onnx", "audio", "hidden", sizes=(16, 8))
    variant = matmul(tmp_path / "encoder.int8-dynamic.onnx", "audio", "hidden", sizes=(16, 8), seed=1)
    verdict = {"file": variant.name, "digest": onnx_digest(variant)}
    known = {
        "schema": SCHEMA,
        "machine": machine_key(),
        "library": library_version(),
        "model_digest": onnx_digest(path),
    }
    known |= {"best": variant.name, "verdicts": [verdict]}
    for machine, loaded in (("another", path), (machine_key(), variant)):
        verdicts_of(path).write_text(json.dumps(known | {"machine": machine}))
        model = NamedModels(NoWatch()).load(path, "role")
        assert isinstance(model, OnnxModel)
        assert model.path == loaded


def test_a_callable_is_named_by_its_module() -> None:
    """A class is called to make it; what it says of its inputs is the model's."""
    (found,) = NamedModels(NoWatch()).load(f"python:{__name__}:halved", "role").run({"x": np.full(2, 3.0)})
    np.testing.assert_array_equal(found, np.full(2, 1.5))
    counting = python_model(f"{__name__}:Counting")
    assert [spec.name for spec in (*counting.inputs, *counting.outputs)] == ["numbers", "sum"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:talk", "No module named"),
        (f"{__name__}:absent", "absent"),
        (f"{__name__}:AUDIO", "is no callable but ndarray"),
        ("math", "cannot be loaded"),
    ],
)
def test_a_callable_that_there_is_not_is_named(name: str, words: str) -> None:
    """With the reason."""
    with pytest.raises(ModelError, match=words):
        python_model(name)


def test_several_names_are_a_role_that_falls_back(tmp_path: Path) -> None:
    """The event names both."""
    told: list[FallbackEvent] = []
    models = NamedModels(NoWatch(), on_event=told.append)
    good = matmul(tmp_path / "good.onnx", "audio", "hidden", sizes=(16, 8))
    model = models.load((tmp_path / "absent.onnx", good), "voice", rules=FallbackRules(rest_s=1.0))
    assert model.run({"audio": AUDIO})[0].shape == (1, 2, 8)
    assert [(event.role, event.backend) for event in told] == [("voice", str(good))]
    assert [fallback.answers for fallback in fallbacks(model)] == [str(good)]


def voice(folder: Path, *, monolith: bool) -> CompositeDescription:
    """An encoder from a file, a talker in Python, a vocoder from a file."""
    return CompositeDescription(
        steps={
            "encoder": matmul(folder / "encoder.onnx", "audio", "hidden", sizes=(16, 8)),
            "talker": f"python:{__name__}:halved",
            "vocoder": matmul(folder / "vocoder.onnx", "hidden", "samples", sizes=(8, 4)),
        },
        monolith=matmul(folder / "whole.onnx", "audio", "samples", sizes=(16, 4)) if monolith else None,
    )


@pytest.mark.parametrize("monolith", [True, False])
def test_a_composite_is_named_and_has_its_monolith_behind_it(tmp_path: Path, *, monolith: bool) -> None:
    """Or stands alone."""
    models = NamedModels(NoWatch(), {"voice": voice(tmp_path, monolith=monolith)})
    model = models.load("composite:voice", "stage")
    assert model.run({"audio": AUDIO})[0].shape == (1, 2, 4)
    assert len(fallbacks(model)) == monolith


def test_a_composite_without_a_step_of_it_is_its_monolith(tmp_path: Path) -> None:
    """At load."""
    description = voice(tmp_path, monolith=True)
    (tmp_path / "encoder.onnx").unlink()
    models = NamedModels(NoWatch(), {"voice": description})
    (role,) = fallbacks(models.load("composite:voice", "stage"))
    assert role.answers.endswith("whole.onnx")
    assert "no ONNX model at" in role.events[0].reason


def test_a_role_that_nobody_uses_any_more_is_not_kept(tmp_path: Path) -> None:
    """Stages may be built for as long as a program runs, each time with models of its own."""
    models = NamedModels(NoWatch(), {"voice": voice(tmp_path, monolith=True)})
    built = [models.load("composite:voice", "stage") for _ in range(2)]
    gone, kept = (weakref.ref(role) for model in built for role in fallbacks(model))
    del built[0]
    gc.collect()
    assert gone() is None
    assert kept() is not None


def test_an_unknown_composite_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(ModelError, match="no composite 'voice'; there are none"):
        NamedModels(NoWatch()).load("composite:voice", "stage")


def test_a_composite_has_steps_and_hands_on_what_they_give() -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match="at least one model"):
        CompositeDescription(steps={})
    with pytest.raises(ValueError, match="hands_on names 'talkr', which is no step: talker"):
        CompositeDescription(steps={"talker": "a.onnx"}, hands_on={"talkr": "indices"})
