from collections.abc import Callable
from typing import cast

import pytest

from benchmarks.live_trials import Ran, Rig
from benchmarks.scale import SCALES, Stand
from engine.bench.sending import Generated
from engine.bench.trial import Trial
from modules.measuring.pieces import Outcome
from modules.monitoring.histogram import HistogramSnapshot
from modules.monitoring.pressure import ResourceSample


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
    climbs = stand.climb({"strong": carrying(900), "weak": carrying(400)})
    assert climbs["strong"].stairs.end == pytest.approx(0.9, abs=0.06)
    assert climbs["weak"].stairs.end == pytest.approx(0.4, abs=0.06)
    assert len(climbs["weak"].tried) == stand.scale.climbs


def test_sides_take_turns(stand: Stand) -> None:
    """A B A B, so that a machine that drifts is fair to all."""
    order: list[str] = []

    def noting(name: str) -> Callable[[int, int], Ran]:
        def side(streams: int, seed: int) -> Ran:
            order.append(name)
            return carrying(500)(streams, seed)

        return side

    stand.climb({"a": noting("a"), "b": noting("b")})
    assert order[:4] == ["a", "b", "a", "b"]
