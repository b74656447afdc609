from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.figures import Figure
from modules.measuring.report_words import (
    Verdict,
    amount,
    bare_command,
    bound,
    bounds_met,
    duration,
    interval,
    kept,
    machine_words,
    moment,
    number,
    summary,
    told,
    verdict,
)
from modules.measuring.results import Machine, Report, ScenarioResult
from tests.made_report import CARRIED, DOUBTED, FREE, KEPT, LEFT_OUT, MACHINE, REPORT


@pytest.mark.parametrize(
    ("scenario", "found"),
    [
        (CARRIED, Verdict.BROKEN),
        (DOUBTED, Verdict.INVALID),
        (KEPT, Verdict.KEPT),
        (FREE, Verdict.MEASURED),
        (LEFT_OUT, Verdict.SKIPPED),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_scenario_has_one_verdict(scenario: ScenarioResult, found: Verdict) -> None:
    """A broken bound, doubt, nothing run, bounds kept, nothing promised."""
    assert verdict(scenario) is found


def test_bounds_are_counted_where_the_numbers_say_something() -> None:
    """Of a run that is not to be trusted none is kept and none is broken."""
    assert bounds_met(CARRIED) == "2 of 3"
    assert bounds_met(DOUBTED) == bounds_met(FREE) == bounds_met(LEFT_OUT) == ""


def test_a_report_in_one_sentence() -> None:
    """The gravest first, and only what there is."""
    assert summary(REPORT) == (
        "5 scenarios: 1 broke a bound, 1 not to be trusted, 1 within all bounds, 1 measured, without a bound, "
        "1 not run."
    )
    assert summary(Report(MACHINE, "2026-11-21T13:30:00+00:00")) == "No scenario was run."


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.8912, "0.891"), (1.3, "1.3"), (42.0, "42"), (312.4, "312"), (1350.2, "1,350"), (-2.5, "-2.5")],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    """Thousands stand apart."""
    assert number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_told_within_a_hundredth(value: float) -> None:
    """Rounding never makes another number of it."""
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.01)


def test_figures_in_words() -> None:
    """Units follow, ratios are multiples, an interval and a bound are there when they are known."""
    measured = Figure("streams", 312.0, "streams", low=300.0, high=324.0, least=100.0, most=1000.0)
    assert amount(measured.value, measured.unit) == "312 streams"
    assert (amount(1.3, "x"), amount(4.0, "")) == ("1.3x", "4")
    assert interval(measured) == "300 to 324"
    assert interval(Figure("streams", 1.0, low=1.0001, high=1.0002)) == "1"
    assert bound(measured) == "at least 100, at most 1,000"
    assert interval(Figure("once", 1.0)) == bound(Figure("once", 1.0)) == kept(Figure("once", 1.0)) == ""
    assert (kept(Figure("low", 1.0, least=2.0)), kept(Figure("low", 2.0, least=2.0))) == ("BROKEN", "kept")


def test_a_figure_beyond_its_bound_by_less_than_is_shown_is_shown_more_exactly() -> None:
    """Nobody reads that 0.85 is less than 0.85."""
    near = Figure("efficiency", 0.8496, "x", least=0.85)
    assert amount(near.value, near.unit) == "0.85x"
    assert told(near) == "0.8496x"


@pytest.mark.parametrize(
    ("command", "bare"),
    [
        ("python run_benchmarks.py --quick --json 'a b/r.json' --png=out", "python run_benchmarks.py --quick"),
        ("onbeat bench talk.wav --html /home/me/r.html --seconds 20.0", "onbeat bench talk.wav --seconds 20.0"),
        ("", ""),
    ],
)
def test_a_command_is_told_without_the_files_it_wrote(command: str, bare: str) -> None:
    """It is to be typed elsewhere."""
    assert bare_command(replace(REPORT, command=command)) == bare


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.42 s"), (42.0, "42 s"), (60.0, "1 min"), (560.2, "9 min 20 s")]
)
def test_spans_of_time(seconds: float, text: str) -> None:
    """In minutes where there are any."""
    assert duration(seconds) == text


def test_an_instant_for_people() -> None:
    """To the minute; another zone is not touched."""
    assert moment("2026-11-21T13:30:59+00:00") == moment("2026-11-21T13:30:59.5Z") == "2026-11-21 13:30 UTC"
    assert moment("2026-11-21T13:30:59+02:00") == "2026-11-21T13:30:59+02:00"


def test_a_machine_tells_its_quota_only_where_there_is_one() -> None:
    """And its load only where it is known."""
    assert dict(machine_words(MACHINE))["CPUs"] == "4, of which a quota leaves 1.5"
    free = dict(machine_words(Machine("CPU", "Linux", cpus=2, effective_cpus=2.0, memory_mb=100.0)))
    assert free["CPUs"] == "2"
    assert "load before it began" not in free
