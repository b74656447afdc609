"""The value of one key in a table of `onbeat.toml`, as the field wants it that it is for."""

from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from modules.models.named_models import COMPOSITE, PYTHON, ModelNames

_WORDS: Mapping[type, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def value_of(hint: Any, value: object, folder: Path) -> object:  # noqa: ANN401 - any type a field may have
    """`value` as `hint` wants it; paths are relative to `folder`. Raises `ValueError` with what is allowed."""
    if hint in (ModelNames, str | Path, str | Path | None):
        return _models(value, folder) if hint == ModelNames else _model(value, folder)
    origin, options = get_origin(hint), get_args(hint)
    if NoneType in options:
        (only,) = (option for option in options if option is not NoneType)
        return value_of(only, value, folder)
    if origin is tuple:
        return tuple(value_of(options[0], one, folder) for one in _list(value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: value_of(options[1], one, folder) for key, one in _table(value).items()}
    return _one_of(options, value) if origin is Literal else _scalar(hint, value, folder)


def _scalar(hint: Any, value: object, folder: Path) -> object:  # noqa: ANN401 - as above
    if hint == str | float:
        return value if isinstance(value, str) else _plain(float, value)
    return folder / str(_plain(str, value)) if hint is Path else _plain(hint, value)


def _plain(kind: type, value: object) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"takes {_WORDS[kind]}, got {value!r}")
    return value


def _one_of(options: tuple[Any, ...], value: object) -> object:
    if value not in options:
        raise ValueError(f"takes {', '.join(map(str, options[:-1]))} or {options[-1]}, got {value!r}")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"takes a list, got {value!r}")  # noqa: TRY004 - a wrong setting, no wrong call
    return value


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"takes a table, got {value!r}")  # noqa: TRY004 - as above
    return value


def _models(value: object, folder: Path) -> ModelNames:
    if isinstance(value, list) and value:
        return tuple(_model(one, folder) for one in value)
    return _model(value, folder)


def _model(value: object, folder: Path) -> str | Path:
    """A model's name: a path, or what says that it is none."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"takes the path of a model, {PYTHON}MODULE:NAME or {COMPOSITE}NAME, got {value!r}")
    return value if value.startswith((PYTHON, COMPOSITE)) else folder / value
