"""`OnnxOptions`: every setting of an ONNX session that Onbeat offers, valid on birth, and why others are refused.

ONNX Runtime takes unknown keys in silence and reports them back as if they counted. So the settings are a closed list,
each of which is shown to be in force (`knobs.py` and `knob_effects.py`); anything else is refused here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from modules.errors import ConfigError

MAX_COUNT: Final = 256


class GraphLevel(StrEnum):
    """How far the graph is rewritten when it is loaded; each level includes those before it."""

    OFF = "off"
    BASIC = "basic"
    EXTENDED = "extended"
    ALL = "all"


class Execution(StrEnum):
    """Whether the branches of a graph run one after another or side by side, on `inter_op_threads`."""

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"


class ArenaGrowth(StrEnum):
    """By how much the arena grows when it is full: to the next power of two, or by what was asked for."""

    POWER_OF_TWO = "power_of_two"
    AS_REQUESTED = "as_requested"


class IoBinding(StrEnum):
    """Whether `run_into` binds the caller's arrays: `auto` does where it was measured to be faster."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Provider(StrEnum):
    """Where a graph runs, fastest kind of device first; the values are ONNX Runtime's names."""

    TENSORRT = "TensorrtExecutionProvider"
    CUDA = "CUDAExecutionProvider"
    MIGRAPHX = "MIGraphXExecutionProvider"
    ROCM = "ROCMExecutionProvider"
    DIRECTML = "DmlExecutionProvider"
    COREML = "CoreMLExecutionProvider"
    OPENVINO = "OpenVINOExecutionProvider"
    CPU = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    """How a session runs. One intra-op thread and no spinning: the workers are the parallelism (FINDINGS, batching).

    `arena_growth` and `max_arena_bytes` are for all sessions of the process that name them, which must name the same.
    With `arena_shrink` each call gives back what it made the arena grow by. `graph_cache` is a folder for graphs as the
    library has rewritten them, by content; `None` for none.
    """

    intra_op_threads: int = 1
    spinning: bool = False
    inter_op_threads: int = 1
    execution: Execution = Execution.SEQUENTIAL
    graph_level: GraphLevel = GraphLevel.ALL
    memory_pattern: bool = True
    arena: bool = True
    arena_growth: ArenaGrowth | None = None
    max_arena_bytes: int | None = None
    arena_shrink: bool = False
    prepacking: bool = True
    io_binding: IoBinding = IoBinding.AUTO
    warm_up_passes: int = 3
    graph_cache: Path | None = None
    provider: Provider = Provider.CPU

    def __post_init__(self) -> None:
        for name in ("intra_op_threads", "inter_op_threads", "warm_up_passes"):
            if not 1 <= getattr(self, name) <= MAX_COUNT:
                raise ValueError(f"{name} must be at least 1 and at most {MAX_COUNT}, got {getattr(self, name)}")
        for name in ("spinning", "memory_pattern", "arena", "arena_shrink", "prepacking"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, got {getattr(self, name)!r}")  # noqa: TRY004 - a setting
        if self.max_arena_bytes is not None and self.max_arena_bytes < 1:
            raise ValueError(f"max_arena_bytes must be at least 1, or None, got {self.max_arena_bytes}")
        for objection in self._contradictions():
            raise ValueError(objection)

    @property
    def wants_shared_arena(self) -> bool:
        """Whether the session takes its memory from the arena of the process, whose growth can be set."""
        return self.arena_growth is not None or self.max_arena_bytes is not None

    def _contradictions(self) -> list[str]:
        """What the library would take in silence and not do."""
        is_parallel = self.execution is Execution.PARALLEL
        found = []
        if self.inter_op_threads > 1 and not is_parallel:
            found.append("inter_op_threads above 1 does nothing in sequential execution: set execution to parallel")
        if self.memory_pattern and is_parallel:
            found.append("memory_pattern does nothing in parallel execution: set it to false")
        if self.memory_pattern and not self.arena:
            found.append("memory_pattern has shown no effect without an arena: set it to false")
        if not self.arena and (self.arena_shrink or self.wants_shared_arena):
            found.append(
                "arena_shrink, arena_growth and max_arena_bytes do nothing without an arena: set arena to true"
            )
        if self.spinning and self.intra_op_threads == 1 and not is_parallel:
            found.append("spinning does nothing with one thread, which has none to wait for: set it to false")
        return found


FOR_STEPS: Final = OnnxOptions(arena=False, memory_pattern=False)
"""How a model with a memory runs unless somebody says otherwise. Its calls are short and what they need for a moment is
small; two workers that take it from the session's one arena hand each other what lies in their caches. Measured on two
CPUs after calls of 1 to 32 rows: DTLN 3 to 9 % slower with an arena, Silero 2 %; a convolution model 2 % faster.
"""


def for_steps(options: OnnxOptions) -> OnnxOptions:
    """`FOR_STEPS` in the place of options that are the default ones."""
    return FOR_STEPS if options == OnnxOptions() else options


REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "arena_size": "ONNX Runtime has no such key and takes it in silence; see max_arena_bytes",
        "use_arena": "the CPU provider takes it in silence and does nothing; see arena",
        "arena_extend_strategy": "the CPU provider takes it in silence and does nothing; see arena_growth",
        "max_mem": "the CPU provider takes it in silence and does nothing; see max_arena_bytes",
        "use_deterministic_compute": "no effect could be shown on the CPU",
        "set_denormal_as_zero": "no effect was measured",
        "gpu_mem_limit": "it belongs to a CUDA session's own options, which have not been shown to be in force here",
        "use_per_session_threads": "threads that all sessions share cannot be counted for one; see intra_op_threads",
    }
)
"""Settings that are asked for elsewhere and would have no effect, or none that could be shown, with the reason."""


def options_of(settings: Mapping[str, Any]) -> OnnxOptions:
    """The options with these values, as a settings file has them (text for a choice or a path).

    Raises `ConfigError` for an unknown setting, naming the nearest known one, for one that would do nothing and for a
    value that is not allowed.
    """
    known = {field.name for field in fields(OnnxOptions)}
    for name in settings:
        if name not in known:
            raise ConfigError(_refusal(name, known))
    try:
        values: dict[str, Any] = {name: _value(name, value) for name, value in settings.items()}
        return OnnxOptions(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"ONNX session: {error}") from error


def options_of_text(pairs: Iterable[str]) -> OnnxOptions:
    """The options for texts such as `intra_op_threads=2`. Raises `ConfigError` as `options_of` does."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"ONNX session: {pair!r} is no setting: write NAME=VALUE")
        settings[name.strip()] = _read(text.strip())
    return options_of(settings)


def _read(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isascii() and text.lstrip("-").isdigit() else text


_CHOICES: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {
        "execution": Execution,
        "graph_level": GraphLevel,
        "arena_growth": ArenaGrowth,
        "io_binding": IoBinding,
        "provider": Provider,
    }
)


def _value(name: str, value: object) -> object:
    if name == "graph_cache" and isinstance(value, str):
        return Path(value)
    kind = _CHOICES.get(name)
    if kind is None or value is None:
        return value
    if value not in list(kind):
        raise ValueError(f"{name} must be one of {', '.join(kind)}, got {value!r}")
    return kind(str(value))


def _refusal(name: str, known: set[str]) -> str:
    last = name.rpartition(".")[2]
    if last in REFUSED:
        return f"ONNX session: {name!r} is refused: {REFUSED[last]}"
    near = get_close_matches(last, sorted(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    return f"ONNX session: unknown setting {name!r}, which ONNX Runtime would take in silence; {hint}"
