"""Marks outlive the process that made them, and no other."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.jobs.in_hand import MAX_PLACES, InHand


def left_by(path: Path) -> frozenset[str]:
    """What a run that begins now finds; it leaves nothing."""
    marks = InHand(path)
    marks.close()
    return marks.left


def test_a_run_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    """Closing takes the marks away."""
    marks = InHand(tmp_path / "marks")
    marks.mark("/a.wav")
    assert repr(marks) == "<InHand 1 marked, 0 left>"
    marks.close()
    marks.close()
    assert left_by(tmp_path / "marks") == frozenset()


def test_a_run_that_dies_leaves_what_it_had_in_hand(tmp_path: Path) -> None:
    """What was freed is not among it, whether its place is used again or not."""
    marks = InHand(tmp_path / "marks")
    first, second = marks.mark("/a.wav"), marks.mark("/b.wav")
    marks.mark(os.fsdecode(b"/caf\xe9.wav"))
    marks.free(first)
    marks.mark("/much longer than a.wav")
    marks.free(second)
    assert left_by(tmp_path / "marks") == {"/much longer than a.wav", os.fsdecode(b"/caf\xe9.wav")}
    assert left_by(tmp_path / "marks") == frozenset()


def test_there_are_as_many_places_as_inputs_in_hand(tmp_path: Path) -> None:
    """One more is not marked, and neither is a name too long; freeing no place is fine."""
    marks = InHand(tmp_path / "marks")
    assert marks.mark("/" + "x" * 5_000) == -1
    assert len({marks.mark(f"/{number}") for number in range(MAX_PLACES)}) == MAX_PLACES
    assert marks.mark("/one more") == -1
    marks.free(-1)
    assert marks.mark("/one more") == -1


@given(st.binary(max_size=70_000))
def test_any_bytes_in_the_file_are_read_as_marks_or_none(content: bytes) -> None:
    """A file that was torn or overwritten stops nobody."""
    descriptor = os.memfd_create("marks")
    os.write(descriptor, content)
    InHand(Path(f"/proc/self/fd/{descriptor}")).close()
    os.close(descriptor)
