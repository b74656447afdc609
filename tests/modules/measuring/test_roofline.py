"""What a machine's peaks allow a product to be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.roofline import Peaks, Product

SIZES = st.integers(1, 10_000)
RATES = st.floats(1.0, 1e15)


def test_few_rows_wait_for_the_weights_and_many_for_the_arithmetic() -> None:
    """3584 by 8448 floats are 121 MB: 12 ms at 10 GB/s. At 200 G operations/s a row takes 0.3 ms, so 40 do as long."""
    peaks = Peaks(operations_per_s=200e9, bytes_per_s=10e9)
    one, fifty = Product(1, 3584, 8448, 4), Product(50, 3584, 8448, 4)
    assert (one.limit(peaks), fifty.limit(peaks)) == ("memory", "arithmetic")
    assert one.least_s(peaks) == pytest.approx(0.0121, abs=1e-4)
    assert fifty.least_s(peaks) == pytest.approx(50 * 2 * 3584 * 8448 / 200e9)
    assert fifty.most_rows_per_s(peaks) == pytest.approx(3303, abs=1)
    assert Product(1, 3584, 8448, 1).least_s(peaks) == pytest.approx(one.least_s(peaks) / 4)


@given(SIZES, SIZES, SIZES, RATES, RATES)
def test_nothing_is_faster_than_either_roof(
    rows: int, inner: int, outer: int, operations: float, fetched: float
) -> None:
    """And one of the two is reached."""
    product, peaks = Product(rows, inner, outer, 4), Peaks(operations, fetched)
    least_s = product.least_s(peaks)
    shares = {
        "arithmetic": product.operations / least_s / operations,
        "memory": product.fetched_bytes / least_s / fetched,
    }
    assert max(shares.values()) == pytest.approx(shares[product.limit(peaks)]) == pytest.approx(1)
    assert product.most_rows_per_s(peaks) == pytest.approx(rows / least_s)


@given(SIZES, RATES, RATES)
def test_more_rows_a_call_never_make_it_slower_a_row(rows: int, operations: float, fetched: float) -> None:
    """The weights are fetched once for all of them."""
    peaks = Peaks(operations, fetched)
    few, many = Product(rows, 64, 64, 1), Product(2 * rows, 64, 64, 1)
    assert many.most_rows_per_s(peaks) >= few.most_rows_per_s(peaks) * (1 - 1e-9)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_peaks_are_valid_on_birth(rate: float) -> None:
    """As records are."""
    with pytest.raises(ValueError, match="operations_per_s must be"):
        Peaks(rate, 1.0)
    with pytest.raises(ValueError, match="bytes_per_s must be"):
        Peaks(1.0, rate)
    with pytest.raises(ValueError, match="inner must be at least 1"):
        Product(1, 0, 1, 1)
