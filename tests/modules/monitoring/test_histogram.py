import dataclasses
import json
import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.histogram import (
    BUCKETS,
    HIGHEST_S,
    LOWEST_S,
    MAX_RELATIVE_ERROR,
    HistogramSnapshot,
    LatencyHistogram,
)

in_range = st.floats(LOWEST_S, HIGHEST_S, exclude_max=True)
anywhere = st.one_of(in_range, st.floats(0, 1e9), st.sampled_from([0.0, LOWEST_S, HIGHEST_S, 1e-6, 1e-3, 1.0, 3600.0]))
percents = st.integers(0, 100)


def histogram_of(values_s: Iterable[float]) -> LatencyHistogram:
    """A histogram that recorded these times."""
    histogram = LatencyHistogram()
    for value_s in values_s:
        histogram.record(value_s)
    return histogram


def nearest_rank(values_s: list[float], percent: int) -> float:
    """The definition, in whole numbers: the value at rank ceil(percent * n / 100), counted from 1."""
    rank = -(-percent * len(values_s) // 100)
    return sorted(values_s)[max(rank, 1) - 1]


@given(st.lists(in_range, min_size=1, max_size=300), percents)
def test_a_quantile_is_within_the_stated_error_of_the_sorted_list(values_s: list[float], percent: int) -> None:
    """Against nearest rank on the list itself, for times in range."""
    exact = nearest_rank(values_s, percent)
    assert abs(histogram_of(values_s).quantile(percent / 100) - exact) <= MAX_RELATIVE_ERROR * exact


@given(in_range)
def test_every_time_in_range_has_a_bucket_whose_middle_is_close(value_s: float) -> None:
    """Two neighbours, one far below and one far above, keep the exact ends out of it."""
    middle = histogram_of([0.0, value_s, 2 * HIGHEST_S]).quantile(0.5)
    assert abs(middle - value_s) <= MAX_RELATIVE_ERROR * value_s


def test_the_stated_error_is_below_one_percent() -> None:
    """And the range is 1 us to 1 h at least."""
    assert MAX_RELATIVE_ERROR < 0.01
    assert LOWEST_S < 1e-6
    assert HIGHEST_S > 3600


@given(st.lists(anywhere, min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_never_has_a_smaller_quantile(values_s: list[float], one: float, other: float) -> None:
    """Monotone in q, out-of-range times included."""
    histogram = histogram_of(values_s)
    assert histogram.quantile(min(one, other)) <= histogram.quantile(max(one, other))


@given(st.lists(anywhere, min_size=1))
def test_count_ends_and_sum_are_kept_beside_the_buckets(values_s: list[float]) -> None:
    """Count, smallest and largest exactly, the sum as floats add up."""
    histogram = histogram_of(values_s)
    assert (histogram.count, histogram.min, histogram.max) == (len(values_s), min(values_s), max(values_s))
    assert histogram.sum == pytest.approx(math.fsum(values_s))
    assert (histogram.quantile(0), histogram.quantile(1)) == (min(values_s), max(values_s))


@given(st.lists(anywhere), st.lists(anywhere))
def test_merging_is_recording_all(ones_s: list[float], others_s: list[float]) -> None:
    """Same buckets, count and ends; the sum may differ in its last digits."""
    merged = histogram_of(ones_s)
    merged.merge(histogram_of(others_s))
    at_once = histogram_of(ones_s + others_s)
    assert merged.sum == pytest.approx(at_once.sum)
    assert dataclasses.replace(merged.snapshot(), sum=at_once.sum) == at_once.snapshot()


@given(st.lists(anywhere), st.lists(anywhere))
def test_a_snapshot_merges_like_its_histogram(ones_s: list[float], others_s: list[float]) -> None:
    """What travelled as a record adds up to the same."""
    by_record, by_histogram, others = histogram_of(ones_s), histogram_of(ones_s), histogram_of(others_s)
    by_record.merge(others.snapshot())
    by_histogram.merge(others)
    assert by_record.snapshot() == by_histogram.snapshot()


@given(st.lists(anywhere), st.lists(anywhere))
def test_recording_all_at_once_is_recording_each(before_s: list[float], values_s: list[float]) -> None:
    """Same buckets, count and ends, whatever was there before; the sum may differ in its last digits."""
    at_once, one_by_one = histogram_of(before_s), histogram_of(before_s + values_s)
    at_once.record_all(np.array(values_s, np.float64))
    assert at_once.sum == pytest.approx(one_by_one.sum)
    assert dataclasses.replace(at_once.snapshot(), sum=one_by_one.sum) == one_by_one.snapshot()


@pytest.mark.parametrize("wrong_s", [-1e-9, math.nan, math.inf, -math.inf])
def test_of_times_one_of_which_is_none_nothing_is_counted(wrong_s: float) -> None:
    """The error names the range that was found."""
    histogram = LatencyHistogram()
    with pytest.raises(ValueError, match=r"every value must be 0 or more and finite, got"):
        histogram.record_all(np.array([0.1, wrong_s, 0.3]))
    assert histogram.count == 0


def test_merging_a_histogram_with_itself_doubles_it() -> None:
    """The other is read before this one is changed."""
    histogram = histogram_of([0.1, 0.2])
    histogram.merge(histogram)
    assert histogram.snapshot() == histogram_of([0.1, 0.2, 0.1, 0.2]).snapshot()


@given(st.lists(anywhere))
def test_json_brings_a_snapshot_back_without_loss(values_s: list[float]) -> None:
    """Through text and back it is equal."""
    snapshot = histogram_of(values_s).snapshot()
    assert HistogramSnapshot.from_dict(json.loads(json.dumps(snapshot.to_dict()))) == snapshot


def test_times_out_of_range_are_counted_at_the_edges() -> None:
    """Nothing is lost: they share the first and the last bucket, and the ends stay exact."""
    snapshot = histogram_of([0.0, LOWEST_S / 2, LOWEST_S, HIGHEST_S, 1e6, math.nextafter(HIGHEST_S, 0)]).snapshot()
    assert snapshot.buckets == ((0, 3), (BUCKETS - 1, 3))
    assert (snapshot.min, snapshot.max) == (0.0, 1e6)


def test_a_share_with_a_rounded_up_float_keeps_its_rank() -> None:
    """0.07 * 100 is 7.000000000000001 in floats; the rank is 7 all the same."""
    histogram = histogram_of([1.0] * 7 + [2.0] * 93)
    assert histogram.quantile(0.07) == pytest.approx(1.0, rel=MAX_RELATIVE_ERROR)


@pytest.mark.parametrize("value_s", [-1e-9, math.nan, math.inf, -math.inf])
def test_a_time_that_is_none_is_refused_and_not_counted(value_s: float) -> None:
    """Negative, infinite or not a number."""
    histogram = LatencyHistogram()
    with pytest.raises(ValueError, match=r"value_s must be 0 or more and finite, got"):
        histogram.record(value_s)
    assert histogram.count == 0


@pytest.mark.parametrize("q", [-0.01, 1.01, math.nan, 99])
def test_a_share_outside_0_to_1_is_refused(q: float) -> None:
    """99 is not taken for 0.99."""
    with pytest.raises(ValueError, match=r"q must be 0 to 1, got"):
        histogram_of([0.1]).quantile(q)


@pytest.mark.parametrize("ask", [lambda h: h.quantile(0.5), lambda h: h.min, lambda h: h.max])
def test_an_empty_histogram_answers_no_number_that_is_made_up(ask: Callable[[LatencyHistogram], float]) -> None:
    """It raises; its count and sum are 0."""
    histogram = LatencyHistogram()
    assert (histogram.count, histogram.sum) == (0, 0.0)
    with pytest.raises(ValueError, match="look at count first"):
        ask(histogram)


def test_a_copy_and_a_snapshot_do_not_follow_their_histogram() -> None:
    """Recording more changes neither."""
    histogram = histogram_of([0.1])
    twin, frozen = histogram.copy(), histogram.snapshot()
    histogram.record(0.2)
    assert (histogram.count, twin.count, frozen.count) == (2, 1, 1)
    twin.record(0.3)
    assert histogram.max == pytest.approx(0.2)


def test_a_histogram_describes_itself_in_one_line() -> None:
    """With what a person asks first."""
    assert repr(LatencyHistogram()) == "<LatencyHistogram empty>"
    assert repr(histogram_of([0.25])) == "<LatencyHistogram count=1 p50=250ms p99=250ms max=250ms>"


@pytest.mark.parametrize(
    "wrong",
    [
        {"buckets": ((5, 1), (5, 1))},
        {"buckets": ((6, 1), (5, 1))},
        {"buckets": ((-1, 2),)},
        {"buckets": ((BUCKETS, 2),)},
        {"buckets": ((5, 1),)},
        {"buckets": ((5, 0), (6, 2))},
        {"count": 3},
        {"min": None},
        {"max": None},
        {"min": 0.4},
        {"min": -0.1},
        {"max": math.inf},
        {"min": math.nan},
        {"sum": 0.0},
        {"sum": math.inf},
        {"count": 0, "buckets": ()},
    ],
)
def test_a_snapshot_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    """Whatever is changed in a sound one."""
    sound = histogram_of([0.1, 0.2]).snapshot()
    with pytest.raises(ValueError, match=r"must be|must have|without a value"):
        dataclasses.replace(sound, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"layout": "log2 -30..12 /32"},
        {"layout": None},
        {"count": "2"},
        {"count": True},
        {"sum_s": None},
        {"max_s": "0.2"},
        {"buckets": None},
        {"buckets": [3]},
        {"buckets": [[1]]},
        {"buckets": [[1, 2, 3]]},
        {"buckets": [[1.5, 2]]},
    ],
)
def test_json_that_was_not_written_by_us_is_refused(wrong: dict[str, object]) -> None:
    """Another layout or a broken field is a ValueError, never a wrong quantile."""
    fields = histogram_of([0.1, 0.2]).snapshot().to_dict() | wrong
    with pytest.raises(ValueError, match="must be"):
        HistogramSnapshot.from_dict(fields)
