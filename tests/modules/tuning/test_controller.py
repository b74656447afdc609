"""The controller moves the plan as far as it must, one knob at a time, and says what it saw, decided and why."""

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from modules.batching.live_chunks import LengthCost
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.controller import Controller
from modules.tuning.plan import Decision, Knob, Limits, LoadSeen, Observation, Plan, ResourcesSeen

LIMITS = Limits(max_streams=100)
PLAN = Plan(0.2, 2, 100)
COSTS = (LengthCost(0.2, 0.02, 0.02, 0.02), LengthCost(0.4, 0.03, 0.03, 0.03), LengthCost(0.8, 0.05, 0.05, 0.05))
"""Two workers carry 20, 26.7 and 32 streams of real-time sound in chunks of these lengths."""

DEARER = replace(COSTS[0], busy_s=0.025, cpu_s=0.025)
"""Of such chunks 16."""

LOOK_S = 0.25


def controller(*, limits: Limits = LIMITS, plan: Plan = PLAN) -> Controller:
    """One that is to keep 300 ms."""
    return Controller(PerformanceTarget(), limits, plan=plan)


def load(streams: int, *, admitted: int | None = None, missed: int = 0, queue_s: float = 0.0) -> LoadSeen:
    """So many streams that all send, 500 chunks a look so that a p99 is soon shown, of which so many were late."""
    served = streams if admitted is None else admitted
    return LoadSeen(streams, served, float(served), 500, 500 - missed, queue_s)


def seen(at_s: float, what: LoadSeen, *, cpus: float = 2.0, costs: tuple[LengthCost, ...] = COSTS) -> Observation:
    """What the governor would see."""
    return Observation(at_s, what, ResourcesSeen(cpus=cpus), costs)


def looks(
    governor: Controller, what: LoadSeen, *, from_s: float, until_s: float, costs: tuple[LengthCost, ...] = COSTS
) -> list[Decision]:
    """The decisions while that load stays, as many streams served as the plan says."""
    made, at_s = [], from_s
    while at_s < until_s:
        served = min(what.streams, governor.plan.max_streams)
        made.append(governor.decide(seen(at_s, replace(what, admitted=served, audio_s=float(served)), costs=costs)))
        at_s += LOOK_S
    return made


def knobs(made: list[Decision]) -> list[Knob]:
    """What was turned, in order."""
    return [move.knob for decision in made for move in decision.moves]


def test_a_plan_is_full_when_it_takes_no_stream_or_suspends_some() -> None:
    """And not while all are served and new ones are welcome."""
    assert not LIMITS.is_full(PLAN)
    assert LIMITS.is_full(replace(PLAN, accepts_streams=False))
    assert LIMITS.is_full(replace(PLAN, max_streams=99))


def test_a_light_load_moves_nothing() -> None:
    """All on time, plenty of room: the plan stays as it began."""
    governor = controller()
    assert knobs(looks(governor, load(8), from_s=0.0, until_s=30.0)) == []
    assert governor.plan == PLAN


def test_the_shortest_length_that_carries_the_load_is_chosen() -> None:
    """Not the longest: speakers would wait for nothing. And it goes back when it has been enough again for a while."""
    governor = controller()
    looks(governor, load(20), from_s=0.0, until_s=5.0)
    assert governor.plan.chunk_s == 0.4
    looks(governor, load(18), from_s=5.0, until_s=40.0)
    assert governor.plan.chunk_s == 0.4
    looks(governor, load(8), from_s=40.0, until_s=60.0)
    assert governor.plan.chunk_s == 0.2


def test_a_length_with_calls_longer_than_the_deadline_allows_is_not_used() -> None:
    """However much it would carry."""
    governor, slow = controller(), LengthCost(0.4, 0.03, 0.03, 0.29)
    for number in range(60):
        governor.decide(seen(number * LOOK_S, load(19), costs=(COSTS[0], slow)))
    assert governor.plan.chunk_s == 0.2


