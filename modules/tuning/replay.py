"""`replay`: the same observations once more through a fresh controller, and the first decision that differs. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modules.monitoring.targets import PerformanceTarget
from modules.tuning.controller import Controller
from modules.tuning.json_records import from_fields
from modules.tuning.plan import Decision, Limits, Observation, Plan

SCHEMA = 2
"""The layout of a log of decisions; another one is refused. In 1, plans had a switch for the pools that nobody read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Look number `look`, from 1: what was decided then, and what the same controller decides now."""

    look: int
    seen: Observation
    logged: Decision
    decided: Decision


@dataclass(frozen=True, slots=True)
class Replay:
    """How many looks there were, how many moves were decided in them, and the first that differs from the log."""

    looks: int
    moves: int
    difference: Difference | None = None


def replay(lines: Iterable[str]) -> Replay:
    """Decide again what a log of decisions, a JSON line each, says was seen; stops at the first difference.

    Raises `ValueError` for what is no such log, with the number of the line.
    """
    numbered = enumerate(lines, start=1)
    number, first = next(numbered, (1, ""))
    controller = _begun(_fields(number, first, "header"))
    looks = moves = 0
    for number, line in numbered:
        fields = _fields(number, line, "look", "relief")
        if fields["type"] == "relief":
            continue
        try:
            seen, logged = from_fields(Observation, fields["seen"]), from_fields(Decision, fields["decision"])
        except (KeyError, ValueError) as error:
            raise ValueError(f"line {number} is no look of the governor: {error}") from error
        decided = controller.decide(seen)
        looks += 1
        moves += len(decided.moves)
        if decided != logged:
            return Replay(looks, moves, Difference(looks, seen, logged, decided))
    return Replay(looks, moves)


def _begun(header: Mapping[str, Any]) -> Controller:
    if header.get("schema") != SCHEMA:
        raise ValueError(
            f"the log must have schema {SCHEMA}, got {header.get('schema')!r}; replay it with the version that wrote it"
        )
    try:
        target = from_fields(PerformanceTarget, header["target"])
        limits, plan = from_fields(Limits, header["limits"]), from_fields(Plan, header["plan"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"line 1 does not say what the governor began with: {error}") from error
    return Controller(target, limits, plan=plan)


def _fields(number: int, line: str, *kinds: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is no JSON: {error}") from error
    if not isinstance(fields, dict) or fields.get("type") not in kinds:
        raise ValueError(f"line {number} must be a {kinds[0]!r} of a log of decisions")
    return fields
