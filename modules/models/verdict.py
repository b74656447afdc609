"""Whether a variant of a model earns its place: faster by enough, and close enough to the original. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from modules.models.tensors import Array


class Kind(StrEnum):
    """The ways in which a model is rewritten."""

    INT8_DYNAMIC = "int8-dynamic"
    INT8_STATIC = "int8-static"
    FP16 = "fp16"


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of calls of so many rows, in milliseconds, both sides measured in turn."""

    rows: int
    original_ms: float
    variant_ms: float

    def __post_init__(self) -> None:
        if self.rows < 1 or not min(self.original_ms, self.variant_ms) > 0:
            raise ValueError(f"rows must be at least 1 and times above 0, got {self}")

    @property
    def gain(self) -> float:
        """How many times as fast the variant is."""
        return self.original_ms / self.variant_ms


@dataclass(frozen=True, slots=True)
class OutputError:
    """How far a variant's outputs are from the original's, over all calls, for the output where it is worst.

    `relative_db` is the energy of the difference beside that of the original, in dB: -20 is a tenth of the amplitude.
    `same_labels` is the share of rows whose largest value stands at the same place, `None` where a row has one value.
    """

    relative_db: float
    largest: float
    same_labels: float | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a variant must reach to be kept.

    A gain in speed of `least_gain` over all batch sizes, with none slower by more than `most_slowdown`; an error of at
    most `max_error_db`; and as many rows labelled alike as `least_same_labels`, a share, 0 for models without labels.
    """

    least_gain: float = 1.1
    most_slowdown: float = 1.05
    max_error_db: float = -20.0
    least_same_labels: float = 0.0

    def __post_init__(self) -> None:
        if not self.least_gain >= 1 or not self.most_slowdown >= 1:
            raise ValueError(f"least_gain and most_slowdown must be at least 1, got {self}")
        if not self.max_error_db < 0 or not 0 <= self.least_same_labels <= 1:
            raise ValueError(f"max_error_db must be below 0 and least_same_labels 0 to 1, got {self}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A variant, what was measured of it, whether it is kept and why; `file` is its name when it is."""

    kind: Kind
    kept: bool
    reason: str
    speeds: tuple[Speed, ...] = ()
    error: OutputError | None = None
    original_bytes: int = 0
    variant_bytes: int = 0
    file: str | None = None
    digest: str | None = None

    @property
    def gain(self) -> float | None:
        """The geometric mean of the gains; `None` when nothing was measured."""
        return geometric_mean([speed.gain for speed in self.speeds]) if self.speeds else None


def judge(speeds: Sequence[Speed], error: OutputError, bounds: Bounds) -> tuple[bool, str]:
    """Whether a variant with these measurements is kept, and why or why not."""
    gain = geometric_mean([speed.gain for speed in speeds])
    slowest = min(speeds, key=lambda speed: speed.gain)
    labels = error.same_labels
    against = []
    if not error.relative_db <= bounds.max_error_db:
        against.append(f"its error is {error.relative_db:.1f} dB, more than {bounds.max_error_db:.0f}")
    if labels is not None and labels < bounds.least_same_labels:
        against.append(f"{labels:.1%} of its labels are the same, less than {bounds.least_same_labels:.0%}")
    if gain < bounds.least_gain:
        against.append(f"it is {gain:.2f} times as fast, less than {bounds.least_gain:g}")
    elif slowest.gain * bounds.most_slowdown < 1:
        against.append(f"with {slowest.rows} rows it is {slowest.gain:.2f} times as fast")
    if against:
        return False, "; ".join(against)
    return True, f"{gain:.2f} times as fast, error {error.relative_db:.1f} dB"


def output_error(originals: Sequence[Sequence[Array]], variants: Sequence[Sequence[Array]]) -> OutputError:
    """The error over all calls: of each output, the worst. Values that are not finite count as infinitely wrong.

    Raises `ValueError` when the calls or the shapes of their outputs differ.
    """
    worst = OutputError(-math.inf, 0.0)
    for number in range(len(originals[0])):
        one, other = _column(originals, number), _column(variants, number)
        same = _same_labels([call[number] for call in originals], [call[number] for call in variants])
        difference = other - one
        largest = float(np.abs(difference).max(initial=0.0))
        error = OutputError(_relative_db(one, difference), largest, same)
        labels = [share for share in (worst.same_labels, same) if share is not None]
        chosen = max(worst, error, key=lambda candidate: candidate.relative_db)
        worst = OutputError(chosen.relative_db, max(worst.largest, largest), min(labels, default=None))
    return worst


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of ratios above 0."""
    return math.exp(sum(map(math.log, values)) / len(values))


def _column(calls: Sequence[Sequence[Array]], number: int) -> Array:
    """One output of all calls in a row."""
    return np.concatenate([np.asarray(call[number], np.float64).ravel() for call in calls])


def _relative_db(original: Array, difference: Array) -> float:
    power, error = float(np.square(original).sum()), float(np.square(difference).sum())
    if not math.isfinite(error):
        return math.inf
    if error == 0:
        return -math.inf
    return math.inf if power == 0 else 10 * math.log10(error / power)


def _same_labels(originals: Sequence[Array], variants: Sequence[Array]) -> float | None:
    if originals[0].ndim < 2 or originals[0].shape[-1] < 2:  # noqa: PLR2004 - one value has no largest
        return None
    same = [np.argmax(one, -1) == np.argmax(other, -1) for one, other in zip(originals, variants, strict=True)]
    return float(np.mean(np.concatenate([np.atleast_1d(array).ravel() for array in same])))
