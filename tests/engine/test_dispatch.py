"""What calls cost is learnt from the workers and becomes their plan."""

import pytest

from engine.dispatch import Dispatch
from engine.hop_kind import END_S, HopKind
from engine.shared_calls import CallTimes
from engine.workers import PLAIN, WorkerThreads
from modules.batching.cost_model import CostKey, CostLimits, CostModel
from modules.stages.hop import Hop
from tests.live_streams import Means


class Session:
    """A session stage that passes payloads on, and its own session."""

    def open(self) -> "Session":
        """Another."""
        return Session()

    def feed(self, payload: object) -> list[object]:
        """The payload."""
        return [payload]

    def finish(self) -> list[object]:
        """Nothing is owed."""
        return []

    def cancel(self) -> None:
        """Nothing takes long."""


def shared_hop() -> Hop:
    """A hop in which streams share model calls."""
    return Hop([], Means(), [])


def learn(dispatch: Dispatch, kind: HopKind, *, fixed_s: float, each_s: float, calls: int = 400) -> None:
    """Calls as large as the plan allows, which cost `fixed_s` and `each_s` more for each who shares one."""
    for _ in range(calls):
        size = dispatch._workers.plan.cap(kind)
        service_s = fixed_s + each_s * size
        dispatch.called(CallTimes(kind, size, service_s, service_s))


def test_calls_of_a_shared_stage_grow_to_the_knee() -> None:
    """Where a call has a fixed cost more of them share one, and the plan says how long that takes."""
    workers = WorkerThreads(2)
    dispatch, kind = Dispatch(workers, CostModel()), HopKind(shared_hop(), 0.2)
    assert workers.plan.cap(kind) == 1
    learn(dispatch, kind, fixed_s=0.010, each_s=0.001)
    cap = workers.plan.cap(kind)
    assert cap > 8
    assert workers.plan.service_s[kind] == pytest.approx(0.010 + 0.001 * cap, rel=0.2)
    assert cap == dispatch.costs.cap(kind.key)


def test_calls_that_have_become_dearer_than_the_target_are_expected_to_take_less() -> None:
    """Else each chunk that may be dropped would be given up as it comes, and nobody learn that they are cheap again."""
    workers = WorkerThreads(2)
    dispatch, kind = Dispatch(workers, CostModel(CostLimits.of(0.3, workers=2))), HopKind(shared_hop(), 0.2)
    learn(dispatch, kind, fixed_s=2.0, each_s=0.0)
    assert workers.plan.service_s[kind] == pytest.approx(0.27)


def test_calls_that_gain_nothing_stay_small() -> None:
    """Twice as many take twice as long: one at a time is as good, and nobody waits for the others."""
    workers = WorkerThreads(2)
    dispatch, kind = Dispatch(workers, CostModel()), HopKind(shared_hop(), 0.2)
    learn(dispatch, kind, fixed_s=0.0, each_s=0.010)
    assert workers.plan.cap(kind) <= 2
    assert dispatch.costs.knee(kind.key) == 1


def test_sessions_share_the_way_to_a_worker_as_long_as_that_is_short() -> None:
    """Many where each takes little, few where each takes long: they run one after the other."""
    workers = WorkerThreads(2)
    dispatch = Dispatch(workers, CostModel(CostLimits(max_batch=1)))
    quick, slow = (HopKind(Hop([Session()], None, []), chunk_s) for chunk_s in (0.2, 0.4))
    for _ in range(50):
        dispatch.called(CallTimes(quick, 1, 0.0005, 0.0005))
        dispatch.called(CallTimes(slow, 1, 0.1, 0.1))
    assert workers.plan.cap(quick) > 8
    assert workers.plan.cap(slow) == 1


def test_the_workers_time_is_added_up_whatever_they_did() -> None:
    """Plain calls too; what only waited for another process is none of it, and its CPU time says nothing."""
    dispatch = Dispatch(WorkerThreads(2), CostModel())
    kind = HopKind(shared_hop(), 0.2)
    dispatch.called(CallTimes(PLAIN, 1, 0.5, 0.5))
    dispatch.called(CallTimes(kind, 1, 0.25, 0.1))
    dispatch.called_remotely(CallTimes(PLAIN, 1, 8.0, 0.0))
    dispatch.called_remotely(CallTimes(kind, 1, 8.0, 0.0))
    assert dispatch.busy_s == 0.75
    assert dispatch.costs.keys == (kind.key,)


def test_a_remote_call_costs_what_it_takes_by_the_clock() -> None:
    """The worker's thread did nothing meanwhile: by its CPU time the call would be free."""
    dispatch, kind = Dispatch(WorkerThreads(2), CostModel()), HopKind(shared_hop(), 0.2)
    for _ in range(100):
        dispatch.called_remotely(CallTimes(kind, 1, 0.1, 0.0001))
    assert dispatch.costs.service_s(kind.key, batch=1) == pytest.approx(0.1, rel=0.1)
    assert dispatch.costs.scale(kind.key) == pytest.approx(1.0)


