"""Longer chunks are tried when the load asks for it, and kept only when they carry more."""

import math
import random

import pytest

from modules.batching.live_chunks import LengthCost
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.controller import Controller
from modules.tuning.plan import Knob, Limits, LoadSeen, Observation, Plan, ResourcesSeen

LOOK_S, STREAMS = 0.25, 18


def lengths_used(
    costs: dict[float, float], *, noise: float = 0.0, until_s: float = 40.0, late: int = 0
) -> list[tuple[float, float]]:
    """When which length was gone to, under a load of 18 streams; the cost of a length is known once it was in force.

    `costs` are seconds of a worker a chunk, of which two workers have plenty or not; each look sees the cost of the
    length in force with that much noise.
    """
    chance = random.Random(1)
    governor = Controller(PerformanceTarget(), Limits(max_streams=100), plan=Plan(0.2, 2, 100))
    known: dict[float, LengthCost] = {}
    went = []
    for number in range(round(until_s / LOOK_S)):
        at_s, length_s = number * LOOK_S, governor.plan.chunk_s
        busy_s = costs[length_s] * (1 + noise * chance.uniform(-1, 1))
        known[length_s] = LengthCost(length_s, busy_s, busy_s, busy_s)
        seen = LoadSeen(STREAMS, STREAMS, float(STREAMS), 500, 500 - late, 0.0)
        made = governor.decide(
            Observation(at_s, seen, ResourcesSeen(cpus=2.0), tuple(known[each] for each in sorted(known)))
        )
        went += [(at_s, move.after) for move in made.moves if move.knob is Knob.CHUNK]
    return went


def test_a_longer_length_that_carries_no_more_is_left_at_once() -> None:
    """It was a try; half as long again would be one in vain, and is not made."""
    went = lengths_used({0.2: 0.02, 0.4: 0.04, 0.8: 0.08})
    assert [length_s for _, length_s in went] == [0.4, 0.2]
    assert went[1][0] - went[0][0] <= 2 * LOOK_S


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_what_is_only_noise_turns_the_length_once_forth_and_back_in_ten_seconds(noise: float) -> None:
    """Costs that vary by a few percent do not move it on and on."""
    went = lengths_used({0.2: 0.02, 0.4: 0.04, 0.8: 0.08}, noise=noise)
    moments = [at_s for at_s, _ in went]
    assert went[-1][1] == 0.2
    assert all(later - earlier > 10.0 for earlier, later in zip(moments, moments[2:], strict=False))


def test_a_longer_length_that_carries_more_is_kept() -> None:
    """As long as the load asks for it."""
    assert [length_s for _, length_s in lengths_used({0.2: 0.02, 0.4: 0.03, 0.8: 0.05})] == [0.4]


def test_one_that_carries_a_little_more_is_followed_by_one_that_should_carry_enough() -> None:
    """What is tried next is told by the line through what is known."""
    went = lengths_used({0.2: 0.0225, 0.4: 0.040, 0.8: 0.075})
    assert [length_s for _, length_s in went][:2] == [0.4, 0.8]


def test_while_chunks_are_late_for_want_of_a_little_the_longest_is_tried_before_streams_are_suspended() -> None:
    """What is known of two lengths was learnt at two times: while costs rise, the longer one seems to gain nothing."""
    costs = {0.2: 0.0215, 0.4: 0.042, 0.8: 0.06}
    assert [length_s for _, length_s in lengths_used(costs, late=15)][:2] == [0.4, 0.8]
    assert 0.8 not in [length_s for _, length_s in lengths_used(costs)]


def test_where_calls_of_one_chunk_are_too_long_already_longer_chunks_are_tried_before_streams_are_suspended() -> None:
    """As where a model has become dear: 0.2 s of sound take a worker 0.19 s, and 0.8 s of it hardly more.

    Eight workers' calls may take 0.18 s of 0.2 s, and shorter ones than of one chunk there are none.
    """
    costs = {0.2: (0.19, 0.22), 0.4: (0.2, 0.235), 0.8: (0.22, 0.26)}
    governor = Controller(PerformanceTarget(), Limits(max_streams=100), plan=Plan(0.2, 8, 100))
    known, knobs = dict[float, LengthCost](), list[tuple[Knob, float]]()
    for number in range(20):
        busy_s, call_s = costs[governor.plan.chunk_s]
        known[governor.plan.chunk_s] = LengthCost(governor.plan.chunk_s, busy_s, busy_s, call_s, is_single=True)
        carried = governor.plan.chunk_s * 8 / busy_s
        seen = LoadSeen(18, 18, 18.0, 100, 100 if carried > 18 else 40, 0.0)
        made = governor.decide(
            Observation(number * LOOK_S, seen, ResourcesSeen(cpus=8.0), tuple(known[each] for each in sorted(known)))
        )
        knobs += [(move.knob, move.after) for move in made.moves]
    assert governor.plan.chunk_s == 0.8
    assert Knob.STREAMS not in [knob for knob, _ in knobs]


@pytest.mark.parametrize(("call_s", "lengths_s"), [(0.140, [0.2]), (0.155, [])])
def test_shorter_chunks_are_gone_back_to_though_their_calls_seem_a_little_too_long(
    call_s: float, lengths_s: list[float]
) -> None:
    """As little as calls of a size in use may be: with 0.2 s of audio in each chunk two workers' may take 0.133 s."""
    governor = Controller(PerformanceTarget(), Limits(max_streams=100), plan=Plan(0.4, 2, 100))
    costs = (LengthCost(0.2, 0.006, 0.006, call_s), LengthCost(0.4, 0.01, 0.01, 0.1))
    seen = LoadSeen(STREAMS, STREAMS, float(STREAMS), 500, 500, 0.0)
    went = []
    for number in range(80):
        made = governor.decide(Observation(number * LOOK_S, seen, ResourcesSeen(cpus=2.0), costs))
        went += [move.after for move in made.moves if move.knob is Knob.CHUNK]
    assert went == lengths_s


