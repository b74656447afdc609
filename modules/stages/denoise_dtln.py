"""Denoising with DTLN: two recurrent models in a row, the first on spectra, the second on samples.

The method, its window of 512 samples and its shift of 128 are those of Westhausen and Meyer, "Dual-Signal
Transformation LSTM Network for Real-Time Noise Suppression", Interspeech 2020, and of the authors' own
`real_time_processing_onnx.py`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.errors import ModelError
from modules.models.array_model import ArrayModel, fixed_batch
from modules.models.step_calls import Memory, StepCalls
from modules.models.tensors import Array
from modules.stages.hop import AnyStage
from modules.stages.sound import SoundAt
from modules.stages.windows import window_views

RATE_HZ: Final = 16_000
WINDOW_FRAMES: Final = 512
SHIFT_FRAMES: Final = 128
DELAY_FRAMES: Final = WINDOW_FRAMES - SHIFT_FRAMES
"""A sample is known once it has been in all of its windows; nothing of that shows in the times of the output."""
_BINS: Final = WINDOW_FRAMES // 2 + 1

Floats = NDArray[np.float32]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Shifts:
    """Audio in whole shifts of 128 samples; the last one says in `real_frames` how many samples its stream had."""

    audio: AudioBuffer
    real_frames: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DtlnState:
    """What the denoiser remembers of one stream: the models' states, the last samples in, and sums not yet complete."""

    first: Array
    second: Array
    heard: Floats
    sums: Floats
    frames: int
    """Samples that came in."""


class _Model(NamedTuple):
    """One of the two models, and how its signal and its state go through it."""

    model: ArrayModel
    steps: StepCalls
    state_shape: tuple[int, ...]

    def rolled(self, rows: Sequence[Floats], states: Sequence[Array]) -> tuple[list[Floats], list[Array]]:
        """The output for each step of each row, and its new state."""
        given = [(state,) for state in states]
        found, after = self.steps.run(self.model, [row[:, np.newaxis] for row in rows], given)
        return [out[:, 0] for (out,) in found], [state for (state,) in after]


class DtlnDenoiser:
    """A `RecurrentStage`: `Shifts` of mono audio at 16 kHz in, the same audio without noise out.

    Models whose batch axis is fixed at 1, as they are published, run stream by stream: `is_batched` says so. With a
    free batch axis (`onbeat models optimize --free-batch`) the streams of a batch share every call.
    """

    sample_rate = RATE_HZ

    def __init__(self, first: ArrayModel, second: ArrayModel) -> None:
        """Use the two models, in order. Raises `ModelError` for other graphs."""
        self.models = (first, second)
        self._first = _known(first, _BINS)
        self._second = _known(second, WINDOW_FRAMES)
        self.is_batched = fixed_batch(first) is None and fixed_batch(second) is None
        if not self.is_batched:
            _log.info("%r has its batch axis fixed at 1: streams are denoised one by one", first)

    def initial_state(self) -> DtlnState:
        """Silence before the stream."""
        return DtlnState(
            np.zeros((1, *self._first.state_shape), np.float32),
            np.zeros((1, *self._second.state_shape), np.float32),
            np.zeros(DELAY_FRAMES, np.float32),
            np.zeros(DELAY_FRAMES, np.float32),
            0,
        )

    def process(
        self, states: Sequence[DtlnState], batch: Sequence[Shifts]
    ) -> tuple[list[DtlnState], list[AudioBuffer]]:
        """New states and clean audio for each payload: what is complete by then, which is 384 samples behind."""
        heard = [
            np.concatenate((state.heard, payload.audio.samples)) for state, payload in zip(states, batch, strict=True)
        ]
        blocks, first, second = self._cleaned(heard, states)
        new_states, outputs = [], []
        for row, (state, payload) in enumerate(zip(states, batch, strict=True)):
            complete, sums = _added(state.sums, blocks[row])
            frames = state.frames + payload.audio.frames
            new_states.append(DtlnState(first[row], second[row], heard[row][-DELAY_FRAMES:].copy(), sums, frames))
            outputs.append(_placed(complete, payload, frames_before=state.frames))
        return new_states, outputs

    def cancel(self) -> None:
        """Break off the calls that run; see `Hop.break_off`."""
        for model in (self._first.model, self._second.model):
            if stop := getattr(model, "stop", None):
                stop()

    def _cleaned(
        self, heard: list[Floats], states: Sequence[DtlnState]
    ) -> tuple[list[Floats], list[Array], list[Array]]:
        """The clean windows of each row, (shifts, 512), and what both models remember then.

        What needs no state, the transforms, is done for all windows at once; only the models run step by step.
        """
        spectra = [np.fft.rfft(window_views(samples, WINDOW_FRAMES, SHIFT_FRAMES)) for samples in heard]
        loudness = [np.abs(spectrum).astype(np.float32) for spectrum in spectra]
        masks, first = self._first.rolled(loudness, [state.first for state in states])
        rough = [
            np.fft.irfft(spectrum * mask, WINDOW_FRAMES).astype(np.float32)
            for spectrum, mask in zip(spectra, masks, strict=True)
        ]
        blocks, second = self._second.rolled(rough, [state.second for state in states])
        return blocks, first, second


