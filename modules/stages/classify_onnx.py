"""Audio classification: windows of a stream in, a score for each label out. Any ONNX classifier with a labels file.

When a score is a sound with a beginning and an end is decided in `modules/batching/detections.py`.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from modules.audio.detection import Detection
from modules.batching.detections import DetectionMerger, DetectionRules
from modules.errors import ModelError
from modules.models.array_model import ArrayModel, RowCalls, fixed_batch, parts
from modules.models.tensors import Array
from modules.stages.front_ends import FrontEnd
from modules.stages.hop import AnyStage
from modules.stages.sound import SoundAt
from modules.stages.windows import WindowRun, Windows, WindowShape

MAX_ROWS: Final = 64
"""Most windows in one model call: what a call needs of memory is bounded by it."""

Activation = Literal["none", "sigmoid", "softmax"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The windows of a run and their scores (windows, labels), from 0 to 1."""

    run: WindowRun
    scores: NDArray[np.float32]


class OnnxClassifier:
    """A `BatchStage` from runs of windows to their scores; windows of different streams share the model's calls.

    A model whose batch axis is fixed gets its windows one by one, and `is_batched` says so.
    """

    def __init__(
        self, model: ArrayModel, labels: Sequence[str], front_end: FrontEnd, *, activation: Activation = "none"
    ) -> None:
        """Use the first output of `model`. Raises `ModelError` when it has more or fewer classes than `labels`."""
        if len(model.inputs) > 1:
            raise ModelError(f"{model!r} takes {len(model.inputs)} inputs; a classifier takes one: see generic stages")
        self._model = model
        self.models = (model,)
        self._calls = RowCalls(model.inputs[0].name if model.inputs else "input", MAX_ROWS)
        self.labels = tuple(labels)
        self._front_end = front_end
        self._activation = activation
        self.is_batched = fixed_batch(model) is None
        if not self.is_batched:
            _log.info("%r has a fixed batch axis: its windows run one by one", model)
        classes = model.outputs[0].shape[-1] if model.outputs and model.outputs[0].shape else None
        if isinstance(classes, int):
            self._check_classes(classes)

    def process(self, batch: Sequence[WindowRun]) -> list[Scored]:
        """The scores of each run. Raises `ModelError` when the model refuses the windows."""
        rows = [self._front_end.rows(run) for run in batch]
        every = rows[0] if len(rows) == 1 else np.concatenate(rows)
        scores = activated(self._calls.run(self._model, every)[0], self._activation)
        self._check_classes(scores.shape[-1])
        return [Scored(run, part) for run, part in zip(batch, parts(scores, [len(some) for some in rows]), strict=True)]

    def cancel(self) -> None:
        """Break off the calls that run; see `Hop.break_off`."""
        if stop := getattr(self._model, "stop", None):
            stop()

    def _check_classes(self, classes: int) -> None:
        if classes != len(self.labels):
            raise ModelError(f"{self._model!r} has {classes} classes, but there are {len(self.labels)} labels")


class Detections:
    """A `SessionStage` from scored windows to the sounds that have ended, with their times."""

    def __init__(self, labels: Sequence[str], rules: DetectionRules) -> None:
        """Decide by `rules`. Raises `ConfigError` for labels that there are not."""
        self._labels = tuple(labels)
        self._rules = rules
        DetectionMerger(self._labels, rules)

    def open(self) -> "DetectionsSession":
        """A session for one stream."""
        return DetectionsSession(DetectionMerger(self._labels, self._rules))


class DetectionsSession:
    """One stream's sounds."""

    def __init__(self, merger: DetectionMerger) -> None:
        """Use `merger`."""
        self._merger = merger

    def feed(self, payload: Scored) -> list[Detection]:
        """The sounds that are over after these windows."""
        return list(self._over(payload))

    def finish(self) -> list[Detection]:
        """The sounds that went on to the end."""
        return self._merger.finish()

    def cancel(self) -> None:
        """Nothing here takes long."""

    def _over(self, scored: Scored) -> Iterator[Detection]:
        for (start_s, end_s), scores in zip(scored.run.spans, scored.scores, strict=True):
            yield from self._merger.step(start_s, end_s, scores)


def classification(
    classifier: OnnxClassifier, shape: WindowShape, rules: DetectionRules | None = None
) -> tuple[AnyStage, ...]:
    """The stages from any stream's audio to `Detection`s, for `open_stream(stages=...)`."""
    detections = Detections(classifier.labels, rules or DetectionRules())
    return (SoundAt(shape.sample_rate), Windows(shape), classifier, detections)


def activated(scores: Array, activation: Activation) -> NDArray[np.float32]:
    """Scores from 0 to 1, of shape (windows, classes): axes between, as of models that score frames, are averaged."""
    flat: NDArray[np.float32] = np.asarray(scores, np.float32)
    if scores.ndim != 2:  # noqa: PLR2004 - windows, classes
        flat = scores.reshape(len(scores), -1, scores.shape[-1]).mean(axis=1, dtype=np.float32)
    if activation == "none":
        return flat
    if activation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-flat)), np.float32)
    exponents = np.exp(flat - flat.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)
