"""What variants of models are worth, and how fast a talker-shaped model is beside what the machine can do at most."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.model_material import Subject, talker
from benchmarks.model_peak import talker_report
from modules.models.optimizer import ModelOptimizer, OptimizerReport
from modules.models.verdict import Kind, Verdict


def variants(under_test: Sequence[Subject], folder: Path, *, seconds: float) -> bool:
    """At least one INT8 model kept and a convolution model refused, by measurement; then the talker in figures."""
    optimizer = ModelOptimizer(folder / "variants")
    spelling = next(subject for subject in under_test if subject.name == "spelling CNN")
    head = talker(folder)
    reports = {subject.name: optimizer.optimize(subject.path, subject.replay(calls=40)) for subject in (spelling, head)}
    for name, found in reports.items():
        for verdict in found.verdicts:
            print(f"{name} {verdict.kind}: {_said_of(verdict)}")
    files = {
        verdict.kind.value: folder / "variants" / verdict.file
        for verdict in reports[head.name].verdicts
        if verdict.file
    }
    talker_report({"fp32": head.path, **files}, folder, seconds=seconds)
    return _is_as_meant(reports[head.name], reports[spelling.name])


def _is_as_meant(head: OptimizerReport, spelling: OptimizerReport) -> bool:
    """Whether the talker's dynamic INT8 is kept, the convolution model's refused, and nothing kept beyond its bound."""
    is_kept, is_refused = _verdict_on(head, Kind.INT8_DYNAMIC).kept, not _verdict_on(spelling, Kind.INT8_DYNAMIC).kept
    kept = [(report, verdict) for report in (head, spelling) for verdict in report.verdicts if verdict.kept]
    is_bounded = all(
        verdict.error is not None and verdict.error.relative_db <= report.bounds.max_error_db
        for report, verdict in kept
    )
    print(
        f"INT8 by measurement: the talker's with ranges taken in every call is {'kept' if is_kept else 'REFUSED'}, the "
        f"convolution model's is {'refused' if is_refused else 'KEPT'} (with learned ranges it is "
        f"{'kept' if _verdict_on(spelling, Kind.INT8_STATIC).kept else 'refused'}); the {len(kept)} kept are "
        f"{'all' if is_bounded else 'NOT all'} within {head.bounds.max_error_db:.0f} dB"
    )
    return is_kept and is_refused and is_bounded


def _said_of(verdict: Verdict) -> str:
    gain = [] if verdict.gain is None else [f"{verdict.gain:.2f}x as fast"]
    error = [] if verdict.error is None else [f"error {verdict.error.relative_db:.1f} dB"]
    size = [f"{verdict.variant_bytes / verdict.original_bytes:.2f} of the size"] if verdict.variant_bytes else []
    return ", ".join([*gain, *error, *size, "kept" if verdict.kept else f"refused: {verdict.reason}"])


def _verdict_on(found: OptimizerReport, kind: Kind) -> Verdict:
    return next(verdict for verdict in found.verdicts if verdict.kind is kind)
