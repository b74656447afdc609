"""Models are timed in turn, each as often as the others."""

from pathlib import Path

import numpy as np

from modules.models.onnx import OnnxModel
from modules.models.timing import LEAST_ROUNDS, MOST_ROUNDS, medians_ms
from tests.small_models import power_bands


class Counting(OnnxModel):
    """A model that writes down each call."""

    def __init__(self, path: Path, name: str, order: list[str]) -> None:
        """Write `name` into `order`."""
        super().__init__(path)
        self._name, self._order = name, order

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:  # type: ignore[override]
        self._order.append(self._name)
        return super().run(feeds)


def test_models_take_turns(tmp_path: Path) -> None:
    """A call of each that does not count, then round by round."""
    path, order = power_bands(tmp_path / "m.onnx", frames=8, classes=2), list[str]()
    models = {name: Counting(path, name, order) for name in "ab"}
    found = medians_ms(models, {"samples": np.ones((1, 8), np.float32)})
    assert min(found.values()) > 0
    assert order == ["a", "b"] * (len(order) // 2)
    assert LEAST_ROUNDS < len(order) // 2 <= MOST_ROUNDS + 1
