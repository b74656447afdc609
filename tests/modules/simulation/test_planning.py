"""How many machines so many streams need: twice the streams about twice the machines, and never too few by half."""

import math

import pytest

from modules.batching.cost_model import CostKey, CostModel
from modules.simulation.planning import BEYOND, PlanRequest, plan_for, profile_of
from modules.simulation.profiles import CostProfile

DEAR = CostProfile("dear", fixed_s=0.005, item_s=0.01, audio_s=0.03)
"""A second of audio costs 0.08 CPU seconds in chunks of 0.2 s, and a call 0.005: a core carries about a dozen."""


def test_twice_the_streams_need_about_twice_the_machines() -> None:
    """What one machine carries does not depend on how many are asked for."""
    once = plan_for(PlanRequest(200, 300, 2), DEAR, 0.2)
    twice = plan_for(PlanRequest(400, 300, 2), DEAR, 0.2)
    assert once.per_machine == twice.per_machine
    assert 12 <= once.per_machine <= 25
    assert once.machines == math.ceil(200 / once.per_machine)
    assert abs(twice.machines - 2 * once.machines) <= 1


def test_a_machine_at_its_share_is_on_time_and_beyond_it_serves_fewer() -> None:
    """At half as much again not all can be healthy; as many as are sent are spoken of."""
    foreseen = plan_for(PlanRequest(100, 300, 2), DEAR, 0.2)
    assert foreseen.at_load.on_time >= 0.99
    assert foreseen.at_load.p99_ms <= 300
    assert foreseen.beyond.streams == round(BEYOND * foreseen.at_load.streams)
    assert foreseen.beyond.on_time < foreseen.at_load.on_time
    assert foreseen.beyond.healthy <= foreseen.per_machine + 1


def test_an_impossible_target_needs_no_number_of_machines() -> None:
    """Where one call alone takes longer than the target, no machine carries any stream: the answer is 0."""
    foreseen = plan_for(PlanRequest(10, 50, 2), CostProfile("slow", fixed_s=0.2, item_s=0.0, audio_s=0.0), 0.2)
    assert (foreseen.per_machine, foreseen.machines) == (0, 0)
    assert foreseen.at_load.on_time == 0.0
    assert foreseen.beyond.p99_ms == math.inf


def test_many_streams_are_simulated_as_fewer_dearer_ones() -> None:
    """Where a stream stands for several, a machine still carries nearly what its CPU can do at most."""
    cheap = DEAR.scaled(0.05)
    most = cheap.per_core(0.2, cap=64, max_service_s=0.15)
    assert most > 200
    assert 0.85 * most <= plan_for(PlanRequest(5000, 300, 1), cheap, 0.2).per_machine <= most


def test_a_profile_follows_what_was_learnt() -> None:
    """Fixed and growing part of a call, from calls of one and of several."""
    key, costs = CostKey("asr", "0.2 s"), CostModel()
    for _ in range(600):
        batch = costs.cap(key)
        costs.observe(key, batch=batch, service_s=0.004 + 0.001 * batch)
    profile = profile_of(costs, [key], 0.2)
    for batch in (1, costs.knee(key)):
        assert profile.mean_s(batch, 0.2) == pytest.approx(0.004 + 0.001 * batch, rel=0.05)


@pytest.mark.parametrize("batch", [1, 4])
def test_what_counts_is_the_mean_of_calls_that_differ(batch: int) -> None:
    """A recogniser that decodes at every third chunk is not as cheap as two of three of its calls."""
    key, costs = CostKey("asr", "0.2 s"), CostModel()
    for number in range(600):
        for size in {1, batch}:
            costs.observe(key, batch=size, service_s=size * (0.004 if number % 3 else 0.013))
    profile = profile_of(costs, [key], 0.2)
    assert profile.mean_s(batch, 0.2) == pytest.approx(batch * 0.007, rel=0.12)


def test_nothing_is_planned_from_nothing() -> None:
    """A kind of calls that was never seen is named."""
    with pytest.raises(ValueError, match=r"nothing was learnt of asr"):
        profile_of(CostModel(), [CostKey("asr", "0.2 s")], 0.2)


@pytest.mark.parametrize(
    ("streams", "target_ms", "cpus", "what"),
    [(0, 300, 2, "streams"), (1, 0.5, 2, "target_ms"), (1, 300, 0, "cpus"), (1, 300, math.inf, "cpus")],
)
def test_a_request_out_of_range_is_refused(streams: int, target_ms: float, cpus: float, what: str) -> None:
    """With the field's name."""
    with pytest.raises(ValueError, match=what):
        PlanRequest(streams, target_ms, cpus)
