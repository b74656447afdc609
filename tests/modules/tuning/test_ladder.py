"""The overload ladder is climbed at once, rung upon rung, and come down in reverse, one rung at a time."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.tuning.ladder import LEAST_KEPT_S, LOAD_RULES, MEMORY_RULE, TOO_SOON_S, Ladder, Rung, RungRule, Strain

DWELL_S = 2.0
ALL = [rule.rung for rule in LOAD_RULES]
HEAVY, NONE = Strain(queue=1.0, excess=1.5, memory=0.0), Strain(queue=0.0, excess=0.0, memory=0.0)

levels = st.none() | st.floats(0, 2)
strains = st.lists(st.tuples(st.builds(Strain, levels, levels, levels), st.floats(0, 3)), max_size=60)


@given(strains)
def test_a_rung_is_never_on_without_those_below_it(story: list[tuple[Strain, float]]) -> None:
    """Whatever the strain does, and nothing is left sooner than the dwell time after the last change, one at a time."""
    ladder, now_s, changed_s = Ladder(dwell_s=DWELL_S), 0.0, 0.0
    before: list[Rung] = []
    for strain, passed_s in story:
        now_s += passed_s
        taken = [rung for rung in ladder.look(strain, now_s) if rung in ALL]
        assert taken == ALL[: len(taken)]
        if len(taken) < len(before):
            assert len(before) - len(taken) == 1
            assert now_s - changed_s >= DWELL_S
        if taken != before:
            changed_s = now_s
        before = taken


@given(strains)
def test_the_same_strain_takes_the_same_rungs(story: list[tuple[Strain, float]]) -> None:
    """Nothing but what it is told decides."""
    first, second, now_s = Ladder(dwell_s=DWELL_S), Ladder(dwell_s=DWELL_S), 0.0
    for strain, passed_s in story:
        now_s += passed_s
        assert first.look(strain, now_s) == second.look(strain, now_s)


def test_it_is_climbed_at_once() -> None:
    """Heavy strain takes all rungs of load in one look."""
    assert list(Ladder(dwell_s=DWELL_S).look(HEAVY, 0.0)) == ALL


def test_it_is_climbed_as_far_as_the_strain_asks_for() -> None:
    """A short queue stops partial results, and nothing else."""
    assert Ladder(dwell_s=DWELL_S).look(Strain(queue=0.15, excess=0.5), 0.0) == (Rung.PARTIALS,)


def test_too_many_streams_are_not_refused_while_there_is_no_queue() -> None:
    """Excess alone, without the rungs below, is no overload that anybody feels."""
    assert Ladder(dwell_s=DWELL_S).look(Strain(queue=0.0, excess=1.5), 0.0) == ()


def test_it_is_come_down_one_rung_at_a_time() -> None:
    """With the dwell time between, in reverse order; one that relieves is kept for ten seconds."""
    ladder = Ladder(dwell_s=DWELL_S)
    ladder.look(HEAVY, 0.0)
    assert list(ladder.look(NONE, 1.9)) == ALL
    left = [list(ladder.look(NONE, 2.0 + DWELL_S * number)) for number in range(len(ALL) - 1)]
    assert left == [ALL[:count] for count in range(len(ALL) - 1, 0, -1)]
    assert list(ladder.look(NONE, LEAST_KEPT_S)) == ALL[:1]
    assert list(ladder.look(NONE, LEAST_KEPT_S + 0.25)) == []


def test_between_entering_and_leaving_a_rung_stays_as_it_is() -> None:
    """The deadband: what was not entered is not, and what was is not left."""
    rule = LOAD_RULES[0]
    between = Strain(queue=(rule.enter + rule.leave) / 2)
    ladder = Ladder(dwell_s=DWELL_S)
    assert ladder.look(between, 0.0) == ()
    assert ladder.look(Strain(queue=rule.enter), 1.0) == (rule.rung,)
    assert ladder.look(between, 100.0) == (rule.rung,)


def test_partial_results_do_not_come_and_go_at_a_load_that_fits_only_without_them() -> None:
    """A queue whenever they are on, none while they are off: they stay off longer after each try."""
    ladder, now_s = Ladder(dwell_s=DWELL_S), 0.0
    left_s: list[float] = []
    while now_s < 200.0:
        before = ladder.rungs
        rungs = ladder.look(NONE if Rung.PARTIALS in before else Strain(queue=0.15), now_s)
        if before and not rungs:
            left_s.append(now_s)
        now_s += 0.25
    gaps_s = [then - earlier for earlier, then in itertools.pairwise(left_s)]
    assert gaps_s[0] >= LEAST_KEPT_S
    assert all(then >= 1.9 * earlier for earlier, then in itertools.pairwise(gaps_s))


def test_after_a_quiet_while_partial_results_are_given_up_for_the_least_time_only() -> None:
    """What was long ago says nothing of today's load."""
    ladder = Ladder(dwell_s=DWELL_S)
    for now_s in (0.0, LEAST_KEPT_S + 0.25 + TOO_SOON_S):
        assert ladder.look(Strain(queue=0.15), now_s) == (Rung.PARTIALS,)
        assert ladder.look(NONE, now_s + LEAST_KEPT_S) == (Rung.PARTIALS,)
        assert ladder.look(NONE, now_s + LEAST_KEPT_S + 0.25) == ()


def test_what_is_not_known_changes_nothing() -> None:
    """`None` neither enters nor leaves a rung."""
    ladder = Ladder(dwell_s=DWELL_S)
    assert ladder.look(Strain(), 0.0) == ()
    ladder.look(HEAVY, 1.0)
    assert list(ladder.look(Strain(), 100.0)) == ALL


def test_memory_has_a_rung_of_its_own() -> None:
    """It needs no queue, and goes as soon as there is room."""
    ladder = Ladder(dwell_s=DWELL_S)
    assert ladder.look(Strain(memory=0.95), 0.0) == ()
    assert ladder.look(Strain(memory=0.98), 0.1) == (Rung.REFUSE_INPUT,)
    assert ladder.look(Strain(memory=0.91), 0.2) == (Rung.REFUSE_INPUT,)
    assert ladder.look(Strain(memory=0.5), 0.3) == ()


@pytest.mark.parametrize("rule", [*LOAD_RULES, MEMORY_RULE], ids=lambda rule: rule.rung.name)
def test_every_rung_has_a_deadband(rule: RungRule) -> None:
    """It is left well below where it is entered."""
    assert rule.leave <= 0.97 * rule.enter


def test_a_rung_without_a_deadband_is_refused() -> None:
    """It would be entered and left for ever."""
    with pytest.raises(ValueError, match="leave < enter"):
        RungRule(Rung.REFUSE_INPUT, "memory", enter=0.5, leave=0.5)
