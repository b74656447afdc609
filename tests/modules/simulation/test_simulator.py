"""The same scenario gives the same outcome, and of every piece that was sent it is said once what became of it."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.simulation.arrivals import Pattern, between, joined, poisson, steady, talk_spurts, with_priority
from modules.simulation.machines import Machine, Neighbour
from modules.simulation.profiles import CostProfile
from modules.simulation.scenarios import FolderWork, Scenario, Static
from modules.simulation.simulator import simulate
from modules.tuning.plan import Knob

DEAR = CostProfile("dear", fixed_s=0.02, item_s=0.01, audio_s=0.05)
SECONDS = 6.0


def scenario(streams: int, seed: int = 0, pattern: Pattern = steady) -> Scenario:
    """So many streams on two cores, each of which carries a dozen."""
    return Scenario(DEAR, Machine(2), tuple(pattern(streams, SECONDS, Random(seed))), SECONDS, seed=seed)


def test_the_same_scenario_gives_the_same_outcome() -> None:
    """Down to every latency, and every decision with its words; another seed gives another one."""
    crowd = replace(scenario(40, seed=3), folder=FolderWork())
    first, again, other = simulate(crowd), simulate(crowd), simulate(replace(crowd, seed=4))
    assert first == again
    assert first.decisions
    assert first != other


@settings(max_examples=25, deadline=None)
@given(
    streams=st.integers(1, 60),
    seed=st.integers(0, 1000),
    pattern=st.sampled_from([steady, poisson, talk_spurts]),
    keeps_all=st.booleans(),
)
def test_every_piece_is_answered_or_lost_once(*, streams: int, seed: int, pattern: Pattern, keeps_all: bool) -> None:
    """Of what was there a target's time before the end; only what does not make a whole chunk may still wait."""
    crowd = replace(scenario(streams, seed, pattern), keeps_all=keeps_all)
    outcome = simulate(crowd)
    most_waiting = round(max(crowd.limits.lengths_s) / 0.2)
    for sent, became in zip(crowd.streams, outcome.streams, strict=True):
        told = sum(pieces for *_, pieces in became.answers) + len(became.lost_s)
        assert told <= len(sent.sends_s)
        due = sum(1 for instant_s in sent.sends_s if instant_s < SECONDS - crowd.target_s)
        assert told > due - most_waiting
        assert len(set(became.lost_s)) == len(became.lost_s)
        assert set(became.lost_s) <= set(sent.sends_s)
        ends_s = [available_s for available_s, *_ in became.answers]
        assert ends_s == sorted(set(ends_s))
        assert set(ends_s) <= set(sent.sends_s)
        assert not set(ends_s) & set(became.lost_s)


@given(seed=st.integers(0, 1000), cores=st.integers(1, 4), quota=st.floats(0.3, 4))
@settings(max_examples=15, deadline=None)
def test_no_machine_works_more_than_it_has(*, seed: int, cores: int, quota: float) -> None:
    """Live and folder work together stay within cores and quota; at most the calls under way are not counted yet."""
    busy = replace(scenario(50, seed), machine=Machine(cores, quota_cpus=quota), folder=FolderWork())
    outcome = simulate(busy)
    assert outcome.live_s + outcome.folder_s <= min(cores, quota) * (SECONDS + 0.1)


def test_a_light_load_is_all_on_time() -> None:
    """Nothing is lost, nothing late, and the governor moves nothing but what partial results and folders may have."""
    outcome = simulate(scenario(4))
    assert outcome.on_time() == 1.0
    assert outcome.p99_s() <= 0.1
    assert outcome.turns(Knob.CHUNK) == outcome.turns(Knob.STREAMS) == []


def test_what_a_person_set_is_not_governed() -> None:
    """Static settings make no observation and no decision; after a first shorter one all chunks are that long."""
    outcome = simulate(replace(scenario(20), static=Static(4, 0.4)))
    assert outcome.decisions == []
    assert {pieces for stream in outcome.streams for *_, pieces in stream.answers[1:]} == {2}


def test_neighbours_take_what_is_theirs() -> None:
    """With one on each core, nothing is answered as quickly as without."""
    alone = simulate(scenario(10))
    crowded = simulate(replace(scenario(10), machine=Machine(2, neighbours=(Neighbour(2.0),))))
    assert crowded.p99_s() > 1.5 * alone.p99_s()


def test_important_streams_are_the_last_to_be_suspended() -> None:
    """Under twice the load those with priority stay on time, though they came last."""
    chance = Random(1)
    important = with_priority(between(8, chance, from_s=0.1, until_s=12.0), 1)
    sent = joined(steady(60, 12.0, chance), important)
    outcome = simulate(replace(scenario(1), streams=tuple(sent), seconds=12.0))
    pairs = list(zip(sent, outcome.streams, strict=True))
    shares = {
        priority: [
            on_time / pieces
            for stream, became in pairs
            if stream.priority == priority
            for pieces, on_time in [became.pieces(outcome.target_s, 6.0, 11.0)]
        ]
        for priority in (0, 1)
    }
    assert sum(shares[1]) / len(shares[1]) >= 0.95
    assert sum(shares[0]) / len(shares[0]) <= 0.75


def test_costs_that_swing_do_so_for_half_a_second_each_over_and_over() -> None:
    """By the factors given, from 0 s on."""
    tossed = replace(DEAR, swings=(1.0, 1.6, 0.9))
    for now_s, factor in ((0.0, 1.0), (0.5, 1.6), (0.99, 1.6), (1.2, 0.9), (1.5, 1.0), (2.1, 1.6)):
        assert tossed.mean_s(3, 0.2, now_s=now_s) == pytest.approx(factor * DEAR.mean_s(3, 0.2))


def test_a_machine_without_cores_is_no_machine() -> None:
    """Wrong numbers are refused where they are given."""
    with pytest.raises(ValueError, match="cores must be at least 1"):
        Machine(0)
    with pytest.raises(ValueError, match="quota_cpus above 0"):
        Machine(1, quota_cpus=0)
    with pytest.raises(ValueError, match="not all 0"):
        CostProfile("free", 0, 0, 0)
