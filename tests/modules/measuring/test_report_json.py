import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.measuring.figures import Better, Figure
from modules.measuring.plots import Line, Mark, Plot, PlotKind
from modules.measuring.report_json import report_from_json, report_json
from modules.measuring.results import Machine, Parameter, Report, ScenarioResult, Side, Version
from modules.monitoring.histogram import LatencyHistogram

numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(min_size=1, max_size=8)
figures = st.builds(
    Figure,
    name=words,
    value=numbers,
    unit=st.text(max_size=3),
    least=st.none() | numbers,
    better=st.sampled_from(Better),
    rounds=st.lists(numbers, max_size=3).map(tuple),
)


@st.composite
def histograms(draw: st.DrawFn) -> LatencyHistogram:
    """A histogram of a few times."""
    histogram = LatencyHistogram()
    for value in draw(st.lists(st.floats(0, 100), max_size=5)):
        histogram.record(value)
    return histogram


sides = st.builds(
    Side,
    name=words,
    figures=st.lists(figures, max_size=2).map(tuple),
    latency=st.none() | histograms().map(lambda histogram: histogram.snapshot()),
    skipped=st.text(max_size=5),
)
lines = st.builds(
    Line, name=words, points=st.lists(st.tuples(numbers, numbers), max_size=3).map(lambda points: tuple(sorted(points)))
)
plots = st.builds(
    Plot,
    name=words,
    title=words,
    x_label=words,
    y_label=words,
    lines=st.lists(lines, max_size=2).map(tuple),
    marks=st.lists(st.builds(Mark, numbers, words), max_size=2).map(tuple),
    kind=st.sampled_from(PlotKind),
    limit=st.none() | numbers,
)
scenarios = st.builds(
    ScenarioResult,
    name=words,
    parameters=st.lists(st.builds(Parameter, words, words), max_size=2).map(tuple),
    seeds=st.lists(st.integers(0, 9), max_size=2).map(tuple),
    sides=st.lists(sides, max_size=2, unique_by=lambda side: side.name).map(tuple),
    figures=st.lists(figures, max_size=2).map(tuple),
    plots=st.lists(plots, max_size=2).map(tuple),
    invalid=st.lists(words, max_size=2).map(tuple),
)
MACHINE = Machine("a processor", "a system", 2, 2.0, 4096.0)


@given(st.lists(scenarios, max_size=2))
def test_a_report_comes_back_from_json_as_it_was(found: list[ScenarioResult]) -> None:
    """Nothing of any scenario is lost, not even a digit."""
    report = Report(MACHINE, "2026-01-01T00:00:00+00:00", versions=(Version("x", "1"),), scenarios=tuple(found))
    assert report_from_json(report_json(report)) == report


def test_each_scenario_has_a_line_of_its_own() -> None:
    """So a changed scenario is a changed line."""
    report = Report(MACHINE, "now", scenarios=(ScenarioResult("one"), ScenarioResult("two")))
    lines_of_two = [line for line in report_json(report).splitlines() if '"two"' in line]
    assert [json.loads(line)["name"] for line in lines_of_two] == ["two"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"machine": 1, "started": "now"}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    """A text of another shape raises ValueError."""
    with pytest.raises(ValueError, match=r"Report|Machine"):
        report_from_json(text)


def test_a_report_of_another_schema_is_refused() -> None:
    """It is not read as if it meant the same."""
    values = json.loads(report_json(Report(MACHINE, "now"))) | {"schema": 99}
    with pytest.raises(ValueError, match="another version"):
        report_from_json(json.dumps(values))
