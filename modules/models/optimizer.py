"""`ModelOptimizer`: variants of a model that have to earn their place on this machine, and the verdicts, written down.

A variant is kept when it is faster by enough and close enough to the original on the user's own input; otherwise its
file is deleted and the verdict says why. `best_of` is the variant that a later start should load.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from modules.errors import ModelError, OutputError
from modules.models.digest import onnx_digest
from modules.models.machine import machine_key, machine_name
from modules.models.onnx import OnnxModel, OnnxOptions, library_version
from modules.models.quantise import make_variant
from modules.models.replay import Feeds, Played, Replay, stacked
from modules.models.timing import medians_ms
from modules.models.verdict import Bounds, Kind, Speed, Verdict, judge, output_error

SCHEMA: Final = 1
ROWS: Final = (1, 8)
"""Batch sizes that are timed; the second where the model's batch axis is free."""

_CALIBRATION_CALLS: Final = 100


@dataclass(frozen=True, slots=True)
class OptimizerReport:
    """What became of a model's variants, and on what machine and by which measure."""

    model: str
    model_digest: str
    machine: str
    processor: str
    library: str
    calls: int
    bounds: Bounds
    verdicts: tuple[Verdict, ...]

    @property
    def best(self) -> Verdict | None:
        """The fastest variant that is kept; `None` when the original is."""
        kept = [verdict for verdict in self.verdicts if verdict.kept]
        return max(kept, key=lambda verdict: verdict.gain or 0.0, default=None)

    def as_json(self) -> str:
        """The report as a JSON object, as it is written beside the variants."""
        verdicts = [asdict(verdict) | {"gain": verdict.gain} for verdict in self.verdicts]
        known = {"type": "verdicts", "schema": SCHEMA, **asdict(self), "verdicts": verdicts}
        return json.dumps(known | {"best": None if self.best is None else self.best.file}, indent=2, allow_nan=True)


class ModelOptimizer:
    """Makes variants of models into a folder and keeps those that earn it."""

    def __init__(
        self,
        folder: Path,
        *,
        kinds: Sequence[Kind] = tuple(Kind),
        bounds: Bounds | None = None,
        options: OnnxOptions | None = None,
    ) -> None:
        """Write into `folder`; `options` are those the model will be run with."""
        self._folder = folder
        self._kinds = tuple(kinds)
        self._bounds = bounds or Bounds()
        self._options = options or OnnxOptions()

    def optimize(self, path: Path, replay: Replay) -> OptimizerReport:
        """Make, measure and judge each kind of variant of the model at `path`, on the calls of `replay`.

        Writes `NAME.verdicts.json` and the variants that are kept. Raises `ModelError` when the model itself cannot be
        run with these calls, or the `onnx` package is missing, and `OutputError` when the folder cannot be written.
        """
        original = OnnxModel(path, self._options)
        played = replay.play(original)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
                verdicts = tuple(self._verdict(kind, original, played, replay, Path(scratch)) for kind in self._kinds)
            report = OptimizerReport(
                path.name,
                original.digest,
                machine_key(),
                machine_name(),
                library_version(),
                len(replay.calls),
                self._bounds,
                verdicts,
            )
            verdicts_of(self._folder / path.name).write_text(report.as_json() + "\n")
        except OSError as error:
            raise OutputError(f"variants cannot be written into {self._folder}: {error}") from error
        return report

    def _verdict(self, kind: Kind, original: OnnxModel, played: Played, replay: Replay, scratch: Path) -> Verdict:
        """What becomes of one kind; a variant that cannot be made or run is refused with the reason."""
        made = scratch / f"{kind}.onnx"
        kept = self._folder / f"{original.path.stem}.{kind}.onnx"
        kept.unlink(missing_ok=True)
        try:
            learned, judged = split_calls(len(played.feeds))
            make_variant(kind, original.path, made, [played.feeds[number] for number in learned])
            variant = OnnxModel(made, self._options)
            outputs = replay.play(variant).outputs
            error = output_error([played.outputs[n] for n in judged], [outputs[n] for n in judged])
            speeds = _speeds(original, variant, played.feeds)
        except ModelError as failed:
            return Verdict(kind, kept=False, reason=str(failed), original_bytes=original.path.stat().st_size)
        is_kept, reason = judge(speeds, error, self._bounds)
        verdict = Verdict(
            kind,
            is_kept,
            reason,
            tuple(speeds),
            error,
            original.path.stat().st_size,
            made.stat().st_size,
        )
        if not is_kept:
            return verdict
        digest = variant.digest
        shutil.move(made, kept)
        return replace(verdict, file=kept.name, digest=digest)


def verdicts_of(path: Path) -> Path:
    """Where the verdicts on the model at `path` stand."""
    return path.with_name(f"{path.stem}.verdicts.json")


def best_of(path: Path) -> Path:
    """The variant beside the model at `path` that won on this machine, or the model itself.

    A verdict counts only for the model, the variant, the machine and the library's version that it was measured with.
    """
    try:
        known: Any = json.loads(verdicts_of(path).read_text())
        best = path.with_name(known["best"]) if known["best"] else path
        digests = {verdict["file"]: verdict["digest"] for verdict in known["verdicts"]}
        is_true = (
            known["schema"] == SCHEMA
            and known["machine"] == machine_key()
            and known["library"] == library_version()
            and known["model_digest"] == onnx_digest(path)
            and (best == path or digests[best.name] == onnx_digest(best))
        )
    except (OSError, ValueError, KeyError, TypeError, ModelError):
        return path
    return best if is_true else path


def split_calls(count: int) -> tuple[list[int], list[int]]:
    """The numbers of the calls that ranges are learned from, and of those that the error is judged on: none is both.

    At most every second call is learned from, spread over all of them; a single call has to do for both.
    """
    learned = list(range(0, count, max(2, -(-count // _CALIBRATION_CALLS))))
    return learned, sorted(set(range(count)) - set(learned)) or learned


def _speeds(original: OnnxModel, variant: OnnxModel, feeds: Sequence[Feeds]) -> list[Speed]:
    """Both models in turn, with one row and, where rows can be put together, with several."""
    speeds = []
    for rows in ROWS:
        chosen = [feeds[number % len(feeds)] for number in range(rows)]
        try:
            together = stacked(original.inputs, chosen) if rows > 1 else chosen[0]
            taken = medians_ms({"original": original, "variant": variant}, together)
        except ModelError:
            if rows == 1:
                raise
            continue
        speeds.append(Speed(rows, taken["original"], taken["variant"]))
    return speeds