def test_overload_suspends_the_newest_streams_at_once_and_says_so() -> None:
    """Down to below what two workers carry in the best chunks; new ones are refused."""
    governor = controller()
    made = looks(governor, load(60, missed=200, queue_s=0.25), from_s=0.0, until_s=4.0)
    assert 20 <= governor.plan.max_streams <= 32
    assert not governor.plan.accepts_streams
    sentences = [move.sentence for decision in made for move in decision.moves if move.knob is Knob.STREAMS]
    assert sentences
    assert "suspended whole" in sentences[0]


def test_no_stream_is_suspended_while_giving_up_partial_results_may_be_enough() -> None:
    """At a load little above what is carried with them, and none late: a second later it has shown."""
    governor, costs = controller(limits=replace(LIMITS, lengths_s=(0.2,))), (replace(COSTS[0], is_settled=True),)
    waits = load(22, queue_s=0.2)
    first = governor.decide(seen(0.0, waits, costs=costs))
    assert [move.knob for move in first.moves if move.knob in (Knob.PARTIALS, Knob.STREAMS)] == [Knob.PARTIALS]
    assert knobs([governor.decide(seen(0.75, waits, costs=costs))]) == []
    assert Knob.STREAMS in knobs([governor.decide(seen(1.25, waits, costs=costs))])


def test_streams_are_suspended_at_once_where_giving_up_partial_results_cannot_be_enough() -> None:
    """Half as many again as are carried."""
    governor, costs = controller(limits=replace(LIMITS, lengths_s=(0.2,))), replace(COSTS[0], is_settled=True)
    first = governor.decide(seen(0.0, load(30, queue_s=0.15), costs=(costs,)))
    assert Knob.STREAMS in knobs([first])


def test_while_a_queue_drains_fewer_are_served_and_they_come_back_when_it_is_gone() -> None:
    """At what is carried for good it would take seconds, in which any disturbance makes all late."""
    looks(waited := controller(), load(60, missed=200, queue_s=0.25), from_s=0.0, until_s=4.0)
    looks(calm := controller(), load(60, missed=200), from_s=0.0, until_s=4.0)
    drained, kept = waited.plan.max_streams, calm.plan.max_streams
    assert 0.5 * kept < drained < 0.9 * kept
    made = looks(waited, load(60, queue_s=0.25), from_s=4.0, until_s=4.5)
    assert waited.plan.max_streams == drained
    made = looks(waited, load(60), from_s=4.5, until_s=5.0)
    assert kept <= waited.plan.max_streams <= 1.05 * kept
    (sentence,) = [move.sentence for decision in made for move in decision.moves if move.knob is Knob.STREAMS]
    assert "what waited is done" in sentence


def test_where_streams_are_suspended_a_queue_is_answered_sooner_and_by_few_more() -> None:
    """Before a chunk is late, when calls have become a little dearer; where all are served, as much may pass."""
    governor = controller(limits=replace(LIMITS, lengths_s=(0.2,)))

    def look(at_s: float, streams: int, *, missed: int = 0, queue_s: float = 0.0) -> int:
        cost = LengthCost(0.2, 0.022, 0.022, 0.02) if queue_s == 0.13 else COSTS[0]
        what = load(streams, admitted=min(streams, governor.plan.max_streams), missed=missed, queue_s=queue_s)
        governor.decide(seen(at_s, what, costs=(cost,)))
        return governor.plan.max_streams

    assert [look(number * LOOK_S, 20, queue_s=0.13) for number in range(6)] == [100] * 6
    for number in range(6, 80):
        calm = look(number * LOOK_S, 60, missed=0 if number > 16 else 200, queue_s=0.0 if number > 16 else 0.25)
    assert 17 <= calm <= 19
    assert 0.85 * calm <= look(20.0, 60, queue_s=0.13) < calm


