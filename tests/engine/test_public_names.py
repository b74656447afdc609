"""The public names are those of `engine`, however they are asked for."""

import engine
from engine import public_names


def test_every_public_name_is_there() -> None:
    """As an attribute, in `dir` and in `__all__`."""
    assert engine.__all__ == public_names.__all__
    assert set(engine.__all__) <= set(dir(engine))
    for name in engine.__all__:
        assert getattr(engine, name) is getattr(public_names, name)


def test_what_is_not_public_is_not_there() -> None:
    """Neither a name that is nowhere nor one that `engine.public_names` merely uses."""
    assert not hasattr(engine, "nonsense")
    assert not hasattr(engine, "annotations")
