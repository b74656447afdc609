"""Records of runs are valid on birth."""

import pytest

from modules.models.run_records import ModelIdentity, TimedRun


def test_time_does_not_run_backwards() -> None:
    """Nothing takes less than none."""
    identity = ModelIdentity("m", "0" * 64, "onnx-fp32", "CPUExecutionProvider")
    with pytest.raises(ValueError, match="inference_ms"):
        TimedRun([], -1.0, warmed_up=False, model=identity)
    assert TimedRun([], 0.0, warmed_up=True, model=identity).model is identity
