"""How long calls of models take, measured in turn, A B A B, so that a machine whose speed drifts is fair to all."""

import statistics
import time
from collections.abc import Mapping
from typing import Final

from modules.models.onnx import OnnxModel
from modules.models.replay import Feeds

LEAST_ROUNDS: Final = 7
MOST_ROUNDS: Final = 200
_ENOUGH_S: Final = 0.5


def medians_ms(models: Mapping[str, OnnxModel], feeds: Feeds) -> dict[str, float]:
    """The median milliseconds of a call of each model, after one that is not counted.

    As many rounds as take half a second, at least `LEAST_ROUNDS`. Raises `ModelError` as `run` does.
    """
    for model in models.values():
        model.run(feeds)
    taken: dict[str, list[float]] = {name: [] for name in models}
    begun_s = time.perf_counter()
    for number in range(MOST_ROUNDS):
        if number >= LEAST_ROUNDS and time.perf_counter() - begun_s > _ENOUGH_S:
            break
        for name, model in models.items():
            started_s = time.perf_counter()
            model.run(feeds)
            taken[name].append((time.perf_counter() - started_s) * 1e3)
    return {name: statistics.median(each) for name, each in taken.items()}
