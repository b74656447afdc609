import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.comparing import Verdict, compare
from modules.measuring.figures import Better, Figure
from modules.measuring.intervals import figure_of
from modules.measuring.results import Machine, Report, ScenarioResult, Side

MACHINE = Machine("a processor", "a system", 2, 2.0, 4096.0, key="here")


def measured(seed: int, *, slower: float = 1.0, machine: float = 1.0, noise: float = 0.03, rounds: int = 5) -> Report:
    """A report of a model's call beside a reference, on a machine that drifts; `slower` is what was done to us."""
    chance = random.Random(seed)
    drift = [machine * chance.lognormvariate(0, 0.1) for _ in range(rounds)]
    ours = [10 * slower * each * chance.lognormvariate(0, noise) for each in drift]
    theirs = [5 * each * chance.lognormvariate(0, noise) for each in drift]
    sides = (
        Side("onbeat", (figure_of("call", ours, "us", better=Better.LOWER),)),
        Side("reference", (figure_of("call", theirs, "us", better=Better.LOWER),)),
    )
    return Report(MACHINE, "now", scenarios=(ScenarioResult("module", sides=sides, reference="reference"),))


def of(figures: Sequence[Figure], **fields: object) -> Report:
    """A report of one scenario with these figures."""
    scenario = ScenarioResult("x", figures=tuple(figures))
    return Report(MACHINE, "now", scenarios=(replace(scenario, **fields),))  # type: ignore[arg-type] # by the test


def share_of_regressions(slower: float, *, tries: int = 200) -> float:
    """How often a report is found worse than another of other chance."""
    found = [compare(measured(seed), measured(seed + 10_000, slower=slower)) for seed in range(tries)]
    return sum(bool(each.regressions) for each in found) / tries


def test_two_runs_of_the_same_code_are_no_regression() -> None:
    """Though each run has its own noise and the machine its own drift."""
    assert share_of_regressions(1.0) <= 0.01


def test_twenty_percent_slower_is_a_regression() -> None:
    """It stands out of five rounds' noise of 3 %."""
    assert share_of_regressions(1.2) >= 0.99


def test_twenty_percent_quicker_is_none() -> None:
    """Only what is worse is."""
    assert share_of_regressions(1 / 1.2) == 0.0


@given(st.floats(0.5, 2.0))
def test_a_slower_machine_is_no_regression(machine: float) -> None:
    """What slows the reference as well is not our doing."""
    assert not compare(measured(1), measured(2, machine=machine)).regressions


@given(st.integers(0, 1_000))
def test_a_report_is_no_worse_than_itself(seed: int) -> None:
    """Whatever is in it."""
    report = measured(seed, noise=0.3)
    assert all(change.verdict is Verdict.SAME for change in compare(report, report).changes)


@pytest.mark.parametrize(("better", "after"), [(Better.HIGHER, 70.0), (Better.LOWER, 130.0)])
def test_worse_is_the_other_way_from_better(better: Better, after: float) -> None:
    """A figure measured once has to change by more than the noise it may have."""
    found = compare(of([Figure("a", 100.0, better=better)]), of([Figure("a", after, better=better)]))
    assert [change.verdict for change in found.changes] == [Verdict.REGRESSION]
    assert not compare(of([Figure("a", after, better=better)]), of([Figure("a", 100.0, better=better)])).regressions


def test_a_broken_bound_is_a_regression_however_small() -> None:
    """Lost chunks were 0 and are 1."""
    old, new = (of([Figure("lost chunks", value, most=0.0, better=Better.LOWER)]) for value in (0.0, 1.0))
    assert [change.verdict for change in compare(old, new).regressions] == [Verdict.BROKEN]


def test_a_scheduler_tick_is_no_regression() -> None:
    """A latency of 1 ms that becomes 1.5 ms is within what any machine does."""
    old, new = (of([Figure("p99", value, "ms", better=Better.LOWER)]) for value in (1.0, 1.5))
    assert not compare(old, new).regressions


@pytest.mark.parametrize(
    "change",
    [
        lambda report: replace(report, scenarios=(replace(report.scenarios[0], invalid=("the generator was late",)),)),
        lambda report: replace(report, machine=replace(MACHINE, key="there")),
    ],
)
def test_what_cannot_be_compared_is_said(change: Callable[[Report], Report]) -> None:
    """An invalid run and another machine."""
    report = of([Figure("a", 1.0, better=Better.LOWER)])
    assert compare(report, change(report)).remarks


def test_a_figure_that_is_gone_is_said() -> None:
    """It is no regression, but it is not passed over."""
    found = compare(of([Figure("a", 1.0)]), of([]))
    assert [change.verdict for change in found.changes] == [Verdict.GONE]
    assert not found.regressions
