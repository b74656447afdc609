"""The wire format of protocol buffers: what is written is read back, and garbage is an error, never a crash."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ModelError
from modules.models.protobuf import bytes_field, fields, float_field, integers, message_of, number_field, text

numbers = st.integers(1, 1_000)
values = st.integers(-(2**63), 2**63 - 1)


@given(numbers, values)
def test_an_integer_is_read_back(number: int, value: int) -> None:
    """Of 64 bits, with its sign."""
    assert list(fields(memoryview(number_field(number, value)))) == [(number, value)]


@given(numbers, st.binary(max_size=300))
def test_bytes_are_read_back(number: int, value: bytes) -> None:
    """As a view of the message."""
    ((found, content),) = fields(memoryview(bytes_field(number, value)))
    assert (found, bytes(content)) == (number, value)


@given(st.lists(st.tuples(numbers, values), max_size=20))
def test_fields_keep_their_order(pairs: list[tuple[int, int]]) -> None:
    """A repeated field's values are in order too."""
    message = message_of(number_field(number, value) for number, value in pairs)
    assert list(fields(memoryview(message))) == pairs


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused(content: bytes) -> None:
    """With one kind of error and no other."""
    with contextlib.suppress(ModelError):
        assert all(number > 0 for number, _ in fields(memoryview(content)))


@given(st.lists(values, max_size=20))
def test_packed_integers_are_the_plain_ones(packed: list[int]) -> None:
    """A packed field is their numbers in a row, without keys."""
    row = b"".join(number_field(1, value)[1:] for value in packed)
    assert integers(memoryview(row)) == packed
    assert integers(7) == [7]


def test_a_message_that_ends_early_says_where() -> None:
    """Both in a field's length and in a number."""
    with pytest.raises(ModelError, match="10 bytes begins at byte 2 of only 7"):
        list(fields(memoryview(bytes_field(1, b"0123456789")[:7])))
    with pytest.raises(ModelError, match="cut off"):
        list(fields(memoryview(number_field(1, 300)[:2])))


def test_floats_take_four_bytes_and_text_is_mended() -> None:
    """What is no UTF-8 is replaced."""
    ((_, content),) = fields(memoryview(float_field(2, 0.5)))
    assert bytes(content) == b"\x00\x00\x00?"
    assert text(memoryview(b"a\xff")) == "a�"
    assert text(3) == ""
