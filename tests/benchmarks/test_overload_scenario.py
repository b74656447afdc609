"""Healthy streams under overload are counted together, by what one number of streams for all rounds would keep."""

import pytest

from benchmarks.live_trials import Ran
from benchmarks.overload_scenario import TELLING, Round, _served
from benchmarks.trouble_scenarios import FROZEN, GOVERNED
from engine.bench.sending import Generated
from engine.bench.trial import Trial
from modules.measuring.figures import Figure
from modules.measuring.pieces import Moment, Outcome
from modules.monitoring.histogram import HistogramSnapshot
from modules.monitoring.pressure import ResourceSample


def one(healthy: int, *, steady: float = 1.0) -> Round:
    """A round on a machine that carries 100 streams, of which so many were whole, and all the time such a share."""
    outcome = Outcome(1_000, 1_000, 0, 0, 0, 150, healthy, HistogramSnapshot(), HistogramSnapshot())
    moments = tuple(Moment(0.5 * number, 250, 250) for number in range(4))
    trial = Trial(outcome, moments, Generated(0.0, 0.0, 0.0, 0.0, 0.0), ResourceSample(), ())
    return Round(Ran(trial), 0.0, 1.5, 100.0, 100.0, steady, steady)


def figures(rounds: list[Round], *, name: str = GOVERNED, at_best: float = 1.0) -> dict[str, Figure]:
    """By name; where the machine is always as fast 80 of the 100 are kept healthy."""
    return {each.name: each for each in _served(name, rounds, always=0.8, at_best=at_best).figures}


def test_rounds_in_which_the_machine_stumbles_count_as_the_others() -> None:
    """On average 60 of the 80 of which one number keeps three quarters; in two rounds 30 of 60 for who knew it all."""
    found = figures([one(70)] * 6 + [one(30, steady=0.75)] * 2, at_best=0.75)
    assert found["healthy streams"].value == pytest.approx(1.0)
    assert found["healthy streams"].rounds == pytest.approx([70 / 60] * 6 + [0.5] * 2)
    assert found["by who knows each moment"].value == pytest.approx(70 / 80)
    assert found["by who knows each moment"].rounds[-1] == pytest.approx(30 / 60)


def test_healthy_streams_have_a_bound_where_there_are_rounds_enough_to_tell() -> None:
    """Of fewer nothing is said, as of what is frozen; goodput has its bound all the same."""
    enough, few = figures([one(71)] * TELLING), figures([one(71)] * (TELLING - 1))
    assert enough["healthy streams"].least == few["goodput"].least == 0.9
    assert not enough["healthy streams"].is_good
    assert few["healthy streams"].least is None
    assert figures([one(71)] * TELLING, name=FROZEN)["healthy streams"].least is None
