"""A batch axis that is fixed at 1 is freed, and the freed model is shown to be the same model, or deleted.

Rows that share a call must give what each gives alone, in every output, to 1e-5. What one call computes does not depend
on earlier ones (what a model remembers is an input), so equal calls are equal streams.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from modules.errors import ModelError, OutputError
from modules.models.onnx import OnnxModel, OnnxOptions
from modules.models.onnx_graph import FreedAxis, free_batch
from modules.models.replay import Feeds, stacked
from modules.models.tensors import Array, TensorSpec
from modules.models.timing import medians_ms

TOLERANCE: Final = 1e-5
"""The most an output may differ, beside 1 or the largest value the original gave, whichever is more."""

_PROOF_ROWS: Final = (2, 3, 7)
_PROOF_CALLS: Final = 3
_TIMED_ROWS: Final = (2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class FreedReport:
    """A model with a free batch axis: what was freed, how far rows differ from being alone, what a row costs."""

    model: str
    file: str
    freed: FreedAxis
    proof_rows: tuple[int, ...]
    largest_difference: float
    alone_ms: float
    row_ms: dict[int, float]

    @property
    def gain(self) -> float:
        """How many times as many rows a second the best batch gives as calls of one row."""
        return self.alone_ms / min(self.row_ms.values())

    def as_json(self) -> str:
        """The report as a JSON object, as it is written beside the model."""
        return json.dumps({"type": "freed", "schema": 1, **asdict(self), "gain": self.gain}, indent=2)


def free_and_prove(path: Path, folder: Path, *, options: OnnxOptions | None = None) -> FreedReport:
    """Write `NAME.batch.onnx` and `NAME.batch.json` into `folder`.

    Raises `ModelError` when there is no axis to free or the freed model is not the same model, and nothing is left
    then; `OutputError` when the folder cannot be written.
    """
    target = folder / f"{path.stem}.batch.onnx"
    made = target.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            freed = free_batch(path, made)
            report = _proven(OnnxModel(path, options), OnnxModel(made, options), freed, target.name)
            made.replace(target)
            target.with_suffix(".json").write_text(report.as_json() + "\n")
        finally:
            made.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"the freed model cannot be written into {folder}: {error}") from error
    return report


def _proven(original: OnnxModel, model: OnnxModel, freed: FreedAxis, file: str) -> FreedReport:
    """The report on a model that is shown to be the same. Raises `ModelError` when it is not."""
    largest = max(_difference(original, model, rows) for rows in _PROOF_ROWS)
    row_ms = {rows: medians_ms({"model": model}, _call(original, model, rows))["model"] / rows for rows in _TIMED_ROWS}
    alone_ms = medians_ms({"original": original}, _noise(original.inputs, 0))["original"]
    return FreedReport(original.path.name, file, freed, _PROOF_ROWS, largest, alone_ms, row_ms)


def _difference(original: OnnxModel, model: OnnxModel, rows: int) -> float:
    """The largest difference of rows together from rows alone, beside what is allowed. Raises `ModelError` beyond."""
    worst = 0.0
    for number in range(_PROOF_CALLS):
        calls = [_noise(original.inputs, 1_000 * number + row) for row in range(rows)]
        try:
            together = model.run(stacked(model.inputs, calls))
        except ModelError as error:
            raise ModelError(f"{original.path.name}: its batch axis cannot be freed: {error}") from error
        for row, call in enumerate(calls):
            worst = max(worst, *_row_differences(original.run(call), together, row, rows))
    if not worst <= TOLERANCE:
        raise ModelError(
            f"{original.path.name}: its batch axis cannot be freed: with {rows} rows in a call they differ from rows "
            f"alone by {worst:.3g}, more than {TOLERANCE:g}"
        )
    return worst


def _row_differences(alone: Sequence[Array], together: Sequence[Array], row: int, rows: int) -> Iterator[float]:
    for one, many in zip(alone, together, strict=True):
        if many.shape[:1] != (rows,) or many.shape[1:] != one.shape[1:]:
            yield float("inf")
            continue
        scale = max(1.0, float(np.abs(one).max(initial=0.0)))
        yield float(np.abs(many[row : row + 1].astype(np.float64) - one).max(initial=0.0)) / scale


def _call(original: OnnxModel, model: OnnxModel, rows: int) -> Feeds:
    return stacked(model.inputs, [_noise(original.inputs, row) for row in range(rows)])


def _noise(specs: Sequence[TensorSpec], seed: int) -> Feeds:
    """A call of one row of noise; inputs that are no floats are zeros."""
    generator = np.random.default_rng(seed)
    return {
        spec.name: (0.1 * generator.standard_normal([s if isinstance(s, int) else 1 for s in spec.shape])).astype(
            spec.element
        )
        for spec in specs
    }
