"""How fast a machine was while a trial ran, by the trial's own calls."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gauge import Gauge, by_a_fixed_number, slowest, speeds_of, steadily
from benchmarks.workloads import CallMade, Encoder, encoder_file
from modules.models.onnx import OnnxModel

GAUGE = Gauge((20, 40, 80), (0.002, 0.003, 0.005))

calls = st.lists(st.integers(1, 400), min_size=1, max_size=30)


def made(frames: list[int], *, slower: float = 1.0, every_s: float = 0.1) -> list[CallMade]:
    """Calls that take what they are expected to, so many times."""
    return [CallMade(number * every_s, each, slower * GAUGE.expected_s(each)) for number, each in enumerate(frames)]


def test_a_call_is_expected_to_take_what_calls_of_its_size_took() -> None:
    """Between two sizes on the line, and beyond the largest in proportion."""
    assert GAUGE.expected_s(40) == 0.003
    assert GAUGE.expected_s(60) == pytest.approx(0.004)
    assert GAUGE.expected_s(160) == pytest.approx(0.010)


@given(calls, st.floats(0.2, 5.0))
def test_the_speed_of_the_machine_is_told_by_calls_of_any_size(frames: list[int], slower: float) -> None:
    """What a scheme decides of its batches is no part of it."""
    assert GAUGE.speed(made(frames, slower=slower)) == pytest.approx(1 / slower)
    assert GAUGE.speed([]) == 1.0


def test_streams_are_those_of_the_best_size() -> None:
    """Of 20 frames each, five times a second: four in 5 ms on each of two workers."""
    assert GAUGE.streams(workers=2) == pytest.approx(2 * 4 * 0.2 / 0.005)


def test_speeds_are_told_by_the_calls_of_each_period() -> None:
    """One that was not over does not count, and one without a call was as the one before."""
    steady = made([40] * 20)
    slow = [CallMade(each.began_s, 40, 2 * each.cpu_s) for each in steady[5:10]]
    assert speeds_of(GAUGE, [*steady[:5], *slow, *steady[15:]], period_s=0.5) == pytest.approx([1.0, 0.5, 0.5])
    assert speeds_of(GAUGE, [], period_s=0.5) == []


def test_the_slowest_time_is_told_by_the_mean() -> None:
    """Of any periods in a row; where nothing is known nothing was slow."""
    assert slowest([1.0, 0.5, 0.5, 1.0, 2.0], 2) == pytest.approx(0.5)
    assert slowest([1.0], 2) == slowest([], 1) == 1.0


def test_a_machine_that_stumbles_carries_less_all_the_time() -> None:
    """Half a second at half the speed: half as much with no slack, all of it with a slack as long."""
    speeds = [1.0] * 20 + [0.5] * 5 + [1.0] * 20
    mean = sum(speeds) / len(speeds)
    assert steadily(speeds, period_s=0.1, slack_s=0.0) == pytest.approx(0.5 / mean)
    assert steadily(speeds, period_s=0.1, slack_s=0.2) == pytest.approx(0.5 * 5 / 3 / mean)
    assert steadily(speeds, period_s=0.1, slack_s=0.5) == 1.0
    assert steadily([0.7] * 9, period_s=0.1, slack_s=0.2) == steadily([], period_s=0.1, slack_s=0.2) == 1.0


@given(st.lists(st.floats(0.1, 3.0), min_size=4, max_size=40), st.integers(0, 3), st.floats(0.3, 1.2))
def test_what_is_carried_steadily_is_never_late(speeds: list[float], slack: int, share: float) -> None:
    """What waits at the end of a period is done so many periods later, and with a little more it is not."""
    mean = sum(speeds) / len(speeds)
    asked, waits, is_late = share * mean, 0.0, False
    for place, speed in enumerate(speeds[: len(speeds) - slack]):
        waits = max(0.0, waits + asked - speed)
        is_late |= waits > sum(speeds[place + 1 : place + 1 + slack]) + 1e-9
    most = steadily(speeds, period_s=0.1, slack_s=0.1 * slack)
    assert is_late == (share > most + 1e-9) or share == pytest.approx(most) or (share > 1 and most == 1)


def test_one_number_for_all_is_kept_where_the_machine_is_as_steady() -> None:
    """In three of four stretches all, and in the one that stumbles nothing; or what that one carries, in all."""
    assert by_a_fixed_number([1.0, 0.6, 1.0, 1.0]) == 0.75
    assert by_a_fixed_number([1.0, 0.8, 1.0, 1.0]) == 0.8
    assert by_a_fixed_number([0.7]) == 0.7
    assert by_a_fixed_number([]) == 1.0


@given(st.lists(st.floats(0.1, 1.0), min_size=1, max_size=20))
def test_one_number_keeps_as_much_as_the_worst_stretch_and_less_than_their_mean(shares: list[float]) -> None:
    """Who knows each stretch keeps the mean."""
    assert min(shares) - 1e-9 <= by_a_fixed_number(shares) <= sum(shares) / len(shares) + 1e-9


def test_a_gauge_is_made_by_bare_calls_of_all_sizes(tmp_path: Path) -> None:
    """Larger ones take longer, and a stage that nobody listens to notes nothing."""
    stage = Encoder(OnnxModel(encoder_file(tmp_path, layers=1)))
    gauge = Gauge.measured(stage, workers=2, seconds=0.0)
    assert gauge.frames == (20, 40, 80, 160, 320, 640, 1280)
    assert gauge.cpu_s[-1] > gauge.cpu_s[0] > 0
