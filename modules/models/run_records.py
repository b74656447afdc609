"""What a run of a model tells besides its outputs: which model it was, how long it took, whether it was warm."""

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Shapes = tuple[tuple[int, ...], ...]
"""The shapes of a call's inputs, in the order of the model's inputs."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model gave a result.

    `digest` is of its content, in hexadecimal; `format` such as `onnx-int8`; `provider` such as `CPUExecutionProvider`.
    """

    name: str
    digest: str
    format: str
    provider: str


@dataclass(frozen=True, slots=True, eq=False)
class TimedRun:
    """Outputs in the order of the model's; `warmed_up` says whether this shape class had been run by a warm-up."""

    outputs: list[NDArray[Any]] = field(repr=False)
    inference_ms: float
    warmed_up: bool
    model: ModelIdentity

    def __post_init__(self) -> None:
        if self.inference_ms < 0:
            raise ValueError(f"inference_ms must be 0 or more, got {self.inference_ms}")
