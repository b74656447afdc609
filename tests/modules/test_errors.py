"""Every error Onbeat raises on purpose can be caught as `OnbeatError` and as the builtin a caller expects."""

import inspect

import pytest

from modules import errors
from modules.errors import OnbeatError, Overloaded

EXPECTED_BUILTINS: dict[str, type[Exception]] = {
    "AudioError": ValueError,
    "DecodeError": OSError,
    "DecoderLost": OSError,
    "SourceChanged": OSError,
    "CannotMap": OSError,
    "ConfigError": ValueError,
    "LeaseError": RuntimeError,
    "ModelError": RuntimeError,
    "PoolExhausted": MemoryError,
    "StageFailed": RuntimeError,
    "StreamClosed": RuntimeError,
    "OutputError": OSError,
    "JournalError": OSError,
    "FolderBusy": OSError,
    "Overloaded": RuntimeError,
    "DeadlineExceeded": TimeoutError,
    "Cancelled": OnbeatError,  # never reaches a caller, so no builtin is expected
}


def error_classes() -> dict[str, type]:
    """The classes defined in errors.py, without the parent."""
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__ and kind is not OnbeatError
    }


def test_the_table_of_this_test_names_every_error() -> None:
    """No error was added without deciding which builtin it is."""
    assert set(error_classes()) == set(EXPECTED_BUILTINS)


@pytest.mark.parametrize(("name", "builtin"), EXPECTED_BUILTINS.items())
def test_an_error_is_an_onbeat_error_and_the_builtin_a_caller_expects(name: str, builtin: type[Exception]) -> None:
    """Either `except` catches it."""
    kind = error_classes()[name]
    assert issubclass(kind, OnbeatError)
    assert issubclass(kind, builtin)


@pytest.mark.parametrize("name", EXPECTED_BUILTINS)
def test_an_error_says_what_it_was_told(name: str) -> None:
    """The message survives the second parent: OSError takes one argument as text, not as a number."""
    details = {"retry_after_s": 0.5} if name == "Overloaded" else {}
    assert str(error_classes()[name]("the disk is full", **details)) == "the disk is full"


def test_overloaded_says_when_to_try_again() -> None:
    """`retry_after_s` is kept in seconds."""
    assert Overloaded("64 streams are the most", retry_after_s=2.5).retry_after_s == pytest.approx(2.5)


@pytest.mark.parametrize("name", EXPECTED_BUILTINS)
def test_an_error_says_in_a_sentence_what_it_means(name: str) -> None:
    """Each class has a docstring of its own."""
    kind = error_classes()[name]
    assert kind.__doc__
    assert kind.__doc__ != OnbeatError.__doc__
