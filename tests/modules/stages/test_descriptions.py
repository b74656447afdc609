"""Descriptions are valid on birth."""

from pathlib import Path

import pytest

from modules.stages.descriptions import GenericDescription, WindowDescription
from modules.stages.generic_onnx import OutputUse


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rate_hz": 0}, "rate_hz must be 1 to 768000, got 0"),
        ({"window_s": 0.0}, "window_s must be above 0 and at most 600, got 0.0"),
        ({"hop_s": 601.0}, "hop_s must be above 0 and at most 600, got 601.0"),
        ({"lead_s": -1.0}, "lead_s must be 0 to 600, got -1.0"),
    ],
)
def test_windows_have_lengths_that_there_are(fields: dict[str, float], words: str) -> None:
    """With the field, the value and what is allowed."""
    with pytest.raises(ValueError, match=words):
        WindowDescription(**fields)  # type: ignore[arg-type] # numbers all


@pytest.mark.parametrize(
    ("outputs", "labels", "words"),
    [
        ({}, None, "outputs must name at least one"),
        ({"a": "scores"}, None, "labels go with exactly one output"),
        ({"a": "values"}, Path("labels.txt"), "labels go with exactly one output"),
        ({"a": "scores", "b": "scores"}, Path("labels.txt"), "labels go with exactly one output"),
        ({"a": "scores", "b": "values"}, Path("labels.txt"), "beside an output that is scores"),
    ],
)
def test_labels_go_with_scores(outputs: dict[str, OutputUse], labels: Path | None, words: str) -> None:
    """One output of them, and no other beside it."""
    with pytest.raises(ValueError, match=words):
        GenericDescription("model.onnx", {"x": "audio"}, outputs, labels=labels)
