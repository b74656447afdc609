"""What a free worker takes next: everything once, most urgent first, and nobody waits for ever."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modules.batching.ready_queue import FOLDER, BatchPlan, ReadyQueue, Urgency

KINDS = ("asr", "vad", "tags")

deadlines = st.one_of(st.just(FOLDER), st.floats(0, 100))
urgencies = st.builds(Urgency, deadlines, st.integers(-2, 2))
plans = st.builds(BatchPlan, st.integers(1, 8), st.dictionaries(st.sampled_from(KINDS), st.integers(1, 8)))


@dataclass(frozen=True)
class Call:
    """A call as the model of the queue sees it."""

    number: int
    kind: str
    urgency: Urgency

    @property
    def is_folder(self) -> bool:
        return self.urgency.deadline_s == FOLDER

    @property
    def order(self) -> tuple[bool, int, float, int]:
        """Live first, then priority, then deadline, then who came first."""
        return (self.is_folder, -self.urgency.priority, self.urgency.deadline_s, self.number)


calls = st.lists(st.tuples(st.sampled_from(KINDS), urgencies), max_size=40).map(
    lambda drawn: [Call(number, kind, urgency) for number, (kind, urgency) in enumerate(drawn)]
)


def queue_of(waiting: list[Call], plan: BatchPlan | None = None) -> ReadyQueue[Call]:
    """A queue with these calls."""
    queue: ReadyQueue[Call] = ReadyQueue(plan)
    for call in waiting:
        queue.put(call, call.kind, call.urgency)
    return queue


def emptied(queue: ReadyQueue[Call], free_workers: int = 1) -> list[list[Call]]:
    """All batches until nothing waits."""
    batches = []
    while batch := queue.take(free_workers):
        batches.append(batch)
    return batches


@given(calls, plans, st.integers(1, 5))
def test_every_call_is_taken_exactly_once(waiting: list[Call], plan: BatchPlan, free_workers: int) -> None:
    """None is lost, none comes twice, and the queue is then empty."""
    queue = queue_of(waiting, plan)
    taken = [call for batch in emptied(queue, free_workers) for call in batch]
    assert sorted(call.number for call in taken) == list(range(len(waiting)))
    assert len(queue) == 0


@given(calls)
def test_taken_one_by_one_calls_come_in_the_order_of_their_urgency(waiting: list[Call]) -> None:
    """Live before folder work, then the higher priority, then the earlier deadline, then who came first."""
    taken = [call for batch in emptied(queue_of(waiting)) for call in batch]
    assert taken == sorted(waiting, key=lambda call: call.order)


@given(st.lists(st.floats(0, 100), min_size=1), plans)
def test_live_calls_of_one_kind_come_by_deadline_whatever_the_batches(
    deadlines_s: list[float], plan: BatchPlan
) -> None:
    """Earliest deadline first."""
    waiting = [Call(number, "asr", Urgency(deadline_s)) for number, deadline_s in enumerate(deadlines_s)]
    taken = [call.urgency.deadline_s for batch in emptied(queue_of(waiting, plan)) for call in batch]
    assert taken == sorted(deadlines_s)


@given(calls, plans, st.integers(1, 5))
def test_no_folder_work_is_taken_while_a_live_call_waits(
    waiting: list[Call], plan: BatchPlan, free_workers: int
) -> None:
    """Whatever the priority of the folder work."""
    batches = emptied(queue_of(waiting, plan), free_workers)
    are_folder = [call.is_folder for batch in batches for call in batch]
    assert are_folder == sorted(are_folder)


class Waiting(RuleBasedStateMachine):
    """Puts, takes and plan swaps in any order, beside a list that says what should wait."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.queue: ReadyQueue[Call] = ReadyQueue()
        self.waiting: list[Call] = []
        self.number = 0

    @rule(kind=st.sampled_from(KINDS), urgency=urgencies)
    def put(self, kind: str, urgency: Urgency) -> None:
        """A call comes."""
        call = Call(self.number, kind, urgency)
        self.number += 1
        self.waiting.append(call)
        self.queue.put(call, kind, urgency)

    @rule(plan=plans)
    def swap(self, plan: BatchPlan) -> None:
        """The plan changes while calls wait."""
        self.queue.plan = plan

    @rule(free_workers=st.integers(1, 6))
    def take(self, free_workers: int) -> None:
        """A batch is the most urgent of one kind and one class, no more than the plan and an even share allow."""
        batch = self.queue.take(free_workers)
        assert bool(batch) == bool(self.waiting)
        if not batch:
            return
        head = min(self.waiting, key=lambda call: call.order)
        alike = sorted((call for call in self.waiting if call.kind == head.kind), key=lambda call: call.order)
        most = min(self.queue.plan.cap(head.kind), math.ceil(len(alike) / free_workers))
        assert batch == [call for call in alike if call.is_folder == head.is_folder][:most]
        self.waiting = [call for call in self.waiting if call not in batch]

    @invariant()
    def it_knows_how_many_wait(self) -> None:
        """Its length is the number of calls that wait."""
        assert len(self.queue) == len(self.waiting)


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


