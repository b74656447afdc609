"""The JSON schema of a report, made from the records themselves, so that the two cannot drift apart.

Draft 2020-12 (json-schema.org). A reader in another language needs the schema only; ours checks by the records.
"""

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from modules.measuring.results import SCHEMA, Report

Schema = dict[str, Any]

_PLAIN: dict[type, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
}


def report_schema() -> Schema:
    """The schema that what `report_json` writes is valid against."""
    kinds = dict.fromkeys(_records(Report))
    top = _object(Report)
    top["properties"]["schema"] = {"const": SCHEMA}
    top["required"].append("schema")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A report of Onbeat's benchmarks",
        **top,
        "$defs": {kind.__name__: _object(kind) for kind in kinds if kind is not Report},
    }


def _records(kind: type) -> Iterator[type]:
    """The record and all that stand in its fields, however deep."""
    yield kind
    for hint in get_type_hints(kind).values():
        yield from (found for inner in _inside(hint) for found in _records(inner))


def _inside(hint: Any) -> Iterator[type]:  # noqa: ANN401 - an annotation
    if is_dataclass(hint) and isinstance(hint, type):
        yield hint
    for argument in get_args(hint):
        yield from _inside(argument)


def _object(kind: type) -> Schema:
    """A record: its fields and no others; those without a default must be there."""
    assert is_dataclass(kind), kind
    hints = get_type_hints(kind)
    return {
        "description": (kind.__doc__ or "").partition("\n")[0],
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in fields(kind) if field.default is field.default_factory is MISSING],
        "properties": {field.name: _value(hints[field.name]) for field in fields(kind)},
    }


def _value(hint: Any) -> Schema:  # noqa: ANN401 - an annotation
    if get_origin(hint) is UnionType:
        options = [option for option in get_args(hint) if option is not NoneType]
        return {"anyOf": [*map(_value, options), {"type": "null"}]}
    if get_origin(hint) is tuple:
        return _array(get_args(hint))
    if is_dataclass(hint) and isinstance(hint, type):
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if issubclass(hint, StrEnum):
        return {"enum": [str(member) for member in hint]}
    return dict(_PLAIN[hint])


def _array(items: tuple[Any, ...]) -> Schema:
    """A list of any length, or a row of so many values of one kind."""
    array: Schema = {"type": "array", "items": _value(items[0])}
    if items[-1] is not Ellipsis:
        assert len(set(items)) == 1, items
        array |= {"minItems": len(items), "maxItems": len(items)}
    return array
