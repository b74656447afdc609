"""Every knob of an ONNX session: the name ONNX Runtime has for it, and whether it is in force in a loaded session.

The library reports back whatever it was told, unknown keys too, so reading back alone proves only what it also checks.
What each knob does is measured in `knob_effects.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from modules.models.onnx_options import ArenaGrowth, Execution, GraphLevel, OnnxOptions, Provider

ENUMERATED: Final[Mapping[str, Mapping[object, str]]] = {
    "graph_optimization_level": {
        GraphLevel.OFF: "ORT_DISABLE_ALL",
        GraphLevel.BASIC: "ORT_ENABLE_BASIC",
        GraphLevel.EXTENDED: "ORT_ENABLE_EXTENDED",
        GraphLevel.ALL: "ORT_ENABLE_ALL",
    },
    "execution_mode": {Execution.SEQUENTIAL: "ORT_SEQUENTIAL", Execution.PARALLEL: "ORT_PARALLEL"},
}
"""Attributes whose values are members of an enumeration of the library's, by our value."""

GROWTH_NUMBERS: Final[Mapping[ArenaGrowth, int]] = {ArenaGrowth.POWER_OF_TWO: 0, ArenaGrowth.AS_REQUESTED: 1}
"""`arena_extend_strategy` of `OrtArenaCfg`."""

SHRINK_ENTRY: Final = ("memory.enable_memory_arena_shrinkage", "cpu:0")
"""What a run is told so that it gives the arena's growth back."""


_KINDS: Final = {"graph_optimization_level": "GraphOptimizationLevel", "execution_mode": "ExecutionMode"}
_SWITCH: Final = {"0": "off", "1": "on"}
_NEGATED: Final = {"0": "on", "1": "off"}


@dataclass(frozen=True, slots=True)
class KnobReading:
    """One knob of a loaded session: what was asked for, and what the session says is so."""

    knob: str
    wanted: str
    found: str

    @property
    def is_in_force(self) -> bool:
        """Whether both are the same."""
        return self.wanted == self.found


def attributes(options: OnnxOptions) -> dict[str, tuple[str, Any]]:
    """Our name of a knob -> the attribute of `SessionOptions` and its value, ours for those of `ENUMERATED`."""
    return {
        "graph_level": ("graph_optimization_level", options.graph_level),
        "intra_op_threads": ("intra_op_num_threads", options.intra_op_threads),
        "inter_op_threads": ("inter_op_num_threads", options.inter_op_threads),
        "execution": ("execution_mode", options.execution),
        "memory_pattern": ("enable_mem_pattern", options.memory_pattern),
        "arena": ("enable_cpu_mem_arena", options.arena),
    }


def entries(options: OnnxOptions) -> dict[str, tuple[str, str]]:
    """Our name of a knob -> the key of the session's configuration and its value; defaults of the library too."""
    return {
        "spinning": ("session.intra_op.allow_spinning", "1" if options.spinning else "0"),
        "spinning of branches": ("session.inter_op.allow_spinning", "1" if options.spinning else "0"),
        "prepacking": ("session.disable_prepacking", "0" if options.prepacking else "1"),
        "shared arena": ("session.use_env_allocators", "1" if options.wants_shared_arena else "0"),
    }


def readings(options: OnnxOptions, session: Any, library: Any) -> tuple[KnobReading, ...]:  # noqa: ANN401 - untyped library
    """What the loaded session says of each knob it can be asked for."""
    told = session.get_session_options()
    found = []
    for knob, (name, value) in attributes(options).items():
        found.append(KnobReading(knob, _word(value), _word(_own_value(library, name, getattr(told, name)))))
    for knob, (key, value) in entries(options).items():
        words = _NEGATED if key.startswith("session.disable") else _SWITCH
        given = str(told.get_session_config_entry(key))
        found.append(KnobReading(knob, words[value], words.get(given, given)))
    first = (session.get_providers() or ["none"])[0]
    return (*found, KnobReading("provider", str(Provider(options.provider)), str(first)))


def library_value(library: Any, name: str, value: object) -> Any:  # noqa: ANN401 - untyped library
    """The value as the library has it."""
    return getattr(getattr(library, _KINDS[name]), ENUMERATED[name][value]) if name in ENUMERATED else value


def _own_value(library: Any, name: str, value: object) -> object:  # noqa: ANN401 - untyped library
    """The value as we have it; the library's own where we have none for it."""
    ours = (own for own in ENUMERATED.get(name, {}) if library_value(library, name, own) == value)
    return next(ours, value)


def _word(value: object) -> str:
    """A value as a person reads it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
