"""Stages as descriptions: what `onbeat.toml` says of them, checked. How they are made stands in `described.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from modules.audio.log_mel import LogMelOptions
from modules.batching.detections import DetectionRules
from modules.models.fallback_order import FallbackRules
from modules.models.named_models import ModelNames
from modules.models.onnx_options import OnnxOptions
from modules.stages.classify_onnx import Activation
from modules.stages.generic_onnx import OutputUse


@dataclass(frozen=True, slots=True)
class WindowDescription:
    """How a stream is cut. Without `window_s` a window is what the model wants, without `hop_s` a hop half a window."""

    rate_hz: int = 16_000
    window_s: float | None = None
    hop_s: float | None = None
    lead_s: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.rate_hz <= 768_000:  # noqa: PLR2004 - what an AudioBuffer can have
            raise ValueError(f"rate_hz must be 1 to 768000, got {self.rate_hz}")
        for name in ("window_s", "hop_s"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds <= 600:  # noqa: PLR2004 - ten minutes
                raise ValueError(f"{name} must be above 0 and at most 600, got {seconds}")
        if not 0 <= self.lead_s < 600:  # noqa: PLR2004 - as above
            raise ValueError(f"lead_s must be 0 to 600, got {self.lead_s}")


@dataclass(frozen=True, slots=True)
class ClassifyDescription:
    """Audio classification: a model with a score for each line of `labels`."""

    model: ModelNames
    labels: Path
    window: WindowDescription = WindowDescription()
    front_end: Literal["waveform", "log-mel"] = "waveform"
    log_mel: LogMelOptions = field(default_factory=LogMelOptions)
    activation: Activation = "none"
    detections: DetectionRules = field(default_factory=DetectionRules)
    fallback: FallbackRules = field(default_factory=FallbackRules)
    session: OnnxOptions = field(default_factory=OnnxOptions)


@dataclass(frozen=True, slots=True)
class DenoiseDescription:
    """Denoising with the two models of DTLN."""

    first_model: ModelNames
    second_model: ModelNames
    fallback: FallbackRules = field(default_factory=FallbackRules)
    session: OnnxOptions = field(default_factory=OnnxOptions)


@dataclass(frozen=True, slots=True)
class GenericDescription:
    """Any model: what each of its inputs is fed and what its outputs mean; see `generic_onnx.py`.

    With `labels`, the one output that is `scores` becomes detections. An output that is `audio` has `output_rate_hz`.
    """

    model: ModelNames
    inputs: Mapping[str, str | float]
    outputs: Mapping[str, OutputUse]
    window: WindowDescription = WindowDescription()
    labels: Path | None = None
    log_mel: LogMelOptions = field(default_factory=LogMelOptions)
    activation: Activation = "none"
    detections: DetectionRules = field(default_factory=DetectionRules)
    output_rate_hz: int | None = None
    fallback: FallbackRules = field(default_factory=FallbackRules)
    session: OnnxOptions = field(default_factory=OnnxOptions)

    def __post_init__(self) -> None:
        scores = [name for name, use in self.outputs.items() if use == "scores"]
        if len(scores) != (self.labels is not None):
            raise ValueError("labels go with exactly one output that is scores")
        if not self.outputs:
            raise ValueError("outputs must name at least one output and say what it is")
        if scores and len(self.outputs) > 1:
            raise ValueError("beside an output that is scores there can be no other")


StageDescription = ClassifyDescription | DenoiseDescription | GenericDescription
