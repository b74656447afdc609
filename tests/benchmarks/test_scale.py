from collections import Counter
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.live_trials import Ran, Rig
from benchmarks.scale import SCALES, Stand
from benchmarks.stairs import Edge, Stairs
from engine.bench.sending import Generated
from engine.bench.trial import Trial
from modules.measuring.pieces import Outcome
from modules.monitoring.histogram import HistogramSnapshot
from modules.monitoring.pressure import ResourceSample
from modules.simulation.scenarios import Static


def carrying(most: int) -> Callable[[int, int], Ran]:
    """A side that keeps up to so many streams on time, and no chunk with more."""

    def side(streams: int, seed: int) -> Ran:  # noqa: ARG001 - a side's signature
        on_time = 1_000 if streams <= most else 0
        outcome = Outcome(1_000, on_time, 1_000 - on_time, 0, 0, streams, 0, HistogramSnapshot(), HistogramSnapshot())
        return Ran(Trial(outcome, (), Generated(0.0, 0.0, 0.0, 0.0, 0.0), ResourceSample(), ()))

    return side


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    """A machine whose bare calls allow 1,000 streams."""
    made = Stand(cast("Rig", None), SCALES["record"])
    monkeypatch.setattr(made, "bound_now", lambda: 1_000.0)
    return made


def test_stairs_end_where_a_side_carries_no_more(stand: Stand) -> None:
    """As shares of what the bare calls allow; sides do not disturb each other."""
    climbs = stand.climb({"strong": carrying(900), "weak": carrying(400)}, trials=14)
    assert climbs["strong"].stairs.end == pytest.approx(0.9, abs=0.06)
    assert climbs["weak"].stairs.end == pytest.approx(0.4, abs=0.06)
    assert len(climbs["weak"].tried) == 14


def test_sides_take_turns(stand: Stand) -> None:
    """A B A B, so that a machine that drifts is fair to all."""
    order: list[str] = []

    def noting(name: str) -> Callable[[int, int], Ran]:
        def side(streams: int, seed: int) -> Ran:
            order.append(name)
            return carrying(500)(streams, seed)

        return side

    stand.climb({"a": noting("a"), "b": noting("b")}, trials=2)
    assert order[:4] == ["a", "b", "a", "b"]


def ended(stairs: Stairs, most: float, *, trials: int) -> float:
    """Where the stairs of a side that carries `most` end up."""
    for _ in range(trials):
        stairs.tried(stairs.share, is_sustained=stairs.share <= most)
    return stairs.end


@pytest.mark.parametrize("most", [0.8, 0.85, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("trials", [3, 4])
def test_a_good_beginning_needs_few_trials(most: float, trials: int) -> None:
    """Within a step and a half of what is carried."""
    assert ended(Stairs(0.9, first_trials=0), most, trials=trials) == pytest.approx(most, rel=0.075)


@pytest.mark.parametrize("most", [0.3, 0.5, 0.7, 1.3])
def test_a_bad_beginning_does_not_count(most: float) -> None:
    """Long steps until the stairs turn; what was tried on the way there is no part of where they end."""
    assert ended(Stairs(0.9), most, trials=14) == pytest.approx(most, rel=0.08)


def test_a_side_that_became_much_worse_is_seen_in_four_trials_to_be_worse() -> None:
    """Beginning where it is not carried, the few trials err to the side of what was tried, but tell."""
    assert ended(Stairs(0.9, first_trials=0), 0.5, trials=4) < 0.85


def test_static_settings_that_are_plainly_worse_have_half_of_the_trials(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best is found, and climbs on beside what is near it."""
    count: Counter[str] = Counter()
    most = {1: 400, 4: 830, 16: 900, 64: 600}

    def run_static(setting: Static, streams: int, seed: int) -> Ran:
        count[str(setting)] += 1
        return carrying(most[setting.cap])(streams, seed)

    monkeypatch.setattr(stand, "run_static", run_static)
    assert stand.best_static.cap == 16
    assert {count[str(each)] for each in stand.static if each.cap in {1, 64}} == {4}
    assert {count[str(each)] for each in stand.static if each.cap in {4, 16}} == {7}
    assert stand.static[stand.best_static] == pytest.approx(0.9, rel=0.05)


def test_a_climb_begins_where_the_best_static_setting_ended(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the setting carries is then known better."""
    monkeypatch.setattr(stand, "run_static", lambda _, streams, seed: carrying(900)(streams, seed))
    best = stand.best_static
    climbs = stand.climb_from_best({"a": carrying(950)})
    assert climbs["a"].tried[0][0] == pytest.approx(900, rel=0.05)
    stand.settle(best, 0.8)
    assert stand.static[best] == 0.8


@given(st.floats(0.7, 1.25), st.floats(0.8, 1.0))
def test_the_edge_is_found_by_shares_that_are_known_well(most: float, first: float) -> None:
    """After eight trials, within half of a step: each is where most is learnt."""
    edge = Edge(first)
    assert edge.share == edge.end == first
    for _ in range(8):
        edge.tried(edge.share, is_sustained=edge.share <= most)
    assert edge.end == pytest.approx(most, rel=0.04)


def test_one_odd_trial_does_not_move_the_edge_far() -> None:
    """A machine that stumbled in one of them: the rest tells."""
    edge = Edge(0.8)
    for share, is_sustained in ((0.6, True), (0.5, False), (0.7, True), (0.8, True), (0.9, False), (1.0, False)):
        edge.tried(share, is_sustained=is_sustained)
    assert edge.end == edge.share == pytest.approx(0.85)
