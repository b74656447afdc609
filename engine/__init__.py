"""Onbeat: an asyncio engine that runs audio through models and keeps every chunk on time.

Its names are those of `engine.public_names`, which is imported when one of them is first asked for: the command line is
a part of this package, and shows its help without loading the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.public_names import *  # noqa: F403 - its names are these names


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the names are of all kinds
    public = import_module("engine.public_names")
    if name == "__all__":
        return public.__all__
    if name not in public.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(public, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("engine.public_names").__all__})
