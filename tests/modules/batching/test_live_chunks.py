"""Costs by chunk length, what they carry, and how streams go over to another length without a burst."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.cost_model import CostKey, CostModel
from modules.batching.live_chunks import (
    LIVE_LENGTHS_S,
    ChunkPlace,
    LengthCost,
    averaged,
    first_length_s,
    length_costs,
)
from modules.batching.mean_cost import MeanCost

begins = st.floats(0, 1000)


def taught(costs: dict[CostKey, float]) -> CostModel:
    """A model that has seen each of these kinds of calls, of one payload, take so long."""
    model = CostModel()
    for key, cost_s in costs.items():
        for _ in range(40):
            model.observe(key, batch=1, service_s=cost_s)
    return model


def test_a_chunk_costs_what_its_stages_cost_together() -> None:
    """Busy time adds up, the call to wait for is the longest, and the shortest length comes first."""
    vad, asr, long = CostKey("vad", "0.2"), CostKey("asr", "0.2"), CostKey("asr", "0.4")
    model = taught({vad: 0.01, asr: 0.03, long: 0.05})
    short, other = length_costs(model, {0.4: [long], 0.2: [vad, asr]})
    assert (short.chunk_s, other.chunk_s) == (0.2, 0.4)
    assert short.busy_s == pytest.approx(0.04)
    assert short.call_s == pytest.approx(0.03)
    assert other.busy_s == pytest.approx(0.05)


def test_calls_that_have_cost_less_of_late_are_taken_at_their_word() -> None:
    """Where that is known of every stage; where they have cost more, the cost model knows better why."""
    vad, asr = CostKey("vad", "0.2"), CostKey("asr", "0.2")
    model, means = taught({vad: 0.01, asr: 0.03}), {vad: MeanCost(), asr: MeanCost()}
    for _ in range(8):
        means[asr].observe(calls=10, service_s=0.1, cpu_s=0.08)
        means[asr].pass_time(0.25)
    assert length_costs(model, {0.2: [vad, asr]}, means)[0].busy_s == pytest.approx(0.04)
    for _ in range(8):
        means[vad].observe(calls=10, service_s=0.2, cpu_s=0.04)
        means[vad].pass_time(0.25)
    (cost,) = length_costs(model, {0.2: [vad, asr]}, means)
    assert [cost.busy_s, cost.cpu_s] == pytest.approx([0.03, 0.012])
    means[vad].observe(calls=1000, service_s=50.0, cpu_s=50.0)
    assert length_costs(model, {0.2: [vad, asr]}, means)[0].busy_s == pytest.approx(0.04)


def test_a_length_of_which_not_all_is_known_is_left_out() -> None:
    """Half of a cost is none."""
    vad, asr = CostKey("vad"), CostKey("asr")
    assert length_costs(taught({vad: 0.01}), {0.2: [vad, asr], 0.4: [asr], 0.8: []}) == ()


@given(st.floats(0.1, 2), st.floats(0.001, 1), st.floats(0.001, 1), st.integers(1, 64), st.floats(0.1, 64))
def test_capacity_is_bound_by_workers_and_by_cpus(
    chunk_s: float, busy_s: float, share: float, workers: int, cpus: float
) -> None:
    """Whichever is less; more of either never carries less."""
    cost = LengthCost(chunk_s, busy_s, busy_s * share, busy_s)
    carried = cost.capacity(workers=workers, cpus=cpus)
    assert carried == pytest.approx(min(chunk_s * workers / busy_s, chunk_s * cpus / (busy_s * share)))
    assert cost.capacity(workers=workers) >= carried
    assert cost.capacity(workers=workers + 1, cpus=cpus) >= carried


@given(st.sampled_from(LIVE_LENGTHS_S), st.sampled_from((0.0, *LIVE_LENGTHS_S)), st.integers(0, 10_000), begins)
def test_the_first_chunk_of_a_length_is_whole_steps_and_no_longer(
    chunk_s: float, before_s: float, stream: int, begins_s: float
) -> None:
    """At least one step, at most the longer of both lengths."""
    first_s = first_length_s(chunk_s, before_s, ChunkPlace(stream, begins_s))
    steps = first_s / LIVE_LENGTHS_S[0]
    assert steps == pytest.approx(round(steps))
    assert round(steps) >= 1
    assert first_s <= max(chunk_s, before_s) + 1e-9


@given(st.integers(0, 10_000), begins)
def test_to_a_shorter_length_a_stream_goes_after_the_chunk_it_gathers(stream: int, begins_s: float) -> None:
    """What waits of it, cut small, would be a burst."""
    assert first_length_s(0.2, 0.8, ChunkPlace(stream, begins_s)) == 0.8


def test_streams_that_go_over_together_are_spread() -> None:
    """Of 400 streams whose chunk begins in the same moment about a quarter has one ready at each step of 0.2 s."""
    firsts = [round(first_length_s(0.8, 0.2, ChunkPlace(stream, 3.0)), 3) for stream in range(400)]
    assert sorted(set(firsts)) == [0.2, 0.4, 0.6, 0.8]
    assert all(90 <= firsts.count(length_s) <= 110 for length_s in (0.2, 0.4, 0.6, 0.8))


def test_it_is_known_whether_the_longest_calls_have_more_than_one_chunk() -> None:
    """Of a stage that cannot batch they have one; where they are averaged, that of the longest counts."""
    asr, vad = CostKey("asr", "0.2"), CostKey("vad", "0.2")
    model = CostModel()
    for number in range(200):
        model.observe(asr, batch=1, service_s=0.05)
        size = min(8, 1 + number // 20, model.cap(vad))
        model.observe(vad, batch=size, service_s=0.01 + 0.0001 * size)
    assert model.knee(vad) > 1
    (single,), (shared,) = length_costs(model, {0.2: [asr]}), length_costs(model, {0.2: [vad]})
    assert (single.is_single, shared.is_single) == (model.knee(asr) == 1, False)
    assert [cost.is_single for cost in averaged([(1, (single,)), (5, (shared,))])] == [single.is_single]


def test_costs_of_streams_with_different_stages_are_averaged() -> None:
    """By how many streams pass each; only of lengths known of all, the slowest call counts, the unsettled rule."""
    cheap = (LengthCost(0.2, 0.01, 0.01, 0.02), LengthCost(0.4, 0.02, 0.02, 0.03))
    dear = (LengthCost(0.2, 0.05, 0.04, 0.06, is_settled=False),)
    (cost,) = averaged([(3, cheap), (1, dear)])
    assert cost.chunk_s == 0.2
    assert cost.busy_s == pytest.approx(0.02)
    assert cost.cpu_s == pytest.approx(0.0175)
    assert cost.call_s == 0.06
    assert not cost.is_settled


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_a_cost_that_is_none_is_refused(wrong: float) -> None:
    """With the field's name."""
    with pytest.raises(ValueError, match="busy_s must be above 0"):
        LengthCost(0.2, wrong, 0.1, 0.1)


def test_where_calls_go_one_by_one_the_mean_of_late_is_what_a_chunk_costs() -> None:
    """The latest of calls that are long at every third chunk may all have been short, or all long."""
    key = CostKey("asr")
    model, means = taught({key: 0.01}), {key: MeanCost()}
    for _ in range(10):
        means[key].observe(calls=10, service_s=0.3, cpu_s=0.2)
        means[key].pass_time(0.25)
    assert length_costs(model, {0.2: [key]}, means)[0].busy_s == pytest.approx(0.01)
    model.bound(key, 1)
    (cost,) = length_costs(model, {0.2: [key]}, means)
    assert [cost.busy_s, cost.cpu_s] == pytest.approx([0.03, 0.02])