def test_where_streams_are_suspended_less_capacity_is_answered_before_a_chunk_is_late() -> None:
    """Calls a quarter dearer: a twentieth fewer at first, but for a moment none. Where all are served, all go on."""
    fixed = replace(LIMITS, lengths_s=(0.2,))
    crowded, calm = controller(limits=fixed), controller(limits=fixed)
    looks(crowded, load(60, missed=200, queue_s=0.25), from_s=0.0, until_s=4.0)
    looks(crowded, load(60), from_s=4.0, until_s=20.0)
    served = crowded.plan.max_streams
    assert 18 <= served <= 19
    crowded.decide(seen(20.0, load(60, admitted=served), costs=(DEARER,)))
    assert crowded.plan.max_streams == served
    crowded.decide(seen(20.25, load(60, admitted=served), costs=(DEARER,)))
    fewer = crowded.plan.max_streams
    assert fewer == served - 1
    for number in range(24):
        admitted = crowded.plan.max_streams
        late = load(60, admitted=admitted, missed=200 if admitted > 15 else 0, queue_s=0.25 if admitted > 15 else 0.0)
        crowded.decide(seen(20.5 + number * LOOK_S, late, costs=(DEARER,)))
        assert admitted - 2 <= crowded.plan.max_streams
    assert crowded.plan.max_streams <= 15
    looks(calm, load(served), from_s=0.0, until_s=20.0)
    for at_s in (20.0, 20.25, 20.5):
        calm.decide(seen(at_s, load(served), costs=(DEARER,)))
    assert calm.plan.max_streams == LIMITS.max_streams


def test_a_try_of_more_streams_is_taken_back_exactly_unless_less_is_carried_than_before_it() -> None:
    """What went well then is too many now."""

    def after_a_try(busy_s: float) -> tuple[int, int, str]:
        governor, at_s, made = controller(limits=replace(LIMITS, lengths_s=(0.2,))), 8.0, []
        looks(governor, load(60, missed=200, queue_s=0.1), from_s=0.0, until_s=4.0, costs=(DEARER,))
        looks(governor, load(60), from_s=4.0, until_s=at_s, costs=(DEARER,))
        while governor.plan.max_streams < 18:
            made = looks(governor, load(60), from_s=at_s, until_s=at_s + LOOK_S)
            at_s += LOOK_S
            assert at_s < 30.0
        before = int(made[-1].moves[-1].before)
        late = load(60, admitted=governor.plan.max_streams, missed=200, queue_s=0.25)
        decision = governor.decide(seen(at_s + 1.0, late, costs=(replace(COSTS[0], busy_s=busy_s, cpu_s=busy_s),)))
        return before, governor.plan.max_streams, decision.moves[-1].sentence

    before, reverted, why = after_a_try(0.021)
    assert reverted == before
    assert "late again; back to" in why
    before, less, why = after_a_try(0.03)
    assert less <= before
    assert "ask for more than the 14" in why


def test_a_queue_that_never_empties_is_drained_though_no_more_is_sent_than_is_carried() -> None:
    """At a load of 1 it stands for ever, and every chunk is late; after two seconds of that a few streams give way."""
    fixed, costs = replace(LIMITS, lengths_s=(0.2,)), (COSTS[0],)

    def moved(streams: int, missed: int, queue_s: float) -> bool:
        governor = controller(limits=fixed)
        what = load(streams, missed=missed, queue_s=queue_s)
        made = [governor.decide(seen(number * LOOK_S, what, costs=costs)) for number in range(16)]
        return Knob.STREAMS in knobs(made)

    assert moved(20, 400, 0.25)
    assert not moved(18, 400, 0.25)
    assert not moved(20, 0, 0.05)


