"""`onbeat models`: look into models, measure them, fetch them, and make variants that have to earn their place."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.model_measures import bench_command, optimize_command
from engine.cli.model_tables import ms, print_json, print_table, size
from modules.errors import ModelError
from modules.models.devices import DeviceManager, HalfGain, device_memory, measure_half
from modules.models.knob_effects import knob_effects
from modules.models.onnx import OnnxModel
from modules.models.onnx_options import options_of_text
from modules.models.optimizer import best_of
from modules.models.store import CATALOGUE, ModelStore, source_of

models_app = typer.Typer(help="Inspect, measure, fetch and optimise models.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="An ONNX file, or the name of a model that was fetched.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Where fetched models are.", show_default="~/.cache/onbeat/models"),
]
Session = Annotated[
    list[str] | None,
    typer.Option("--session", metavar="KEY=VALUE", help="A setting of the session; repeatable.", show_default=False),
]

models_app.command("bench")(bench_command)
models_app.command("optimize")(optimize_command)


@models_app.callback()
def models_command() -> None:
    """Inspect, measure, fetch and optimise models."""


@models_app.command("inspect")
def inspect_command(model: Model, *, session: Session = None, cache: Cache = None, as_json: AsJson = False) -> None:
    """Show what a model is, what it takes and gives, and which settings are in force when it is loaded."""
    path = ModelStore(cache).find(model)
    loaded = OnnxModel(path, options_of_text(session or ()))
    summary, best = loaded.summary, best_of(path)
    if as_json:
        known = {"name": path.name, "path": str(path), "digest": loaded.digest, **asdict(summary)}
        known |= {"format": summary.format, "nodes": summary.nodes, "provider": loaded.identity.provider}
        known |= {name: [asdict(spec) for spec in getattr(loaded, name)] for name in ("inputs", "outputs", "knobs")}
        print_json(known | {"best": str(best)})
        return
    operations = sorted(summary.operations.items(), key=lambda pair: -pair[1])
    weights = ", ".join(f"{size(count)} {element}" for element, count in sorted(summary.weight_bytes.items()))
    rows = [
        ("file", f"{path}, {size(summary.size_bytes)}"),
        ("digest", loaded.digest),
        ("format", f"{summary.format}, opset {', '.join(f'{k} {v}' for k, v in summary.opsets.items())}"),
        ("made by", summary.producer or "not stated"),
        ("weights", weights or "none"),
        ("operations", f"{summary.nodes}: {', '.join(f'{count} {name}' for name, count in operations[:8])}"),
        *(("input", str(spec)) for spec in loaded.inputs),
        *(("output", str(spec)) for spec in loaded.outputs),
        *(("in force", f"{knob.knob}: {knob.found}") for knob in loaded.knobs),
        ("best variant", "the model itself" if best == path else best.name),
    ]
    print_table(("", ""), rows)


@models_app.command("list")
def list_command(*, cache: Cache = None, as_json: AsJson = False) -> None:
    """List the models that were fetched, and those that can be named."""
    store = ModelStore(cache)
    here = {stored.name: stored for stored in store.models()}
    if as_json:
        sources = {name: asdict(source) for name, source in CATALOGUE.items()}
        print_json({"folder": str(store.folder), "models": [asdict(one) for one in here.values()], "known": sources})
        return
    rows = [
        (one.name, size(one.size_bytes), one.source.licence if one.source else "", str(one.path))
        for one in here.values()
    ]
    rows += [(name, "", source.licence, "not fetched") for name, source in CATALOGUE.items() if name not in here]
    print_table(("model", "size", "licence", "where"), rows)


@models_app.command("pull")
def pull_command(
    model: Annotated[str, typer.Argument(metavar="NAME|URL", help="A name of `onbeat models list`, or an address.")],
    *,
    sha256: Annotated[str | None, typer.Option(help="What the file's SHA-256 is; needed for an address.")] = None,
    name: Annotated[str | None, typer.Option("--as", help="What to call it.", show_default="the address's end")] = None,
    cache: Cache = None,
) -> None:
    """Fetch a model into the cache. What does not have its checksum is not kept."""
    source = source_of(model, sha256, name)
    typer.echo(f"{source.url} (licence: {source.licence})", err=True)
    typer.echo(ModelStore(cache).pull(source))


@models_app.command("knobs")
def knobs_command(*, as_json: AsJson = False) -> None:
    """Set every knob of a session both ways and show what it does on this machine; takes some seconds."""
    effects = knob_effects()
    if as_json:
        print_json({"knobs": [asdict(effect) for effect in effects]})
    else:
        rows = [
            (e.knob, e.counted, _count(e.without), _count(e.with_it), "in force" if e.is_shown else "no effect shown")
            for e in effects
        ]
        print_table(("knob", "what is counted", "one way", "the other", "verdict"), rows)
    if not all(effect.is_shown for effect in effects):
        raise ModelError("a knob has shown no effect: do not rely on it here")


@models_app.command("devices")
def devices_command(*, as_json: AsJson = False) -> None:
    """Try each installed provider with a real run, and show its memory and what FP16 gains on it."""
    manager = DeviceManager()
    found = []
    for provider in manager.candidates():
        cause = manager.failure(provider)
        gain = None if cause else measure_half(provider)
        found.append((provider, cause, gain, device_memory(provider)))
    chosen = manager.choose().device.provider
    if as_json:
        devices = [
            {"provider": p, "failure": cause, "half": asdict(gain) if gain else None, "memory": asdict(memory)}
            for p, cause, gain, memory in found
        ]
        print_json({"chosen": chosen, "devices": devices})
        return
    rows = [
        (str(p), cause or ("runs, and is used" if p is chosen else "runs"), _half(gain), _memory(memory.total_bytes))
        for p, cause, gain, memory in found
    ]
    print_table(("provider", "trial", "FP32 -> FP16", "memory"), rows)


def _half(gain: HalfGain | None) -> str:
    if gain is None or gain.half_ms is None:
        return "unknown" if gain is None else f"{ms(gain.single_ms)} ms -> fails"
    worth = "worth it" if gain.is_worth_it else "not worth it"
    return f"{ms(gain.single_ms)} -> {ms(gain.half_ms)} ms, {worth}"


def _memory(count: int | None) -> str:
    return "unknown" if count is None else size(count)


def _count(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"
