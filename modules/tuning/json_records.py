"""Frozen records as plain JSON values and back, without loss; a field that is unknown, missing or wrong is refused."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def to_fields(record: object) -> dict[str, Any]:
    """The record as a dict of JSON values. Raises `ValueError` for what JSON cannot say: infinite numbers and NaN."""
    assert is_dataclass(record), record
    return {field.name: _plain(field.name, getattr(record, field.name)) for field in fields(record)}


def from_fields(kind: type[Record], values: object) -> Record:
    """The record of that `kind` that `to_fields` turned into `values`. Raises `ValueError` for anything else."""
    assert is_dataclass(kind), kind
    if not isinstance(values, Mapping):
        raise ValueError(f"a {kind.__name__} must be an object, got {values!r}")  # noqa: TRY004 - wrong content
    known = {field.name: field for field in fields(kind)}
    if unknown := [name for name in values if name not in known]:
        raise ValueError(f"a {kind.__name__} has no field {unknown[0]!r}; it has {', '.join(known)}")
    required = (name for name, field in known.items() if field.default is field.default_factory is MISSING)
    if missing := [name for name in required if name not in values]:
        raise ValueError(f"a {kind.__name__} needs a field {missing[0]!r}")
    hints = get_type_hints(kind)
    return kind(**{name: _read(name, hints[name], value) for name, value in values.items()})


def _plain(name: str, value: object) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}, which JSON has no word for")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(name, item) for item in value]
    return to_fields(value) if is_dataclass(value) else value


def _read(name: str, hint: Any, value: object) -> object:  # noqa: ANN401 - an annotation
    if get_origin(hint) is UnionType:
        if value is None and NoneType in get_args(hint):
            return None
        hint = next(option for option in get_args(hint) if option is not NoneType)
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{name} must be a list, got {value!r}")
        return tuple(_read(name, get_args(hint)[0], item) for item in value)
    if is_dataclass(hint):
        return from_fields(hint, value)  # type: ignore[arg-type] # a dataclass of some kind
    if issubclass(hint, Enum):
        return hint(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"{name} must be of type {hint.__name__}, got {value!r}")
    return value
