"""Every scenario by name: what it runs at each scale."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from benchmarks import (
    accuracy,
    detector,
    faults,
    garbage,
    jobs,
    many_streams,
    memory,
    models,
    simulation,
    stages,
    streams,
    ticker,
    unique_set,
)
from benchmarks import offline as folders
from benchmarks.equal_results import equal_results
from benchmarks.folder_scenarios import decode, long_file, offline
from benchmarks.live_trials import rig
from benchmarks.material import NoMaterial
from benchmarks.mixed_scenario import mixed
from benchmarks.overload_scenario import overload
from benchmarks.peer_scenario import peers
from benchmarks.plan_scenario import plan
from benchmarks.scale import Scale, Stand
from benchmarks.stage_scenarios import encoder, module
from benchmarks.steady_scenarios import bursty, clock, multi_stream, server, single_stream
from benchmarks.trouble_scenarios import burst, neighbour, quota, slow_model, step
from benchmarks.wrapped import wrapped
from modules.measuring.figures import Figure
from modules.measuring.results import ScenarioResult

LIVE: Mapping[str, Callable[[Stand], ScenarioResult]] = MappingProxyType(
    {
        "single_stream": single_stream,
        "multi_stream": multi_stream,
        "server": server,
        "bursty": bursty,
        "step": step,
        "burst": burst,
        "overload_1.2": partial(overload, load=1.2),
        "overload_1.5": partial(overload, load=1.5),
        "overload_2": partial(overload, load=2.0),
        "neighbour": neighbour,
        "slow_model": slow_model,
        "quota": quota,
        "mixed": mixed,
        "clock": clock,
        "peers": peers,
    }
)
"""Those that try live streams on one rig, and share what the machine carries."""

OTHERS: Mapping[str, Callable[[Scale], ScenarioResult]] = MappingProxyType(
    {
        "module": module,
        "encoder": encoder,
        "decode": decode,
        "offline": offline,
        "long_file": long_file,
        "equal_results": equal_results,
        "plan": plan,
    }
)
"""Those with nothing to share."""

BY_NAME = ("plan",)
"""Those that no scale has."""

_MINUTES = {"quick": 0.2, "default": 1.0, "record": 10.0}

PRINTED: Mapping[str, tuple[str, Callable[[Scale], bool]]] = MappingProxyType(
    {
        "folders": (
            "How long do a folder and a long file take beside Vosk alone?",
            lambda scale: folders.report(files=scale.files, minutes=max(1.0, scale.minutes), rounds=scale.rounds),
        ),
        "faults": (
            "Is what goes wrong in a live trial reported, and nothing where nothing does?",
            lambda scale: faults.report(scale=scale),
        ),
        "accuracy": ("Are words as right as from Vosk alone?", lambda _: accuracy.report()),
        "jobs": (
            "Are folder jobs quick to discover, resume and journal?",
            lambda scale: jobs.report(files=50 * scale.files),
        ),
        "memory": (
            "How much memory is held?",
            lambda scale: memory.report(rounds=scale.rounds),
        ),
        "unique_set": (
            "How much memory does a run take?",
            lambda scale: unique_set.report(minutes=_MINUTES[scale.name]),
        ),
        "many_streams": (
            "Does memory stay with many streams?",
            lambda scale: many_streams.report(
                many_streams.Load(
                    streams=500 if scale.name == "record" else 50,
                    seconds={"quick": 20, "default": 40}.get(scale.name, 600),
                )
            ),
        ),
        "garbage": ("What does freezing garbage gain?", lambda _: garbage.report()),
        "streams": (
            "How many streams does a recogniser carry, beside vosk-server's scheme?",
            lambda scale: streams.report(seconds=max(10.0, scale.trial_s), rounds=max(6, scale.climbs)),
        ),
        "ticker": ("Does the event loop stay free?", lambda scale: ticker.report(seconds=scale.trial_s)),
        "detector": ("What does the streaming detector cost?", lambda _: detector.report()),
        "models": (
            "Are models as quick as they can be?",
            lambda scale: models.report(seconds=0.2 if scale.name == "quick" else 1.0),
        ),
        "stages": ("What do ready stages and the result cache cost?", lambda _: stages.report()),
        "simulation": (
            "Does the governor hold the target in simulation?",
            lambda scale: simulation.report(quick=scale.name != "record"),
        ),
    }
)
"""Those that print their lines: the question, and how they are run."""

QUICK = ("stages",)
DEFAULT = ("stages", "ticker")
"""Of those that print, what runs at these scales unless it is named; `record` runs all of them."""

NAMES = (*LIVE, *OTHERS, *PRINTED)

FAILED = "failed"
_FAILED = Figure(FAILED, 1.0, most=0.0)
_TIMED = frozenset((*LIVE, *OTHERS)) - {"equal_results"}
_TOO_LONG = "takes longer than this scale allows: name it with --scenario, or use --record"


_ONLY_NAMED = "runs only if it is named with --scenario"
_SMOKE = "a smoke test: too short to say anything"


def scenarios(names: tuple[str, ...], scale: Scale) -> Iterator[ScenarioResult]:
    """The results of those scenarios one after the other; of all that the scale has where none is named."""
    is_hurried = not names and scale.name != "record"
    with ExitStack() as stack:
        stand: Stand | None = None
        for name in names or NAMES:
            if not names and name not in _at(scale):
                yield ScenarioResult(name, skipped=_ONLY_NAMED if name in BY_NAME else _TOO_LONG)
            elif name in LIVE:
                stand = stand or Stand(stack.enter_context(rig()), scale, is_hurried=is_hurried)
                yield _tried(name, partial(LIVE[name], stand), scale)
            elif name in OTHERS:
                yield _tried(name, partial(OTHERS[name], scale), scale)
            else:
                question, report = PRINTED[name]
                yield _tried(name, partial(wrapped, name, question, partial(report, scale)), scale)


def _tried(name: str, scenario: Callable[[], ScenarioResult], scale: Scale) -> ScenarioResult:
    """What it found; one that fails does not take the others with it, but its result is nothing to rely on."""
    try:
        result = scenario()
    except NoMaterial as reason:
        return ScenarioResult(name, skipped=str(reason))
    except Exception as error:  # noqa: BLE001 - any defect of what is measured is a finding
        traceback.print_exc()
        return ScenarioResult(name, invalid=(f"it failed: {type(error).__name__}: {error}",), figures=(_FAILED,))
    if scale.name == "quick" and name in _TIMED and not result.skipped:
        return replace(result, invalid=(_SMOKE, *result.invalid))
    return result


def _at(scale: Scale) -> tuple[str, ...]:
    """What runs at that scale unless others are named."""
    loads = [f"overload_{load:g}" for load in scale.loads]
    unwanted = {name for name in LIVE if name.startswith("overload") and name not in loads}
    live = [name for name in LIVE if name not in unwanted and (name != "peers" or scale.name == "record")]
    printed: tuple[str, ...] = {"quick": QUICK, "default": DEFAULT}.get(scale.name, tuple(PRINTED))
    return (*live, *(name for name in OTHERS if name not in BY_NAME), *printed)