def test_where_longer_chunks_cost_as_much_more_the_longest_are_not_tried() -> None:
    """As of a recogniser, whose calls are one by one and long: the first try has shown that it gains nothing."""
    governor = Controller(PerformanceTarget(), Limits(max_streams=100), plan=Plan(0.2, 2, 100))
    costs = {0.2: (0.024, 0.125), 0.4: (0.048, 0.17), 0.8: (0.096, 0.2)}
    known, used = dict[float, LengthCost](), set[float]()
    for number in range(40):
        length_s = governor.plan.chunk_s
        used.add(length_s)
        busy_s, call_s = costs[length_s]
        known[length_s] = LengthCost(length_s, busy_s, busy_s, call_s, is_single=True)
        seen = LoadSeen(24, 24, 24.0, 100, 95, 0.0)
        governor.decide(
            Observation(number * LOOK_S, seen, ResourcesSeen(cpus=2.0), tuple(known[each] for each in sorted(known)))
        )
    assert used == {0.2, 0.4}


def test_costs_that_swing_a_little_turn_no_length_back_that_was_just_gone_to() -> None:
    """Three hundredths too much and nothing late, just after the shorter one was enough for ten seconds."""
    governor = Controller(PerformanceTarget(), Limits(max_streams=100), plan=Plan(0.4, 2, 100))
    went: list[tuple[float, float]] = []
    for number in range(120):
        at_s = number * LOOK_S
        busy_s = 0.018 if not went else 0.0229  # 22 streams are carried, then 17.5
        costs = (LengthCost(0.2, busy_s, busy_s, 0.02), LengthCost(0.4, 0.03, 0.03, 0.03))
        seen = LoadSeen(STREAMS, STREAMS, float(STREAMS), 500, 500, 0.0)
        made = governor.decide(Observation(at_s, seen, ResourcesSeen(cpus=2.0), costs))
        went += [(at_s, move.after) for move in made.moves if move.knob is Knob.CHUNK]
    assert [length_s for _, length_s in went] == [0.2, 0.4]
    assert went[1][0] - went[0][0] > 10.0


@pytest.mark.parametrize(("after_s", "goes_back"), [(1.0, False), (15.0, True)])
def test_a_length_left_a_moment_ago_is_not_gone_back_to_for_what_others_say_that_it_carries(
    after_s: float, *, goes_back: bool
) -> None:
    """It carried 20 streams when it was left, and the first calls of the next length say 36; later that may be true."""
    governor = Controller(PerformanceTarget(), Limits(max_streams=100), plan=Plan(0.2, 2, 100))
    left_s = math.inf
    lengths_s = []
    for number in range(120):
        at_s = number * LOOK_S
        known = [LengthCost(0.2, 0.02, 0.02, 0.02)]
        if governor.plan.chunk_s > 0.2:
            left_s = min(left_s, at_s)
            shorter_s = 0.011 if at_s - left_s >= after_s else 0.02
            known = [LengthCost(0.2, shorter_s, shorter_s, 0.02), LengthCost(0.4, 0.032, 0.032, 0.03)]
            known.append(LengthCost(0.8, 0.06, 0.06, 0.06))
        seen = LoadSeen(40, 40, 40.0, 500, 500, 0.0)
        made = governor.decide(Observation(at_s, seen, ResourcesSeen(cpus=2.0), tuple(known)))
        lengths_s += [move.after for move in made.moves if move.knob is Knob.CHUNK]
        if at_s - left_s >= after_s + 2.0:
            break
    assert (0.2 in lengths_s) == goes_back


@pytest.mark.parametrize(("gain", "lengths_s"), [(1.15, []), (1.3, [0.2])])
def test_where_streams_are_suspended_another_length_must_carry_a_fifth_more(
    gain: float, lengths_s: list[float]
) -> None:
    """Those served are on time, and what is known of a length that is not in use is off by a tenth."""
    governor = Controller(PerformanceTarget(), Limits(max_streams=100), plan=Plan(0.8, 2, 30))
    costs = tuple(LengthCost(each, each / rate, each / rate, 0.03) for each, rate in ((0.2, 18 * gain), (0.8, 18.0)))
    went = []
    for number in range(20):
        served = governor.plan.max_streams
        seen = LoadSeen(60, served, float(served), 100, 100, 0.0)
        made = governor.decide(Observation(number * LOOK_S, seen, ResourcesSeen(cpus=2.0), costs))
        went += [move.after for move in made.moves if move.knob is Knob.CHUNK]
    assert went == lengths_s


def test_a_longer_length_just_gone_to_was_not_in_vain_because_calls_of_others_say_so() -> None:
    """The one left carried 20 streams a moment ago; that it carries 80 of a sudden is no reason to go back."""
    governor = Controller(PerformanceTarget(), Limits(max_streams=100), plan=Plan(0.2, 2, 100))
    went = []
    for number in range(12):
        known = [LengthCost(0.2, 0.02, 0.02, 0.02)]
        if governor.plan.chunk_s > 0.2:
            known = [LengthCost(0.2, 0.005, 0.005, 0.01), LengthCost(0.4, 0.016, 0.016, 0.03)]
        seen = LoadSeen(40, 40, 40.0, 500, 500, 0.0)
        made = governor.decide(Observation(number * LOOK_S, seen, ResourcesSeen(cpus=2.0), tuple(known)))
        went += [move.after for move in made.moves if move.knob is Knob.CHUNK]
    assert went[0] > 0.2
    assert 0.2 not in went
