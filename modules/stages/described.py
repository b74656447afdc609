"""From the description of a stage to the stage itself: models are loaded, and what does not fit is refused."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from modules.audio.buffer import AudioBuffer
from modules.audio.log_mel import LogMel, LogMelOptions
from modules.errors import ModelError
from modules.models.array_model import Axes
from modules.models.digest import onnx_digest, tree_digest
from modules.models.named_models import COMPOSITE, CompositeDescription, NamedModels
from modules.models.onnx_options import for_steps
from modules.models.optimizer import best_of
from modules.stages.classify_onnx import Detections, OnnxClassifier, classification
from modules.stages.denoise_dtln import DtlnDenoiser, denoising
from modules.stages.descriptions import (
    ClassifyDescription,
    DenoiseDescription,
    GenericDescription,
    StageDescription,
    WindowDescription,
)
from modules.stages.front_ends import FrontEnd, LogMelPatches, Waveform
from modules.stages.generic_onnx import AUDIO_FEEDS, GenericModel, ScoresOf, ValuesOf, is_state
from modules.stages.hop import AnyStage
from modules.stages.labels import read_labels
from modules.stages.rehearsal import rehearse
from modules.stages.sound import SoundAt
from modules.stages.windows import Windows, WindowShape

_log = logging.getLogger(__name__)


def described(name: str, description: StageDescription, models: NamedModels) -> tuple[AnyStage, ...]:
    """The stages from any stream's audio to what stage `name` gives. Raises `ModelError` and `ConfigError`.

    They have heard a stretch of silence, of one stream and of several: what does not fit is found before any stream is,
    and the models are warm.
    """
    if isinstance(description, ClassifyDescription):
        return _tried(name, _classify(name, description, models))
    if isinstance(description, DenoiseDescription):
        return _tried(name, _denoise(name, description, models))
    return _tried(name, _generic(name, description, models))


def _tried(name: str, stages: tuple[AnyStage, ...]) -> tuple[AnyStage, ...]:
    """The stages, if they can process some silence. Raises `ModelError` with the reason when they cannot."""
    sound = next(stage for stage in stages if isinstance(stage, SoundAt))
    try:
        rehearsed = rehearse(stages, AudioBuffer.silence(sound.sample_rate // 10, sound.sample_rate))
    except Exception as error:  # a callable is the user's own code
        raise ModelError(f"{name}: not even silence could be processed: {error}") from error
    _log.info("%s is warm: %s", name, rehearsed)
    return stages


def fingerprint(description: StageDescription, composites: Mapping[str, CompositeDescription]) -> str:
    """A digest of the description and of every file it names, so that a changed model is a different stage."""
    total = hashlib.sha256(repr(description).encode(errors="surrogateescape"))
    for path in sorted(set(_files(description, composites))):
        total.update(_content(path).encode())
    return total.hexdigest()


def _content(path: Path) -> str:
    """The digest of a file; one that is not there has none, and its role falls back or has failed already."""
    if not path.exists():
        return "missing"
    return onnx_digest(best_of(path)) if path.suffix == ".onnx" else tree_digest(path)


def _files(description: StageDescription, composites: Mapping[str, CompositeDescription]) -> Iterator[Path]:
    for field in fields(description):
        value = getattr(description, field.name)
        for name in value if isinstance(value, tuple) else (value,):
            if isinstance(name, Path):
                yield name
            elif isinstance(name, str) and name.startswith(COMPOSITE):
                composite = composites[name.removeprefix(COMPOSITE)]
                models = (*composite.steps.values(), composite.monolith)
                yield from (model for model in models if isinstance(model, Path))


def _classify(name: str, description: ClassifyDescription, models: NamedModels) -> tuple[AnyStage, ...]:
    model = models.load(description.model, name, rules=description.fallback, session=description.session)
    axes = tuple(model.inputs[0].shape) if model.inputs else ()
    features = description.log_mel if description.front_end == "log-mel" else None
    shape, front_end = _heard(description.window, features, axes)
    labels = read_labels(description.labels)
    classifier = OnnxClassifier(model, labels, front_end, activation=description.activation)
    return classification(classifier, shape, description.detections)


def _denoise(name: str, description: DenoiseDescription, models: NamedModels) -> tuple[AnyStage, ...]:
    session = for_steps(description.session)
    both = [
        models.load(names, f"{name}: {which} model", rules=description.fallback, session=session)
        for names, which in ((description.first_model, "first"), (description.second_model, "second"))
    ]
    return denoising(DtlnDenoiser(*both))


def _generic(name: str, description: GenericDescription, models: NamedModels) -> tuple[AnyStage, ...]:
    has_memory = any(is_state(feed) for feed in description.inputs.values())
    session = for_steps(description.session) if has_memory else description.session
    model = models.load(description.model, name, rules=description.fallback, session=session)
    heard = next((name for name, feed in description.inputs.items() if feed in AUDIO_FEEDS), None)
    axes = next((tuple(tensor.shape) for tensor in model.inputs if tensor.name == heard), ())
    features = description.log_mel if heard and description.inputs[heard] == "log-mel" else None
    shape, front_end = _heard(description.window, features, axes)
    stage = GenericModel(model, front_end, feeds=description.inputs, outputs=tuple(description.outputs))
    before = (SoundAt(shape.sample_rate), Windows(shape), stage)
    if description.labels is None:
        return (*before, ValuesOf(description.outputs, description.output_rate_hz or shape.sample_rate))
    (output,) = description.outputs
    scores = ScoresOf(output, description.activation)
    return (*before, scores, Detections(read_labels(description.labels), description.detections))


def _heard(window: WindowDescription, features: LogMelOptions | None, axes: Axes) -> tuple[WindowShape, FrontEnd]:
    """How windows are cut, and what the model's input with `axes` hears of each."""
    if features is None:
        shape = _shape(window, _fixed_samples(axes))
        return shape, Waveform(shape, axes)
    mel = LogMel(features, window.rate_hz)
    shape = _shape(window, None)
    return shape, LogMelPatches(mel, shape, axes)


def _shape(window: WindowDescription, samples: int | None) -> WindowShape:
    """The windows described; a model that wants a fixed number of samples says how long they are."""
    if window.window_s is None and samples is None:
        raise ModelError("window_s is needed: the model does not say how many samples it wants")
    frames = samples if window.window_s is None else round(window.window_s * window.rate_hz)
    assert frames is not None
    hop = frames // 2 if window.hop_s is None else round(window.hop_s * window.rate_hz)
    try:
        return WindowShape(window.rate_hz, frames, max(1, hop), round(window.lead_s * window.rate_hz))
    except ValueError as error:
        raise ModelError(f"the windows do not fit: {error}") from error


def _fixed_samples(axes: Axes) -> int | None:
    fixed = [axis for axis in axes[1:] if isinstance(axis, int) and axis > 1]
    return fixed[0] if len(fixed) == 1 else None
