"""Stages that are described in `onbeat.toml`: the tables `[stage.NAME]` and `[composite.NAME]`.

The settings stand outside any table and are read in `config_sources.py`. A table is read by the record that it
describes: the record's fields are the keys that there are, and what it refuses is refused here with the table's name.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args, get_type_hints

from engine.call_watch import CallWatch
from engine.config import BatchProcessingConfig, nearest
from engine.recovery import log_event
from engine.table_values import value_of
from modules.errors import ConfigError
from modules.models.fallback_order import FallbackEvent
from modules.models.named_models import CompositeDescription, NamedModels
from modules.models.onnx_options import OnnxOptions, options_of
from modules.models.threads import ThreadRoom
from modules.monitoring.resources import effective_cpus, worker_count
from modules.stages.described import described, fingerprint
from modules.stages.descriptions import (
    ClassifyDescription,
    DenoiseDescription,
    GenericDescription,
    StageDescription,
)
from modules.stages.extra_stages import ExtraStages
from modules.stages.hop import AnyStage

KINDS: Final[Mapping[str, type[StageDescription]]] = MappingProxyType(
    {"classify": ClassifyDescription, "denoise": DenoiseDescription, "generic": GenericDescription}
)
"""The kinds of stages there are, and what describes each."""

_FLAT: Final = ("window", "detections")
"""Records whose keys stand in the stage's own table, because most stages name some of them."""


@dataclass(frozen=True, slots=True)
class StageSet:
    """The stages that are described, by name; `build` makes one, with models of its own."""

    stages: Mapping[str, StageDescription]
    composites: Mapping[str, CompositeDescription]
    models: NamedModels

    def build(self, name: str) -> tuple[AnyStage, ...]:
        """The stages from any stream's audio to what stage `name` gives, for `open_stream(stages=...)`.

        Loads models, which may take seconds. Raises `ConfigError` for an unknown name, and `ModelError`.
        """
        return described(name, self._description(name), self.models)

    def chosen(self, names: Sequence[str]) -> ExtraStages:
        """What a pipeline does beside recognising: the stages of these names, denoisers first. Raises as `build`."""
        wanted = {name: self._description(name) for name in names}
        cleaners = [name for name, description in wanted.items() if isinstance(description, DenoiseDescription)]
        if len(cleaners) > 1:
            raise ConfigError(f"audio is cleaned once, but {' and '.join(cleaners)} are asked for")
        for name, description in wanted.items():
            if isinstance(description, GenericDescription) and description.labels is None:
                raise ConfigError(f"[stage.{name}] has no labels: what it gives is for open_stream(stages=...)")
        return ExtraStages(
            clean=self.build(cleaners[0]) if cleaners else (),
            listeners=tuple(self.build(name) for name in wanted if name not in cleaners),
            fingerprint=" ".join(fingerprint(description, self.composites) for description in wanted.values()),
        )

    def _description(self, name: str) -> StageDescription:
        if name not in self.stages:
            near = nearest(name, self.stages) if self.stages else "no stage is described"
            raise ConfigError(f"there is no [stage.{name}]; {near}")
        return self.stages[name]


