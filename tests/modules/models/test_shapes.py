"""Shape classes hold what is put into them, and padding gives back what was put in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ModelError
from modules.models.shapes import ShapeClass, ShapeClasses, padded

ascending = st.sets(st.integers(1, 40), min_size=1, max_size=6).map(lambda sizes: tuple(sorted(sizes)))


@given(ascending, ascending, st.integers(1, 40), st.integers(1, 40))
def test_a_class_holds_its_call_and_no_smaller_one_does(
    rows: tuple[int, ...], lengths: tuple[int, ...], wanted: int, length: int
) -> None:
    """Or none does, and that is an error."""
    classes = ShapeClasses(rows, lengths)
    if wanted > rows[-1] or length > lengths[-1]:
        with pytest.raises(ModelError, match="more than the"):
            classes.of(wanted, length)
        return
    found = classes.of(wanted, length)
    assert found in list(classes)
    assert found.rows == min(size for size in rows if size >= wanted)
    assert found.length == min(size for size in lengths if size >= length)


@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6), is_last=st.booleans())
def test_rows_come_back_as_they_went_in(lengths: list[int], *, is_last: bool) -> None:
    """Whichever axis is padded; what was added is zero and not in the mask."""
    axis = 1 if is_last else 0
    rows = [np.random.default_rng(n).standard_normal((3, n) if is_last else (n, 3)) for n in lengths]
    batch = padded(rows, ShapeClasses((1, 2, 4, 8), (4, 8, 12)), axis=axis)
    assert batch.rows == len(rows)
    assert batch.array.shape[0] in (1, 2, 4, 8)
    assert batch.array.shape[1 + axis] in (4, 8, 12)
    np.testing.assert_array_equal(batch.mask.sum(1), [*lengths, *[0] * (len(batch.array) - len(rows))])
    for row, found in zip(rows, batch.real(batch.array, axis=axis), strict=True):
        np.testing.assert_array_equal(found, row)
    assert np.isclose(np.abs(batch.array).sum(), sum(np.abs(row).sum() for row in rows))


def test_an_output_of_another_length_is_cut_in_proportion() -> None:
    """Half as many positions out as in, rounded up."""
    batch = padded([np.ones(5), np.ones(8)], ShapeClasses((2,), (8,)), axis=0)
    outputs = batch.real(np.arange(8).reshape(2, 4), axis=0)
    assert [len(output) for output in outputs] == [3, 4]


def test_without_an_axis_only_rows_are_added() -> None:
    """And an output keeps its own shape."""
    batch = padded([np.ones((2, 2))] * 3, ShapeClasses())
    assert batch.array.shape == (4, 2, 2)
    assert [output.shape for output in batch.real(np.zeros((4, 7)))] == [(7,)] * 3


def test_rows_that_differ_need_an_axis() -> None:
    """Rather than be padded where nobody said so."""
    with pytest.raises(ModelError, match="need an axis to pad"):
        padded([np.ones(2), np.ones(3)], ShapeClasses())
    with pytest.raises(ValueError, match="at least one row"):
        padded([], ShapeClasses())


@pytest.mark.parametrize("rows", [(), (2, 1), (0, 1), (1, 1)])
def test_classes_ascend(rows: tuple[int, ...]) -> None:
    """A record is valid on birth."""
    with pytest.raises(ValueError, match="rows"):
        ShapeClasses(rows)


def test_all_classes_are_counted() -> None:
    """Every number of rows with every length."""
    classes = ShapeClasses((1, 2), (10, 20, 30))
    assert len(classes) == len(list(classes)) == 6
    assert list(ShapeClasses((3,))) == [ShapeClass(3)]
