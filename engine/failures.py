"""What a task group raises, made plain: one error in, the same error out."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def first_error() -> Iterator[None]:
    """Raise the first real error of an exception group in the group's place, with its own cause kept."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = _first(group)
        raise error from error.__cause__


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