def load_stages(
    file: Path, on_event: Callable[[FallbackEvent], None] = log_event, *, workers: int | None = None
) -> StageSet:
    """The stages that `file`, an `onbeat.toml`, describes; `on_event` is told when one of them falls back.

    The models' threads fit beside each other when calls run on so many `workers`, by default the effective CPUs.
    Nothing is loaded yet. Raises `ConfigError` for what is not TOML, unknown keys and values that are not allowed.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    place = _Place(file)
    composites = {name: place.composite(name, table) for name, table in place.tables(tables, "composite").items()}
    stages = {name: place.stage(name, table) for name, table in place.tables(tables, "stage").items()}
    cpus = effective_cpus()
    room = ThreadRoom(workers or worker_count(cpus), cpus.cpus)
    return StageSet(stages, composites, NamedModels(CallWatch(), composites, on_event, room))


def named_stages(config: BatchProcessingConfig, stages: StageSet | None) -> ExtraStages | None:
    """The stages that the setting `stages` names, their models loaded. Raises `ConfigError` and `ModelError`."""
    names = [name.strip() for name in config.stages.split(",") if name.strip()]
    if not names:
        return None
    if stages is None:
        raise ConfigError(f"stages = {config.stages!r} names stages, and there is no onbeat.toml that describes them")
    return stages.chosen(names)


def known_keys() -> frozenset[str]:
    """Every key that a table described here may have, wherever it stands."""
    keys = {"kind"}
    waiting: list[type] = [*KINDS.values(), CompositeDescription]
    while waiting:
        for key, hint in get_type_hints(waiting.pop()).items():
            keys.add(key)
            waiting += [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and is_dataclass(kind)]
    return frozenset(keys)


@dataclass(frozen=True, slots=True)
class _Place:
    """A settings file: paths in it are relative to its folder, and every refusal names it."""

    file: Path

    def tables(self, tables: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
        found = tables.get(kind, {})
        if not isinstance(found, dict):
            raise self._refused(kind, f"must be tables [{kind}.NAME], not a value")
        return found

    def stage(self, name: str, table: object) -> StageDescription:
        """The stage of a table, by its `kind`."""
        where = f"stage.{name}"
        if not isinstance(table, dict):
            raise self._refused(where, "must be a table")
        kind = table.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise self._refused(where, f"kind must be {', '.join(KINDS)}, got {kind!r}")
        rest = {key: value for key, value in table.items() if key != "kind"}
        stage: StageDescription = self._record(KINDS[kind], rest, where)
        return stage

    def composite(self, name: str, table: object) -> CompositeDescription:
        """The composite of a table."""
        if not isinstance(table, dict):
            raise self._refused(f"composite.{name}", "must be a table")
        composite: CompositeDescription = self._record(CompositeDescription, table, f"composite.{name}")
        return composite

    def _record(self, kind: type[Any], table: Mapping[str, Any], where: str) -> Any:  # noqa: ANN401 - a `kind`
        """A record of `kind` from a table; records in it are tables in the table, or lie flat in it."""
        rest, values = dict(table), {}
        hints = get_type_hints(kind)
        flat = [name for name in hints if name in _FLAT and is_dataclass(hints[name])]
        known = [key for name in hints for key in (get_type_hints(hints[name]) if name in flat else (name,))]
        for key in rest:
            if key not in known:
                raise self._refused(where, f"unknown key {key!r}; {nearest(key, known)}")
        for field in fields(kind):
            hint = hints[field.name]
            if field.name in flat:
                inner = {key: rest[key] for key in get_type_hints(hint) if key in rest}
                values[field.name] = self._record(hint, inner, where)
            elif field.name in rest:
                values[field.name] = self._value(hint, rest[field.name], f"{where}.{field.name}")
        try:
            return kind(**values)
        except TypeError as error:
            missing = [name for name in hints if name not in values and name in str(error)]
            raise self._refused(where, f"{missing[0] if missing else error} is missing") from error
        except ValueError as error:
            raise self._refused(where, str(error)) from error

    def _value(self, hint: Any, value: object, where: str) -> object:  # noqa: ANN401 - any type a field may have
        if hint is OnnxOptions and isinstance(value, dict):
            try:
                return options_of(value)
            except ConfigError as error:
                raise self._refused(where, str(error)) from error
        if is_dataclass(hint) and isinstance(hint, type):
            if not isinstance(value, dict):
                raise self._refused(where, "must be a table")
            return self._record(hint, value, where)
        try:
            return value_of(hint, value, self.file.parent)
        except ValueError as error:
            raise self._refused(where, str(error)) from error

    def _refused(self, where: str, why: str) -> ConfigError:
        return ConfigError(f"{self.file.name} ({self.file}): [{where}]: {why}")