def test_a_new_plan_holds_from_the_next_take_on() -> None:
    """Nothing is put again."""
    queue = queue_of([Call(number, "asr", Urgency(1.0)) for number in range(10)])
    assert len(queue.take(1)) == 1
    queue.plan = BatchPlan(caps={"asr": 6})
    assert len(queue.take(1)) == 6
    queue.plan = BatchPlan()
    assert len(queue.take(1)) == 1


def test_workers_that_are_free_together_share_what_waits() -> None:
    """Ten calls for four free workers: none takes more than three, and the last one is not left without."""
    queue = queue_of([Call(number, "asr", Urgency(1.0)) for number in range(10)], BatchPlan(default_cap=100))
    assert [len(queue.take(free)) for free in (4, 3, 2, 1)] == [3, 3, 2, 2]


@given(
    streams=st.lists(st.tuples(st.sampled_from(KINDS), st.floats(0.05, 0.5)), min_size=2, max_size=20),
    plan=plans,
    free_workers=st.integers(1, 3),
)
def test_no_stream_is_starved_by_streams_that_always_have_more(
    streams: list[tuple[str, float]], plan: BatchPlan, free_workers: int
) -> None:
    """Each stream comes back with a later deadline; within the time its deadline allows each is served.

    A call taken at `now_s` puts its stream back with the deadline `now_s` + its target: at most the streams whose
    deadlines lie before a waiting one's, each once a round, are served before it.
    """
    queue: ReadyQueue[int] = ReadyQueue(plan)
    step_s = 0.01
    for number, (kind, target_s) in enumerate(streams):
        queue.put(number, kind, Urgency(target_s))
    last_served = dict.fromkeys(range(len(streams)), 0)
    longest = math.ceil(0.5 / step_s) + len(streams)  # until its deadline is the earliest, then all that were earlier
    for turn in range(1, 4 * longest):
        for number in queue.take(free_workers):
            assert turn - last_served[number] <= longest
            last_served[number] = turn
            kind, target_s = streams[number]
            queue.put(number, kind, Urgency(turn * step_s + target_s))
    assert min(last_served.values()) > 2 * longest


def test_the_queue_says_what_waits() -> None:
    """One line for a log."""
    queue = queue_of([Call(0, "asr", Urgency()), Call(1, "vad", Urgency(1.0)), Call(2, "asr", Urgency())])
    assert repr(queue) == "<ReadyQueue 3 waiting; asr: 2, vad: 1>"


@pytest.mark.parametrize("wrong", [{"default_cap": 0}, {"caps": {"asr": 0}}])
def test_a_plan_takes_at_least_one_call(wrong: dict[str, int]) -> None:
    """A cap of none would stop all work."""
    with pytest.raises(ValueError, match="batch cap must be at least 1, got 0"):
        BatchPlan(**wrong)  # type: ignore[arg-type]  # one of several


def test_a_deadline_is_a_number() -> None:
    """NaN has no place in any order."""
    with pytest.raises(ValueError, match="NaN"):
        Urgency(math.nan)
