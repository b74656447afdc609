"""What is carried is measured before and after each trial, and a trial counts where it stayed about the same."""

import itertools
from collections.abc import Iterator
from typing import cast

import pytest

from benchmarks.carried import Beat, Beside, disturbed
from benchmarks.live_trials import Ran, Rig
from benchmarks.scale import LASTING_S, SCALES, Lasting, Stand
from engine.bench.sending import Generated
from engine.bench.trial import Trial
from modules.measuring.pieces import Outcome
from modules.monitoring.histogram import HistogramSnapshot
from modules.monitoring.pressure import ResourceSample
from modules.simulation.scenarios import Static

STATIC = Static(16, 0.2)


def ran(*, on_time: int = 1_000) -> Ran:
    """A trial of 1,000 pieces."""
    outcome = Outcome(1_000, on_time, 1_000 - on_time, 0, 0, 1, 0, HistogramSnapshot(), HistogramSnapshot())
    return Ran(Trial(outcome, (), Generated(0.0, 0.0, 0.0, 0.0, 0.0), ResourceSample(), ()))


def stand_of(monkeypatch: pytest.MonkeyPatch, bounds: list[float]) -> Stand:
    """A machine whose bare calls allow as many streams as is told, one measurement after the other."""
    stand = Stand(cast("Rig", None), SCALES["default"])
    vars(stand)["lasting"] = Lasting(0.5, 0.5)
    told: Iterator[float] = iter(bounds)
    monkeypatch.setattr(stand, "bound_now", lambda *, seconds=0.0: next(told))  # noqa: ARG005 - as it is called
    return stand


def test_a_trial_is_told_what_is_carried_just_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is carried after it is what is carried before the next."""
    beat = Beat(stand_of(monkeypatch, [100.0, 108.0, 400.0]))
    told: list[float] = []

    def trial(carried: float) -> Ran:
        told.append(carried)
        return ran()

    first, second = beat.run(trial), beat.run(trial)
    assert told == [50.0, 54.0]
    assert (first.before, first.after, first.is_calm) == (50.0, 54.0, True)
    assert (second.before, second.after, second.is_calm) == (54.0, 200.0, False)


def test_a_trial_is_run_again_until_the_machine_stayed_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """So often at most; the last one is told of as it is."""
    beat = Beat(stand_of(monkeypatch, [100.0, 200.0, 202.0]))
    assert beat.calm(lambda _: ran(), tries=3).before == 100.0
    beat = Beat(stand_of(monkeypatch, [100.0, 200.0, 400.0, 800.0]))
    assert not beat.calm(lambda _: ran(), tries=2).is_calm


def test_trials_most_of_which_were_disturbed_are_not_to_be_trusted() -> None:
    """By how much is said."""
    calm, odd = Beside(ran(), 100.0, 105.0), Beside(ran(), 100.0, 150.0)
    assert disturbed([calm, calm, odd]) == ()
    (said,) = disturbed([calm, odd])
    assert "by up to 50 %" in said


@pytest.mark.parametrize("most", [0.6, 0.75, 0.8, 0.85, 0.95])
def test_what_lasts_is_found_by_long_trials(monkeypatch: pytest.MonkeyPatch, most: float) -> None:
    """What a short trial carries may not be carried for longer, and less is where the machine stumbles.

    It is another one in each trial, and that it was is seen by the trial's own calls.
    """
    stand = Stand(cast("Rig", None), SCALES["default"])
    asked: list[float | None] = []
    machines = itertools.cycle([(1.0, 0.7), (0.7, 0.7), (1.2, 0.8), (0.9, 0.7), (1.1, 0.7)])
    speed = steady = 1.0

    def run_static(_: Static, streams: int, __: int, *, seconds: float | None = None) -> Ran:
        nonlocal speed, steady
        speed, steady = next(machines)
        asked.append(seconds)
        is_carried = streams <= 1_000 * speed * steady * most
        return ran(on_time=1_000 if is_carried else 0)

    monkeypatch.setattr(stand, "bound_now", lambda: 1_000.0)
    monkeypatch.setattr(stand, "bound_in", lambda _: 1_000.0 * speed)
    monkeypatch.setattr(stand, "speeds_in", lambda _: [speed])
    monkeypatch.setattr("benchmarks.scale.steadily", lambda _, **__: steady)
    monkeypatch.setattr(stand, "run_static", run_static)
    vars(stand)["static"] = {STATIC: 0.9}
    assert 0.6 * most <= stand.lasting.carried <= 0.85 * most
    assert stand.lasting.kept == pytest.approx(most, rel=0.1)
    assert stand.lasting.steady == (0.7, 0.7, 0.8, 0.7, 0.7, 0.7, 0.7, 0.8)
    assert set(asked) == {LASTING_S}