class ShiftsOf:
    """A `SessionStage` from mono audio at 16 kHz to whole shifts; at the end, silence until all samples are known."""

    def open(self) -> "ShiftsSession":
        """A session for one stream."""
        return ShiftsSession()


class ShiftsSession:
    """One stream's samples that make no whole shift yet."""

    def __init__(self) -> None:
        """Start before the first sample."""
        self._rest: AudioBuffer | None = None
        self._frames = 0

    def feed(self, payload: AudioBuffer) -> list[Shifts]:
        """As many whole shifts as there are."""
        self._frames += payload.frames
        audio = AudioBuffer.joined([self._rest, payload]) if self._rest else payload
        whole = audio.frames // SHIFT_FRAMES * SHIFT_FRAMES
        self._rest = audio.cut(whole)
        return [Shifts(audio.cut(0, whole))] if whole else []

    def finish(self) -> list[Shifts]:
        """What is left, and the silence that brings out what the denoiser holds back."""
        if self._rest is None:
            return []
        missing = -self._rest.frames % SHIFT_FRAMES + DELAY_FRAMES
        silence = AudioBuffer.silence(missing, RATE_HZ, start_s=self._rest.end_s)
        return [Shifts(AudioBuffer.joined([self._rest, silence]), self._frames)]

    def cancel(self) -> None:
        """Nothing here takes long."""


class SomeAudio:
    """A `SessionStage`, and its own session: leaves out buffers without samples, as a stream's first often is."""

    def open(self) -> "SomeAudio":
        """A session for one stream."""
        return self

    def feed(self, payload: AudioBuffer) -> list[AudioBuffer]:
        """The buffer, if there is anything in it."""
        return [payload] if payload.frames else []

    def finish(self) -> list[AudioBuffer]:
        """Nothing is held back."""
        return []

    def cancel(self) -> None:
        """Nothing here takes long."""


def denoising(denoiser: DtlnDenoiser) -> tuple[AnyStage, ...]:
    """The stages from any stream's audio to clean mono audio at 16 kHz, for `open_stream(stages=...)`."""
    return (SoundAt(RATE_HZ), ShiftsOf(), denoiser, SomeAudio())


def _added(sums: Floats, blocks: Floats) -> tuple[Floats, Floats]:
    """Overlapping windows added up: the samples that are complete, and the sums of the 384 that are not."""
    total = np.zeros(len(blocks) * SHIFT_FRAMES + DELAY_FRAMES, np.float32)
    total[:DELAY_FRAMES] = sums
    for number, block in enumerate(blocks):
        total[number * SHIFT_FRAMES : number * SHIFT_FRAMES + WINDOW_FRAMES] += block
    return total[:-DELAY_FRAMES], total[-DELAY_FRAMES:].copy()


def _placed(samples: Floats, payload: Shifts, *, frames_before: int) -> AudioBuffer:
    """The samples in their place, 384 behind; what would be before the stream's start or after its end is left out."""
    begins = frames_before - DELAY_FRAMES
    skip = max(0, -begins)
    end = len(samples) if payload.real_frames is None else payload.real_frames - begins
    start_s = payload.audio.start_s + (skip - DELAY_FRAMES) / RATE_HZ
    return AudioBuffer(samples[skip:end], RATE_HZ, start_s)


def _known(model: ArrayModel, width: int) -> _Model:
    """The model with its signal of `width` and its state told apart by their shapes. Raises `ModelError`."""
    signals = [tensor for tensor in model.inputs if tensor.shape[-1] == width]
    states = [tensor for tensor in model.inputs if tensor not in signals]
    if len(signals) != 1 or len(states) != 1:
        shapes = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in model.inputs)
        raise ModelError(f"{model!r} is no DTLN model: it should take a signal of {width} and a state, not {shapes}")
    shape = tuple(axis for axis in states[0].shape[1:] if isinstance(axis, int))
    if len(shape) != len(states[0].shape) - 1:
        raise ModelError(f"{model!r} is no DTLN model: its state {states[0].name} has free axes {states[0].shape}")
    return _Model(model, StepCalls(signals[0].name, (Memory(states[0].name, 1),)), shape)
