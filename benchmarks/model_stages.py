"""Models as stages are run: what a worker calls, with as many streams as a call of the model has rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.material import SHARED
from benchmarks.model_material import Subject
from modules.audio.buffer import AudioBuffer
from modules.models.onnx import OnnxModel
from modules.models.tensors import Array
from modules.stages.classify_onnx import OnnxClassifier
from modules.stages.front_ends import Waveform
from modules.stages.generic_onnx import GenericModel
from modules.stages.labels import read_labels
from modules.stages.vad_silero import GRAIN_FRAMES, RATE_HZ, SileroDetector
from modules.stages.windows import WindowRun, Windows, WindowShape

STEPS = 10
"""Steps of a model with a memory in one call of its stage: a chunk of 320 ms for Silero."""


@dataclass(frozen=True, slots=True)
class StageCall:
    """A call of a stage, and how many rows go through its model in it."""

    call: Callable[[], object]
    rows: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A front end that has the rows already: what features cost is another question."""

    given: Array

    def rows(self, run: WindowRun) -> Array:
        """The same for every run."""
        del run
        return self.given


def stage_call(subject: Subject, model: OnnxModel, rows: int) -> StageCall:
    """The stage that the product has for the subject: Silero's own, a classifier of waveforms, a described model."""
    if subject.name == "Silero VAD":
        return _silero(model, rows)
    if subject.name == "YAMNet":
        return _classifier(model, rows)
    return _described(subject, model, rows)


def _silero(model: OnnxModel, rows: int) -> StageCall:
    detector = SileroDetector(model)
    states = [detector.initial_state() for _ in range(rows)]
    chunks = [_noise(STEPS * GRAIN_FRAMES, seed) for seed in range(rows)]
    return StageCall(lambda: detector.process(states, chunks), rows * STEPS)


def _classifier(model: OnnxModel, rows: int) -> StageCall:
    shape = WindowShape(RATE_HZ, 15_600, 7_800)
    labels = read_labels(SHARED / "models" / "onnx" / "yamnet_class_map.csv")
    classifier = OnnxClassifier(model, labels, Waveform(shape, model.inputs[0].shape))
    runs = [_one_window(shape, seed) for seed in range(rows)]
    return StageCall(lambda: classifier.process(runs), rows)


def _described(subject: Subject, model: OnnxModel, rows: int) -> StageCall:
    """With a memory, streams share steps; without one, the windows of one stream share the call."""
    heard, *memories = (tensor.name for tensor in model.inputs)
    given, *after = (tensor.name for tensor in model.outputs)
    feeds: dict[str, str | float] = {heard: "audio"}
    feeds |= {name: f"state:{output}" for name, output in zip(memories, after, strict=True)}
    count, streams = (STEPS, rows) if memories else (rows, 1)
    stage = GenericModel(model, Prepared(subject.feeds(count)[heard]), feeds=feeds, outputs=[given])
    runs = [_one_window(WindowShape(RATE_HZ, 512, 512), 0)] * streams
    states = [stage.initial_state() for _ in runs]
    return StageCall(lambda: stage.process(states, runs), count * streams)


def _one_window(shape: WindowShape, seed: int) -> WindowRun:
    return Windows(shape).open().feed(_noise(shape.frames, seed))[0]


def _noise(frames: int, seed: int) -> AudioBuffer:
    samples = np.random.default_rng(seed).standard_normal(frames) * 0.05
    return AudioBuffer(samples.astype(np.float32), RATE_HZ)
