"""Frames are whole or there are none."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.decode_wire import MAX_BODY_BYTES, Kind, receive, send


class Slow(io.BytesIO):
    """A pipe that takes and gives three bytes at most."""

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override] # as a raw file has it
        """Some of it."""
        return super().write(bytes(data[:3]))

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override] # the same
        """Some of it."""
        return super().readinto(buffer[:3])


frames = st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=50)), max_size=5)


@given(frames, st.integers(0, 400))
def test_frames_come_out_as_they_went_in(sent: list[tuple[Kind, bytes]], cut: int) -> None:
    """However few bytes a pipe takes at once; of a pipe that breaks, only whole ones."""
    pipe = Slow()
    for kind, body in sent:
        send(pipe, kind, body)
    whole = Slow(pipe.getvalue())
    assert [receive(whole) for _ in sent] == [(kind, bytearray(body)) for kind, body in sent]
    assert receive(whole) is None
    torn, got = Slow(pipe.getvalue()[:cut]), list[tuple[Kind, bytearray]]()
    while frame := receive(torn):
        got.append(frame)
    assert got == [(kind, bytearray(body)) for kind, body in sent[: len(got)]]


@pytest.mark.parametrize("head", [struct.pack("<cI", b"?", 0), struct.pack("<cI", b"b", MAX_BODY_BYTES + 1)])
def test_what_is_no_frame_is_refused(head: bytes) -> None:
    """A process that prints into its pipe is not believed, nor is memory set aside for what it claims."""
    with pytest.raises(ValueError, match=r"\?|frame of"):
        receive(Slow(head))
