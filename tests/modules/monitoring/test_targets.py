import dataclasses
import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ConfigError
from modules.monitoring.targets import (
    MAX_MISSES,
    PerformanceTarget,
    is_p99_refuted,
    is_p99_shown,
    samples_needed,
)


def exact_chance_of_at_most(misses: int, samples: int) -> Fraction:
    """P(X <= misses) for X binomial with one miss in a hundred, in whole numbers alone."""
    ways = sum(math.comb(samples, k) * 99 ** (samples - k) for k in range(misses + 1))
    return Fraction(ways, 100**samples)


def test_the_default_target_is_what_the_design_promises() -> None:
    """300 ms a chunk, 500 ms a pipeline, 512 MB, 80 % CPU, 2 chunks/s."""
    assert PerformanceTarget() == PerformanceTarget(
        p99_chunk_latency_ms=300.0,
        pipeline_latency_ms=500.0,
        memory_mb=512,
        cpu_percent=80.0,
        throughput_chunks_per_s=2.0,
    )


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(PerformanceTarget)])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "300", None, True, 10**9])
def test_a_target_out_of_range_is_refused_by_name_and_value(name: str, value: object) -> None:
    """The message names the field and the value; the error is a ConfigError, hence a ValueError."""
    with pytest.raises(ConfigError, match=rf"{name} must be .* from .* to .*, got {value!r}"):
        dataclasses.replace(PerformanceTarget(), **{name: value})  # type: ignore[arg-type]


def test_a_target_in_half_megabytes_is_refused() -> None:
    """Memory is a whole number of MB."""
    with pytest.raises(ConfigError, match=r"memory_mb must be a whole number from 64 to 1,048,576, got 512\.5"):
        PerformanceTarget(memory_mb=512.5)  # type: ignore[arg-type]


def test_a_target_cannot_be_changed() -> None:
    """The record is frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        PerformanceTarget().memory_mb = 1024  # type: ignore[misc]


@pytest.mark.parametrize(("misses", "samples"), [(0, 459), (1, 662), (10, 2010), (100, 12_571)])
def test_a_p99_claim_needs_the_published_number_of_samples(misses: int, samples: int) -> None:
    """The numbers of the exact binomial bound."""
    assert samples_needed(misses) == samples


@pytest.mark.parametrize("misses", [0, 1, 2, 5, 10, 33])
def test_one_sample_fewer_than_needed_proves_nothing(misses: int) -> None:
    """Checked with whole-number arithmetic: the bound is met at the answer and not just below it."""
    samples = samples_needed(misses)
    assert exact_chance_of_at_most(misses, samples) <= Fraction(1, 100)
    assert exact_chance_of_at_most(misses, samples - 1) > Fraction(1, 100)


@given(st.integers(0, 5000))
def test_each_further_miss_asks_for_more_samples(misses: int) -> None:
    """It is strictly monotone, and always asks for more than the hundredfold."""
    assert 100 * misses < samples_needed(misses) < samples_needed(misses + 1)


def test_many_misses_are_answered_as_well() -> None:
    """At the limit the answer approaches the hundredfold, plus 2.33 standard deviations (normal approximation)."""
    normal = 100 * MAX_MISSES + 2.3263 * 100 * math.sqrt(MAX_MISSES * 0.99)
    assert samples_needed(MAX_MISSES) == pytest.approx(normal, rel=1e-5)


@pytest.mark.parametrize("misses", [-1, MAX_MISSES + 1])
def test_misses_out_of_range_are_refused(misses: int) -> None:
    """A ValueError names the range."""
    with pytest.raises(ValueError, match=rf"misses must be 0 to 1,000,000, got {misses}"):
        samples_needed(misses)


def exact_chance_of_at_least(misses: int, samples: int) -> Fraction:
    """P(X >= misses), in whole numbers alone."""
    return 1 - exact_chance_of_at_most(misses - 1, samples)


@pytest.mark.parametrize("samples", [1, 2, 5, 50, 459, 2010])
def test_a_p99_is_refuted_by_the_fewest_misses_that_chance_would_not_bring(samples: int) -> None:
    """Checked with whole-number arithmetic on both sides of the bound."""
    fewest = next(misses for misses in range(1, samples + 1) if is_p99_refuted(misses, samples))
    assert exact_chance_of_at_least(fewest, samples) <= Fraction(1, 100)
    assert exact_chance_of_at_least(fewest - 1, samples) > Fraction(1, 100)


@given(st.integers(0, 300), st.integers(0, 30_000))
def test_a_p99_is_never_both_shown_and_refuted(misses: int, others: int) -> None:
    """And it is shown exactly from the number of samples that is said to be needed."""
    samples = misses + others
    assert is_p99_shown(misses, samples) == (samples >= samples_needed(misses))
    assert not (is_p99_shown(misses, samples) and is_p99_refuted(misses, samples))


@given(st.integers(0, 200), st.integers(0, 10_000))
def test_more_misses_refute_what_fewer_refuted(misses: int, others: int) -> None:
    """Among as many samples."""
    samples = misses + others + 1
    assert is_p99_refuted(misses, samples) <= is_p99_refuted(misses + 1, samples)


@pytest.mark.parametrize("judge", [is_p99_shown, is_p99_refuted])
@pytest.mark.parametrize(("misses", "samples"), [(-1, 10), (11, 10)])
def test_impossible_counts_are_refused(judge: Callable[[int, int], bool], misses: int, samples: int) -> None:
    """The message has the range."""
    with pytest.raises(ValueError, match=f"misses must be 0 to 10, got {misses}"):
        judge(misses, samples)
