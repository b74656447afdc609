"""`onbeat plan`: how many machines of this kind so many streams need, from what was measured on this one."""

import json
import math
from dataclasses import asdict
from typing import Annotated

import typer

from engine.dispatch import LOOP
from engine.learnt_costs import LearntCosts, NothingLearnt
from modules.batching.cost_model import CostKey, CostModel
from modules.batching.live_chunks import LIVE_LENGTHS_S
from modules.errors import ConfigError
from modules.monitoring.resources import effective_cpus
from modules.simulation.planning import BEYOND, Foreseen, LoadForeseen, PlanRequest, plan_for, profile_of


def plan_command(
    *,
    streams: Annotated[int, typer.Option(min=1, help="Live streams at real time.", show_default=False)],
    target_ms: Annotated[float, typer.Option(min=1, max=60_000, help="Chunk latency for 99 of 100 chunks.")] = 300.0,
    cpus: Annotated[
        float | None, typer.Option(help="CPUs of a machine of this kind.", show_default="those of this one")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="The stages measured, when there are several.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how many machines like this one so many live streams need, and what half as much again would do.

    What a chunk costs was learnt when streams ran here (`onbeat doctor` shows it); the rest is simulated.
    """
    try:
        costs = LearntCosts.usual().read()
    except NothingLearnt as why:
        raise ConfigError(f"{why}; run live streams on this machine first, such as `onbeat stream FILE`") from why
    key = _key(costs, stage)
    chunk_s = float(key.shape.split()[0])
    request = PlanRequest(streams, target_ms, cpus or effective_cpus().cpus)
    keys = [key, *([LOOP] if costs.learnt(LOOP) else [])]
    found = plan_for(request, profile_of(costs, keys, chunk_s), chunk_s)
    if as_json:
        typer.echo(json.dumps({"stage": key.model, "chunk_s": chunk_s, **asdict(request), **_plain(found)}))
    else:
        typer.echo(_told(request, key, found))


def _plain(found: Foreseen) -> dict[str, object]:
    """Without what JSON has no word for: the p99 of nothing."""
    fields = asdict(found)
    for load in (fields["at_load"], fields["beyond"]):
        load["p99_ms"] = load["p99_ms"] if math.isfinite(load["p99_ms"]) else None
    return fields


def _key(costs: CostModel, stage: str | None) -> CostKey:
    """What was learnt of chunks of the shortest length, of `stage` or of the only one there is."""
    shape = f"{LIVE_LENGTHS_S[0]:g} s"
    keys = {key.model: key for key in costs.keys if key.shape == shape and costs.learnt(key)}
    names = ", ".join(repr(name) for name in keys)
    if stage is not None:
        if stage not in keys:
            raise ConfigError(f"nothing was learnt of the stages {stage!r}; there is {names or 'nothing'}")
        return keys[stage]
    if len(keys) != 1:
        raise ConfigError(f"name one with --stage: {names}" if keys else f"nothing was learnt of chunks of {shape}")
    return next(iter(keys.values()))


def _told(request: PlanRequest, key: CostKey, found: Foreseen) -> str:
    kind = f"a machine with {request.cpus:g} CPUs like this one"
    if not found.machines:
        return f"{kind} does not carry a single stream of {key.model} at p99 {request.target_ms:g} ms"
    return "\n".join(
        (
            f"{kind} carries {found.per_machine} streams of {key.model} at p99 {request.target_ms:g} ms (simulated)",
            f"{request.streams} streams need {found.machines} of them",
            f"each with its share, {_load(found.at_load)}",
            f"at {BEYOND:g} times that, {_load(found.beyond)}",
        )
    )


def _load(load: LoadForeseen) -> str:
    return (
        f"{load.streams} streams: {100 * load.on_time:.1f} % of chunks on time, {load.healthy} streams wholly, "
        f"p99 of what is answered {load.p99_ms:.0f} ms"
    )