def test_a_host_that_gives_less_again_and_again_suspends_no_stream_again_and_again() -> None:
    """A third less for a quarter second, every one and a half: as many are served as it carries on the mean."""
    governor, slow = controller(limits=replace(LIMITS, lengths_s=(0.2,))), LengthCost(0.2, 0.03, 0.03, 0.03)
    queue_s, served = 0.25, []
    for number in range(240):
        cost, streams = slow if number % 6 == 5 else COSTS[0], min(60, governor.plan.max_streams)
        queue_s = min(0.29, max(0.0, queue_s + (streams * cost.busy_s / (2 * 0.2) - 1) * LOOK_S))
        what = load(60, admitted=streams, missed=200 if queue_s > 0.28 else 0, queue_s=queue_s)
        governor.decide(seen(number * LOOK_S, what, costs=(cost,)))
        served.append(governor.plan.max_streams)
    settled = served[80:]
    assert not any(after < before for before, after in itertools.pairwise(settled))
    assert 13 <= min(settled) <= max(settled) <= 19


def test_suspended_streams_come_back_when_there_is_room() -> None:
    """All of them, once far fewer are open than are carried."""
    governor = controller()
    looks(governor, load(60, missed=200, queue_s=0.25), from_s=0.0, until_s=4.0)
    looks(governor, load(10), from_s=4.0, until_s=40.0)
    assert governor.plan.max_streams == LIMITS.max_streams
    assert governor.plan.accepts_streams
    assert governor.plan.partials


def test_a_few_suspended_streams_come_back_before_a_p99_can_be_shown() -> None:
    """So few chunks show nothing for half a minute; that there is room twice over, and none was late, is enough."""
    governor = controller()
    looks(governor, load(60, missed=200, queue_s=0.25), from_s=0.0, until_s=4.0)
    few = LoadSeen(10, 10, 10.0, 3, 3, 0.0)
    looks(governor, few, from_s=4.0, until_s=14.0)
    assert governor.plan.max_streams == LIMITS.max_streams


def test_a_stream_that_was_served_and_is_gone_makes_no_move_to_where_the_plan_is() -> None:
    """One less is seen than the plan allows until another takes its place: there is nothing to let back by then."""
    governor = controller(plan=Plan(0.2, 2, 15), limits=replace(LIMITS, lengths_s=(0.2,)))
    for number in range(20):
        served = governor.plan.max_streams - 1
        governor.decide(seen(number * LOOK_S, load(60, admitted=served), costs=COSTS[:1]))
    assert governor.plan.max_streams <= 20


def test_another_number_of_cpus_is_followed_at_once() -> None:
    """Whole CPUs, at least one worker, never more than a person allows."""
    governor = controller(limits=replace(LIMITS, max_workers=6))
    for at_s, cpus, workers in ((0.0, 4.0, 4), (0.25, 0.6, 1), (0.5, 3.7, 3), (0.75, 64.0, 6)):
        assert governor.decide(seen(at_s, load(2), cpus=cpus)).plan.workers == workers


def test_new_streams_once_refused_are_taken_again_ten_seconds_later_at_the_earliest() -> None:
    """However soon there is room: who is told yes and no in turn is told nothing."""
    governor = controller(limits=replace(LIMITS, lengths_s=(0.2,)))
    made = looks(governor, load(60, missed=200, queue_s=0.25), from_s=0.0, until_s=2.0)
    assert Knob.ACCEPT_STREAMS in knobs(made[:1])
    assert Knob.ACCEPT_STREAMS not in knobs(looks(governor, load(4), from_s=2.0, until_s=10.0))
    looks(governor, load(4), from_s=10.0, until_s=15.0)
    assert governor.plan.accepts_streams


def test_memory_at_its_limit_is_met_at_once_and_undone() -> None:
    """Input is refused; not a matter of dwell."""
    governor = controller()

    def used(at_s: float, share: float) -> Plan:
        resources = ResourcesSeen(cpus=2.0, memory_used_bytes=round(1000 * share), memory_limit_bytes=1000)
        return governor.decide(Observation(at_s, load(2), resources, COSTS)).plan

    assert used(0.0, 0.5) == PLAN
    assert used(0.25, 0.96) == PLAN
    assert used(0.5, 0.98) == replace(PLAN, accepts_input=False)
    assert used(0.75, 0.5) == PLAN