def test_hops_that_nobody_uses_are_forgotten_and_their_costs_are_not() -> None:
    """A plan keeps no stage alive; the next stream with such stages begins with what was learnt."""
    workers = WorkerThreads(2)
    dispatch = Dispatch(workers, CostModel())
    gone, stays = HopKind(shared_hop(), 0.2), HopKind(shared_hop(), 0.4)
    for kind in (gone, stays):
        learn(dispatch, kind, fixed_s=0.010, each_s=0.001)
    dispatch.forget([gone.hop])
    assert list(workers.plan.caps) == list(workers.plan.service_s) == [stays]
    assert workers.plan.cap(gone) == 1
    again = HopKind(shared_hop(), 0.2)
    dispatch.called(CallTimes(again, 1, 0.011, 0.011))
    assert workers.plan.cap(again) > 8


def test_sessions_with_long_calls_go_one_by_one_and_it_is_settled_that_no_more_pays() -> None:
    """Short ones share the way to a worker."""
    workers = WorkerThreads(2)
    dispatch = Dispatch(workers, CostModel())
    long, short = (HopKind(Hop([Session()], None, []), length_s) for length_s in (0.2, 0.4))
    for number in range(300):
        dispatch.called(CallTimes(long, 1, *2 * (0.08 if number % 3 else 0.001,)))
        dispatch.called(CallTimes(short, 1, 0.0005, 0.0005))
    assert workers.plan.cap(long) == 1
    assert dispatch.costs.is_settled(long.key)
    assert workers.plan.cap(short) > 8


def test_folder_work_is_held_back_by_the_plan() -> None:
    """It stays so when something else is learnt."""
    workers = WorkerThreads(2)
    dispatch = Dispatch(workers, CostModel())
    assert workers.plan.max_folder_batches is None
    dispatch.allow_folder_batches(0)
    dispatch.called(CallTimes(HopKind(shared_hop(), 0.2), 1, 0.01, 0.01))
    assert workers.plan.max_folder_batches == 0
    plan = workers.plan
    dispatch.allow_folder_batches(0)
    assert workers.plan is plan, "nothing has changed, so nobody is woken"
    dispatch.allow_folder_batches(None)
    assert workers.plan.max_folder_batches is None


def test_the_last_streams_yield_only_while_there_is_no_room() -> None:
    """The workers are then told how many of them run at once."""
    workers = WorkerThreads(2)
    dispatch = Dispatch(workers, CostModel())
    assert workers.plan.workers is None
    dispatch.is_full = True
    assert workers.plan.workers == 2
    plan = workers.plan
    dispatch.is_full = True
    assert workers.plan is plan, "nothing has changed, so nobody is woken"
    dispatch.is_full = False
    assert workers.plan.workers is None


def test_people_are_told_how_calls_share_a_hop() -> None:
    """By the hop's name, and the chunk length where there are several, with the mean of late.

    The ends of streams are no news, nor that sessions are at home with one worker each.
    """
    dispatch, hop, sessions = Dispatch(WorkerThreads(2), CostModel()), shared_hop(), Hop([Session()], None, [])
    for _ in range(1_000):
        dispatch.called(CallTimes(HopKind(hop, 0.2), 4, 0.01, 0.01))
        dispatch.called(CallTimes(HopKind(hop, END_S), 1, 0.01, 0.01))
        for home, calls in ((0, 2), (1, 4)):
            dispatch.called(CallTimes(HopKind(sessions, 0.2, home), calls, 0.001, 0.001))
    first, second = dispatch.batches()
    assert (first.kind, second.kind) == ("Means", "Session")
    assert first.mean_batch == pytest.approx(4.0, abs=0.01)
    assert second.mean_batch == pytest.approx(3.0, abs=0.01)
    assert first.cap == dispatch.costs.cap(HopKind(hop, 0.2).key)
    assert first.knee == dispatch.costs.knee(HopKind(hop, 0.2).key)
    dispatch.called(CallTimes(HopKind(hop, 0.4), 1, 0.01, 0.01))
    assert {state.kind for state in dispatch.batches()} == {"Means, 0.2 s", "Means, 0.4 s", "Session"}


def test_a_kind_is_known_to_the_cost_model_by_its_stages_and_its_length() -> None:
    """So what was learnt outlives the objects; the end of a stream is a kind of its own."""
    hop = shared_hop()
    assert HopKind(hop, 0.2).key == HopKind(shared_hop(), 0.2).key == CostKey("Means", "0.2 s")
    assert HopKind(hop, 0.2) != HopKind(shared_hop(), 0.2)
    assert HopKind(hop, 0.2) == HopKind(hop, 0.2)
    assert HopKind(hop, END_S).key == CostKey("Means", "end")
