"""`onbeat models bench` and `onbeat models optimize`: models measured on this machine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from engine.cli.model_tables import ms, print_json, print_table
from engine.cli.native import quiet_libraries
from engine.throughput import rows_per_s
from modules.errors import ConfigError, ModelError
from modules.models.free_axis import FreedReport, free_and_prove
from modules.models.model_bench import RowsCost, bench_feeds, can_batch, costs, knee
from modules.models.onnx import OnnxModel, OnnxOptions
from modules.models.onnx_options import options_of_text
from modules.models.optimizer import ModelOptimizer, OptimizerReport
from modules.models.real_calls import CallRecipe, calls_of_file, calls_of_recordings, constant
from modules.models.replay import Replay
from modules.models.store import ModelStore
from modules.models.tensors import TensorSpec
from modules.models.verdict import Bounds, Kind, Verdict
from modules.models.warm_up import Binding, measure_binding
from modules.monitoring.resources import effective_cpus, worker_count

HOP_MS = 2.0
"""How long a hop to a worker is made, in which calls that are shorter share it."""

_CALL = "Calls"

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="An ONNX file, or the name of a fetched model.")]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="INPUT=VALUE", help="What an input always is.", rich_help_panel=_CALL, show_default=False
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--session", metavar="KEY=VALUE", help="A setting of the session; repeatable.", show_default=False),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Where fetched models are.", show_default="~/.cache/onbeat/models"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclass(frozen=True, slots=True)
class Bench:
    """What `bench` found: the costs by rows, the knee, and rows a second on several workers at the knee."""

    model: str
    digest: str
    format: str
    provider: str
    costs: Sequence[RowsCost]
    knee_rows: int
    workers: int
    rows_per_s: float
    binding: Binding


def bench_command(
    model: ModelName,
    *,
    rows: Annotated[str, typer.Option(help="Batch sizes, with commas.")] = "1,2,4,8,16,32",
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", metavar="AXIS=N", help="The size of another free axis.", rich_help_panel=_CALL),
    ] = None,
    values: Values = None,
    workers: Annotated[int | None, typer.Option(min=1, show_default="the effective CPUs")] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long each batch size is measured.")] = 0.5,
    session: Settings = None,
    cache: CacheFolder = None,
    as_json: Json = False,
) -> None:
    """Measure what calls cost by batch size, find the knee, and the throughput of several workers there."""
    loaded = OnnxModel(ModelStore(cache).find(model), options_of_text(session or ()))
    given = _given(loaded.inputs, values or ())
    batches = _numbers(rows) if can_batch(loaded.inputs) else [1]
    count = workers or worker_count(effective_cpus())
    try:
        found = _bench(loaded, batches, _sizes(sizes or ()), given, workers=count, seconds=seconds)
    except ValueError as error:
        raise ConfigError(f"{error}; give it with --size") from error
    if as_json:
        print_json(found)
        return
    table = [
        (
            str(c.rows),
            ms(c.first_ms),
            ms(c.call_ms),
            f"{c.rows_per_s:,.0f}",
            ms(c.cpu_ms_a_row),
            "knee" * (c.rows == found.knee_rows),
        )
        for c in found.costs
    ]
    print_table(
        ("rows", "first ms", "ms a call", "rows/s", "CPU ms a row", ""), table, title=f"{found.model}, one thread"
    )
    typer.echo(f"{found.rows_per_s:,.0f} rows/s on {count} workers, {found.knee_rows} rows a call")
    use = "faster, and used" if found.binding.is_faster else "not faster, and not used"
    typer.echo(f"binding outputs: {ms(found.binding.plain_ms)} -> {ms(found.binding.bound_ms)} ms, {use}")


def optimize_command(
    model: ModelName,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", show_default="beside the model")
    ] = None,
    audio: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A recording to judge on; repeatable.", rich_help_panel=_CALL),
    ] = None,
    calls: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Saved calls to judge on.", rich_help_panel=_CALL)
    ] = None,
    rate: Annotated[int, typer.Option(help="Sample rate the model wants.", rich_help_panel=_CALL)] = 16_000,
    window: Annotated[int, typer.Option(help="Samples a call.", rich_help_panel=_CALL, show_default="the model's")] = 0,
    hop: Annotated[
        int, typer.Option(help="Samples between calls.", rich_help_panel=_CALL, show_default="a window")
    ] = 0,
    into: Annotated[str | None, typer.Option("--input", help="Input for audio.", rich_help_panel=_CALL)] = None,
    values: Values = None,
    kind: Annotated[list[Kind] | None, typer.Option(help="What to make; repeatable.", show_default="all")] = None,
    least_gain: Annotated[float, typer.Option(help="Times as fast a variant must be.")] = 1.1,
    max_error_db: Annotated[float, typer.Option(help="The most its outputs may differ.")] = -20.0,
    least_same_labels: Annotated[float, typer.Option(help="Share of rows with the same largest value.")] = 0.0,
    free_batch: Annotated[
        bool, typer.Option("--free-batch", help="Free a batch axis that is fixed at 1, and nothing else.")
    ] = False,
    session: Settings = None,
    cache: CacheFolder = None,
    as_json: Json = False,
) -> None:
    """Make INT8 and FP16 variants, judge them on real input, keep those that are faster and close enough."""
    path = ModelStore(cache).find(model)
    options = options_of_text(session or ())
    folder = output or path.parent
    if free_batch:
        _print_freed(free_and_prove(path, folder, options=options), as_json=as_json)
        return
    try:
        bounds = Bounds(least_gain=least_gain, max_error_db=max_error_db, least_same_labels=least_same_labels)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    specs = OnnxModel(path, OnnxOptions()).inputs
    recipe = CallRecipe(rate, into, window, hop, _given(specs, values or ()))
    replay = _replay(specs, audio or [], calls, recipe)
    with quiet_libraries(wanted=False):
        report = ModelOptimizer(folder, kinds=kind or tuple(Kind), bounds=bounds, options=options).optimize(
            path, replay
        )
    if as_json:
        typer.echo(report.as_json())
    else:
        _print_report(report, folder)


def _bench(
    model: OnnxModel,
    batches: Sequence[int],
    sizes: Mapping[str, int],
    given: Mapping[str, Any],
    *,
    workers: int,
    seconds: float,
) -> Bench:
    measured = costs(model, batches, sizes, given, seconds=seconds)
    best = knee(measured)
    feeds = bench_feeds(model.inputs, best.rows, sizes, given)
    calls = max(1, round(HOP_MS / best.call_ms))  # short calls share a hop, as the grains of a chunk do
    hop = partial(_repeat, partial(model.run, feeds), calls)
    throughput = partial(rows_per_s, hop, rows=calls * best.rows, workers=workers, seconds=seconds)
    identity = model.identity
    return Bench(
        model.path.name,
        identity.digest,
        identity.format,
        identity.provider,
        measured,
        best.rows,
        workers,
        anyio.run(throughput),
        measure_binding(model, feeds),
    )


def _repeat(call: Callable[[], object], times: int) -> None:
    for _ in range(times):
        call()


def _replay(specs: Sequence[TensorSpec], audio: Sequence[Path], calls: Path | None, recipe: CallRecipe) -> Replay:
    if bool(audio) == (calls is not None):
        raise ConfigError("a variant is judged on real input: give --audio FILE, or saved calls with --calls FILE.npz")
    return calls_of_file(specs, calls) if calls is not None else calls_of_recordings(specs, audio, recipe)


def _print_report(report: OptimizerReport, folder: Path) -> None:
    rows = [_verdict_row(verdict) for verdict in report.verdicts]
    columns = ("variant", "verdict", "gain", "error", "size", "why")
    print_table(columns, rows, title=f"{report.model} on {report.calls} real calls, {report.processor}")
    best = report.best
    typer.echo(f"kept: {folder / best.file}" if best and best.file else "kept: none; the original is used")


def _verdict_row(verdict: Verdict) -> tuple[str, ...]:
    gain, error = verdict.gain, verdict.error
    return (
        verdict.kind,
        "kept" if verdict.kept else "refused",
        "" if gain is None else f"{gain:.2f}x",
        "" if error is None else f"{error.relative_db:.1f} dB",
        f"{verdict.variant_bytes / verdict.original_bytes:.2f}" if verdict.variant_bytes else "",
        verdict.reason,
    )


def _print_freed(report: FreedReport, *, as_json: bool) -> None:
    if as_json:
        typer.echo(report.as_json())
        return
    rows = [("1 (original)", ms(report.alone_ms), "1.00x")]
    rows += [(str(count), ms(each), f"{report.alone_ms / each:.2f}x") for count, each in report.row_ms.items()]
    print_table(("rows a call", "ms a row", "gain"), rows, title=f"{report.model} -> {report.file}")
    proof = ", ".join(map(str, report.proof_rows))
    typer.echo(f"rows together differ from rows alone by at most {report.largest_difference:.2g} (batches of {proof})")


def _given(specs: Sequence[TensorSpec], values: Sequence[str]) -> dict[str, Any]:
    try:
        return {name: constant(specs, name, text) for name, text in map(_pair, values)}
    except ModelError as error:
        raise ConfigError(str(error)) from error


def _sizes(pairs: Sequence[str]) -> dict[str, int]:
    return {name: _whole(text) for name, text in map(_pair, pairs)}


def _numbers(text: str) -> list[int]:
    return sorted({_whole(part) for part in text.split(",")})


def _whole(text: str) -> int:
    if not text.strip().isdigit() or not int(text):
        raise ConfigError(f"{text!r} is no whole number above 0")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"{text!r} needs the form NAME=VALUE")
    return name, value