def test_one_call_that_was_late_gives_nothing_up() -> None:
    """A twentieth of the chunks of one look, as of one call that happened to be long; in look after look it is more."""
    governor = controller()
    made = looks(governor, load(8), from_s=0.0, until_s=3.0)
    made += looks(governor, load(8, missed=25), from_s=3.0, until_s=3.25)
    made += looks(governor, load(8), from_s=3.25, until_s=6.0)
    assert knobs(made) == []
    assert Knob.PARTIALS in knobs(looks(governor, load(8, missed=25), from_s=6.0, until_s=7.0))


def test_a_look_in_which_many_are_late_is_answered_at_once() -> None:
    """That is more than one call."""
    governor = controller()
    looks(governor, load(8), from_s=0.0, until_s=1.0)
    assert Knob.PARTIALS in knobs(looks(governor, load(8, missed=250), from_s=1.0, until_s=1.25))


def test_as_many_misses_as_a_p99_allows_give_nothing_up() -> None:
    """One in a hundred, look after look."""
    assert knobs(looks(controller(), load(8, missed=5), from_s=0.0, until_s=10.0)) == []


def test_more_of_the_capacity_is_filled_where_there_are_more_workers() -> None:
    """The same long calls under overload: a chunk that finds all workers busy waits for the first of them."""
    shares = []
    for workers in (2, 8):
        costs = (LengthCost(0.2, 0.1, 0.1, 0.2),)
        carried = 2 * workers
        governor = controller(limits=replace(LIMITS, lengths_s=(0.2,)), plan=Plan(0.2, workers, 100))
        what, at_s = load(2 * carried, missed=100), 0.0
        while at_s < 4.0:
            served = min(what.streams, governor.plan.max_streams)
            now = replace(what, admitted=served, audio_s=float(served))
            governor.decide(seen(at_s, now, cpus=float(workers), costs=costs))
            at_s += LOOK_S
        shares.append(governor.plan.max_streams / carried)
    assert shares[0] < shares[1] <= 0.95


def test_folder_work_pauses_while_live_chunks_wait() -> None:
    """And goes on when they hardly wait any more."""
    governor = controller()
    governor.decide(replace(seen(0.0, load(8, queue_s=0.1)), folder_waits=True))
    assert governor.plan.folder_share == 0.0
    looks(governor, load(8), from_s=0.25, until_s=20.0)
    assert governor.plan.folder_share == 1.0


def test_what_is_not_known_moves_nothing() -> None:
    """No costs, no CPUs, no queue: there is nothing to decide from."""
    governor = controller()
    decision = governor.decide(Observation(1.0, LoadSeen(streams=50, admitted=50)))
    assert decision == Decision(1.0, PLAN)


looks_seen = st.lists(
    st.tuples(st.integers(0, 80), st.integers(0, 500), st.floats(0, 0.4), st.sampled_from((0.6, 1.0, 2.0, 4.0))),
    max_size=80,
)


@settings(max_examples=60)
@given(looks_seen)
def test_whatever_is_seen_the_plan_keeps_within_its_limits_and_follows_from_its_moves(
    story: list[tuple[int, int, float, float]],
) -> None:
    """Each decision's moves lead from the plan before to its own; a fresh controller decides the same."""
    governor, again, plan = controller(), controller(), PLAN
    for number, (streams, missed, queue_s, cpus) in enumerate(story):
        admitted = min(streams, plan.max_streams)
        what = seen(number * LOOK_S, load(streams, admitted=admitted, missed=missed, queue_s=queue_s), cpus=cpus)
        decision = governor.decide(what)
        assert again.decide(what) == decision
        for move in decision.moves:
            assert getattr(plan, move.knob) == move.before
            assert move.sentence
            kind = type(getattr(plan, move.knob))
            plan = replace(plan, **{str(move.knob): kind(move.after)})
        assert plan == decision.plan
        assert plan.chunk_s in LIMITS.lengths_s
        assert 1 <= plan.workers <= LIMITS.max_workers
        assert 1 <= plan.max_streams <= LIMITS.max_streams
        assert 0 <= plan.folder_share <= 1
