"""Rows that share a call of a model get what each gets alone, within 1e-5, on real models and generated ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from benchmarks.model_material import encoder, log_mel_patches, talker
from modules.models.free_axis import free_and_prove
from modules.models.onnx import OnnxModel
from modules.models.replay import stacked
from modules.models.shapes import ShapeClasses, padded

Array = NDArray[Any]
ROWS = 5


@dataclass(frozen=True)
class Case:
    """A model and the calls of its rows."""

    model: OnnxModel
    calls: list[dict[str, Array]]


def speech(shared: Path, frames: int) -> list[Array]:
    """Windows of spoken digits, one a row."""
    samples, _ = soundfile.read(shared / "strings" / "digits_00_george.flac", dtype="float32")
    return [samples[start : start + frames][None] for start in range(0, ROWS * 9_000, 9_000)]


def silero(shared: Path, _: Path) -> Case:
    """A memory for each row."""
    model = OnnxModel(shared / "models" / "onnx" / "silero_vad.onnx")
    memories = np.random.default_rng(0).standard_normal((ROWS, 2, 1, 128)).astype(np.float32) * 0.1
    rate = np.array(16_000, np.int64)
    pairs = zip(speech(shared, 576), memories, strict=True)
    return Case(model, [{"input": row, "state": memory, "sr": rate} for row, memory in pairs])


def yamnet(shared: Path, _: Path) -> Case:
    """On the waveform."""
    model = OnnxModel(shared / "models" / "onnx" / "yamnet_wave.onnx")
    return Case(model, [{"waveform": row} for row in speech(shared, 15_600)])


def spelling(shared: Path, _: Path) -> Case:
    """On log-mel features."""
    model = OnnxModel(shared / "models" / "onnx" / "moonshine_spelling_cnn_mel.onnx")
    patches = log_mel_patches(np.concatenate(speech(shared, 16_000), axis=1)[0])
    return Case(model, [{"log_mel": patches[number : number + 1]} for number in range(ROWS)])


def dtln(shared: Path, folder: Path) -> Case:
    """Once its batch axis is freed."""
    report = free_and_prove(shared / "models" / "onnx" / "dtln_2.onnx", folder)
    model = OnnxModel(folder / report.file)
    memories = np.random.default_rng(0).standard_normal((ROWS, 1, 2, 128, 2)).astype(np.float32) * 0.1
    names = [spec.name for spec in model.inputs]
    pairs = zip(speech(shared, 512), memories, strict=True)
    return Case(model, [dict(zip(names, (row[None], memory), strict=True)) for row, memory in pairs])


def generated(folder: Path) -> Case:
    """An encoder of two products."""
    subject = encoder(folder)
    rows = np.random.default_rng(0).standard_normal((ROWS, 1, 32, 256)).astype(np.float32)
    return Case(OnnxModel(subject.path), [{"x": row} for row in rows])


def talking(folder: Path) -> Case:
    """The talker's head: hidden states of 3,584 to logits of 8,448."""
    subject = talker(folder)
    rows = np.random.default_rng(0).standard_normal((ROWS, 1, 2, 3_584)).astype(np.float32)
    return Case(OnnxModel(subject.path), [{"hidden": row} for row in rows])


def differences(case: Case) -> list[float]:
    """How far each output of each row is from its own call, beside 1 or the largest value, whichever is more."""
    together = case.model.run(stacked(case.model.inputs, case.calls))
    found = []
    for row, call in enumerate(case.calls):
        for many, one in zip(together, case.model.run(call), strict=True):
            axis = many.shape.index(ROWS)
            assert many.shape[:axis] == one.shape[:axis]
            difference = np.abs(np.take(many, [row], axis=axis) - one).max()
            found.append(float(difference / max(1.0, np.abs(one).max())))
    return found


@pytest.mark.parametrize("case_of", [silero, yamnet, spelling, dtln], ids=lambda case_of: case_of.__name__)
def test_rows_of_real_models_together_are_rows_alone(
    case_of: Callable[[Path, Path], Case], shared: Path, tmp_path: Path
) -> None:
    """On spoken digits."""
    assert max(differences(case_of(shared, tmp_path))) <= 1e-5


@pytest.mark.parametrize("case_of", [generated, talking], ids=lambda case_of: case_of.__name__)
def test_rows_of_generated_models_together_are_rows_alone(case_of: Callable[[Path], Case], tmp_path: Path) -> None:
    """On noise."""
    assert max(differences(case_of(tmp_path))) <= 1e-5


def test_rows_that_were_added_to_fill_a_class_change_nothing(shared: Path) -> None:
    """Five rows in a call of eight."""
    case = yamnet(shared, Path())
    batch = padded([call["waveform"][0] for call in case.calls], ShapeClasses((4, 8)))
    assert len(batch.array) == 8
    scores = batch.real(case.model.run({"waveform": batch.array})[0])
    for row, call in zip(scores, case.calls, strict=True):
        np.testing.assert_allclose(row, case.model.run(call)[0][0], atol=1e-5)
