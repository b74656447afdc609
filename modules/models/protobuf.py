"""The wire format of protocol buffers, as far as ONNX files need it: fields in, fields out, no schema and no library.

Written after https://protobuf.dev/programming-guides/encoding/: a message is a row of fields, each a key
(number << 3 | wire type) and a value, which is a variable-length integer, 4 or 8 bytes, or bytes with their length.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from modules.errors import ModelError

VARINT: Final = 0
EIGHT_BYTES: Final = 1
BYTES: Final = 2
FOUR_BYTES: Final = 5

_MAX_VARINT_BYTES: Final = 10  # 64 bits in groups of 7
_SIGN: Final = 1 << 63

Value = int | memoryview


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """The number and value of each field: an integer, signed where it was, or the bytes, which are a view.

    Raises `ModelError` where the bytes are no message or end too early.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ModelError(f"no field has the number 0, at byte {at} of {len(message)}")
        if wire == VARINT:
            raw, at = _varint(message, at)
            yield number, raw - 2 * _SIGN if raw & _SIGN else raw
            continue
        if wire == BYTES:
            length, at = _varint(message, at)
        elif wire in (FOUR_BYTES, EIGHT_BYTES):
            length = 4 if wire == FOUR_BYTES else 8
        else:
            raise ModelError(f"wire type {wire} is not known, at byte {at} of {len(message)}")
        if at + length > len(message):
            raise ModelError(f"a field of {length:,} bytes begins at byte {at:,} of only {len(message):,}")
        yield number, message[at : at + length]
        at += length


def integers(value: Value) -> list[int]:
    """A repeated integer field's values, packed or not."""
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        raw, at = _varint(value, at)
        found.append(raw - 2 * _SIGN if raw & _SIGN else raw)
    return found


def text(value: Value) -> str:
    """A text field's value; what is no UTF-8 is replaced."""
    return "" if isinstance(value, int) else bytes(value).decode(errors="replace")


def number_field(number: int, value: int) -> bytes:
    """A field that holds an integer of up to 64 bits."""
    return _encoded(number << 3 | VARINT) + _encoded(value % (2 * _SIGN))


def float_field(number: int, value: float) -> bytes:
    """A field that holds a float of 32 bits."""
    return _encoded(number << 3 | FOUR_BYTES) + struct.pack("<f", value)


def bytes_field(number: int, value: bytes | str) -> bytes:
    """A field that holds bytes, text or another message."""
    raw = value.encode() if isinstance(value, str) else value
    return _encoded(number << 3 | BYTES) + _encoded(len(raw)) + raw


def message_of(parts: Iterable[bytes]) -> bytes:
    """A message of these fields."""
    return b"".join(parts)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for number in range(_MAX_VARINT_BYTES):
        if at + number >= len(message):
            raise ModelError(f"a number is cut off at the end, byte {len(message):,}")
        byte = message[at + number]
        value |= (byte & 0x7F) << (7 * number)
        if not byte & 0x80:
            return value & (2 * _SIGN - 1), at + number + 1
    raise ModelError(f"a number of more than {_MAX_VARINT_BYTES} bytes, at byte {at:,}")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)
