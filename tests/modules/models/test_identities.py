"""Which models gave an answer."""

from pathlib import Path

import numpy as np

from modules.models.array_model import CallableModel
from modules.models.digest import onnx_digest
from modules.models.fallback_order import FallbackRules
from modules.models.identities import identities
from modules.models.named_models import CompositeDescription, NamedModels
from modules.models.run_records import ModelIdentity
from tests.modules.models.test_named_models import NoWatch, halved
from tests.small_models import matmul

AUDIO = {"audio": np.ones((1, 2, 16), np.float32)}


def test_a_file_has_a_digest_and_a_callable_has_none() -> None:
    """What is a part of a program has no content of its own."""
    assert identities(CallableModel("halved", halved)) == (ModelIdentity("halved", "", "python", "cpu"),)
    assert identities(object()) == ()


def test_a_composite_has_those_of_its_steps_until_its_monolith_answers(tmp_path: Path) -> None:
    """In order; a role has those of the model that gave the last answer."""
    encoder = matmul(tmp_path / "encoder.onnx", "audio", "hidden", sizes=(16, 8))
    whole = matmul(tmp_path / "whole.onnx", "audio", "out", sizes=(16, 8))
    steps: dict[str, str | Path] = {"encoder": encoder, "breaking": f"python:{__name__}:breaking"}
    rules = FallbackRules(tries_in_calls=False)
    models = NamedModels(NoWatch(), {"voice": CompositeDescription(steps, whole, fallback=rules)})
    voice = models.load("composite:voice", "voice")
    assert [(known.format, known.digest) for known in identities(voice)] == [
        ("onnx-fp32", onnx_digest(encoder)),
        ("python", ""),
    ]
    voice.run(AUDIO)
    assert [known.digest for known in identities(voice)] == [onnx_digest(whole)]


def breaking(_: object) -> object:
    """A step that fails."""
    raise LookupError("no talker")
