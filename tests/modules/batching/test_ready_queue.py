"""What a free worker takes next: everything once, most urgent first, and nobody waits for ever."""

import heapq
import math
import random
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modules.batching.ready_queue import BatchPlan, ReadyQueue, Taken, most_tries
from modules.batching.waiting import FOLDER, IfLate, Urgency

KINDS = ("asr", "vad", "tags")
HOMES = {"asr": None, "vad": 0, "tags": 1}
"""The workers to whom calls of these kinds are best left."""

deadlines = st.one_of(st.just(FOLDER), st.floats(0, 100))
urgencies = st.builds(Urgency, deadlines, st.integers(-2, 2))
all_urgencies = st.builds(Urgency, deadlines, st.integers(-2, 2), st.sampled_from(get_args(IfLate)))
plans = st.builds(BatchPlan, st.integers(1, 8), st.dictionaries(st.sampled_from(KINDS), st.integers(1, 8)))
plans_in_time = st.builds(
    BatchPlan,
    st.integers(1, 8),
    st.dictionaries(st.sampled_from(KINDS), st.integers(1, 8)),
    st.dictionaries(st.sampled_from(KINDS), st.floats(0, 30)),
    st.one_of(st.none(), st.integers(0, 3)),
    st.floats(0, 10),
    st.dictionaries(st.sampled_from(KINDS), st.integers(1, 8)),
    st.one_of(st.none(), st.integers(0, 3)),
)


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
    while batch := queue.take(free_workers).batch:
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
    """Puts, takes and plan swaps in any order while time passes, beside lists that say what should wait."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.queue: ReadyQueue[Call] = ReadyQueue()
        self.waiting: list[Call] = []
        self.late: set[int] = set()
        self.number = 0
        self.now_s = 0.0

    @rule(kind=st.sampled_from(KINDS), urgency=all_urgencies)
    def put(self, kind: str, urgency: Urgency) -> None:
        """A call comes."""
        call = Call(self.number, kind, urgency)
        self.number += 1
        self.waiting.append(call)
        self.queue.put(call, kind, urgency, home=HOMES[kind])

    @rule(plan=plans_in_time)
    def swap(self, plan: BatchPlan) -> None:
        """The plan changes while calls wait."""
        self.queue.plan = plan

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now_s += seconds

    @rule(
        free_workers=st.integers(1, 6), folder_running=st.integers(0, 3), home=st.one_of(st.none(), st.integers(0, 2))
    )
    def take(self, free_workers: int, folder_running: int, home: int | None) -> None:
        """A batch is the most urgent of one kind and not both live and folder work; what expired comes with it."""
        expired = [call for kind in KINDS for call in self.expiring(kind)]
        taken = self.queue.take(free_workers, now_s=self.now_s, folder_running=folder_running, home=home)
        assert sorted(call.number for call in taken.expired) == sorted(call.number for call in expired)
        self.waiting = [call for call in self.waiting if call not in expired]
        limit = self.queue.plan.max_folder_batches
        allowed = [call for call in self.waiting if not call.is_folder or limit is None or folder_running < limit]
        assert bool(taken.batch) == bool(allowed)
        if not allowed:
            return
        classes = {kind: self.classes([call for call in allowed if call.kind == kind]) for kind in KINDS}
        kind = min((kind for kind in KINDS if classes[kind]), key=lambda kind: self.rank(kind, classes[kind], home))
        alike = [
            call for _, calls in classes[kind] for call in calls if call.is_folder == classes[kind][0][1][0].is_folder
        ]
        most = min(self.queue.plan.cap(kind), math.ceil(len(alike) / free_workers))
        assert taken.batch == alike[:most]
        assert taken.is_folder == alike[0].is_folder
        self.waiting = [call for call in self.waiting if call not in taken.batch]

    def expiring(self, kind: str) -> list[Call]:
        """Those of a kind that are given up now; heads that are late and kept are noted on the way."""
        possible_s = self.now_s + self.queue.plan.service_s.get(kind, 0.0)
        expired = []
        for call in sorted((call for call in self.waiting if call.kind == kind), key=self.order):
            if call.number in self.late or call.urgency.deadline_s >= possible_s:
                break
            if call.urgency.if_late == "drop":
                expired.append(call)
            else:
                self.late.add(call.number)
        return expired

    def classes(self, calls: list[Call]) -> list[tuple[int, list[Call]]]:
        """The classes of a kind's calls that have any, in the order in which they are served."""
        late = sorted((call for call in calls if call.number in self.late), key=self.least_late)
        folder = sorted((call for call in calls if call.is_folder), key=lambda call: call.order)
        on_time = sorted(set(calls) - set(late) - set(folder), key=lambda call: call.order)
        return [(place, calls) for place, calls in enumerate((on_time, late, folder)) if calls]

    def rank(self, kind: str, classes: list[tuple[int, list[Call]]], home: int | None) -> tuple[int, int, float, int]:
        """Where a kind stands by its first class's head; what is best left to another worker counts as less urgent."""
        place, (head, *_) = classes[0]
        before, order_s, number = self.least_late(head) if head.number in self.late else head.order[1:]
        is_away = HOMES[kind] not in (None, home) and self.queue.plan.cap(kind) > 1
        away_s = self.queue.plan.home_slack_s if is_away else 0.0
        return (place, before, order_s + away_s, number)

    def least_late(self, call: Call) -> tuple[int, float, int]:
        """The order of those that are late: priority, then what insists, the latest deadline, and who came first."""
        order_s = -math.inf if call.urgency.if_late == "insist" else -call.urgency.deadline_s
        return (-call.urgency.priority, order_s, call.number)

    def order(self, call: Call) -> tuple[bool, bool, int, float, int]:
        """Folder work last, the late last of the live calls, else by urgency."""
        return (call.is_folder, call.number in self.late, *call.order[1:])

    @invariant()
    def it_knows_how_many_wait(self) -> None:
        """Its length is the number of calls that wait, and it knows whether folder work is among them."""
        assert len(self.queue) == len(self.waiting)
        assert self.queue.folder_waits == any(call.is_folder for call in self.waiting)


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


def test_a_new_plan_holds_from_the_next_take_on() -> None:
    """Nothing is put again."""
    queue = queue_of([Call(number, "asr", Urgency(1.0)) for number in range(10)])
    assert len(queue.take(1).batch) == 1
    queue.plan = BatchPlan(caps={"asr": 6})
    assert len(queue.take(1).batch) == 6
    queue.plan = BatchPlan()
    assert len(queue.take(1).batch) == 1


def test_workers_that_are_free_together_share_what_waits() -> None:
    """Ten calls for four free workers: none takes more than three, and the last one is not left without."""
    queue = queue_of([Call(number, "asr", Urgency(1.0)) for number in range(10)], BatchPlan(default_cap=100))
    assert [len(queue.take(free).batch) for free in (4, 3, 2, 1)] == [3, 3, 2, 2]


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
        for number in queue.take(free_workers).batch:
            assert turn - last_served[number] <= longest
            last_served[number] = turn
            kind, target_s = streams[number]
            queue.put(number, kind, Urgency(turn * step_s + target_s))
    assert min(last_served.values()) > 2 * longest


# Those that are late, and those that are given up


def takings(queue: ReadyQueue[Call], now_s: float) -> list[list[int]]:
    """The numbers of the calls in all batches until none comes."""
    batches = []
    while batch := queue.take(1, now_s=now_s).batch:
        batches.append([call.number for call in batch])
    return batches


def test_a_chunk_that_can_no_longer_be_on_time_goes_behind_those_that_can() -> None:
    """However much time these have; it still goes before folder work, whatever the priorities of both."""
    late, folder = Call(0, "asr", Urgency(1.0, 2, "yield")), Call(1, "vad", Urgency(priority=2))
    queue = queue_of([late, folder, Call(2, "asr", Urgency(9.0)), Call(3, "vad", Urgency(8.0))])
    assert takings(queue, now_s=1.1) == [[3], [2], [0], [1]]


def test_of_late_chunks_the_one_that_is_least_late_goes_first() -> None:
    """Within its own kind and among kinds: its stream has caught up first. Priority counts before that."""
    waiting = [Call(number, kind, Urgency(at_s, 0, "yield")) for number, (kind, at_s) in enumerate(LATE)]
    waiting.append(Call(4, "tags", Urgency(0.5, 1, "yield")))
    assert takings(queue_of(waiting), now_s=9.0) == [[4], [2], [3], [1], [0]]


LATE = [("asr", 1.0), ("vad", 2.0), ("asr", 4.0), ("vad", 3.0)]


def test_late_calls_fill_the_batch_of_those_on_time() -> None:
    """What would be taken together is, the late ones last."""
    waiting = [Call(number, "asr", Urgency(at_s, 0, "yield")) for number, at_s in enumerate([1.0, 9.0, 2.0, 8.0])]
    assert takings(queue_of(waiting, BatchPlan(default_cap=3)), now_s=5.0) == [[3, 1, 2], [0]]


def test_what_insists_is_the_first_of_what_is_late() -> None:
    """In the order in which it came: the end of a stream, a model to be opened would else wait for all who catch up."""
    waiting = [Call(0, "asr", Urgency(3.0, 0, "yield")), Call(1, "end", Urgency(2.0)), Call(2, "open", Urgency(1.0))]
    waiting.append(Call(3, "asr", Urgency(9.0, 0, "yield")))
    assert takings(queue_of(waiting), now_s=5.0) == [[3], [1], [2], [0]]


def test_a_deadline_nearer_than_the_expected_service_cannot_be_met() -> None:
    """What a call takes is told by kind; one that ends exactly at its deadline is on time."""
    plan = BatchPlan(service_s={"asr": 0.5})
    waiting = [
        Call(number, kind, Urgency(at_s, 0, "yield"))
        for number, (kind, at_s) in enumerate([("asr", 1.4), ("asr", 1.5), ("vad", 1.6)])
    ]
    assert takings(queue_of(waiting, plan), now_s=1.0) == [[1], [2], [0]]


def test_what_is_late_once_stays_late() -> None:
    """A call moves back once: that its kind takes less time by the next plan does not bring it forward again."""
    waiting = [Call(0, "asr", Urgency(1.0, 0, "yield")), Call(1, "vad", Urgency(0.5))]
    queue = queue_of(waiting, BatchPlan(service_s={"asr": 0.9}))
    assert [call.number for call in queue.take(1, now_s=0.2).batch] == [1]
    queue.put(Call(2, "vad", Urgency(2.0)), "vad", Urgency(2.0))
    queue.plan = BatchPlan()
    assert takings(queue, now_s=0.2) == [[2], [0]]


def test_a_call_that_may_be_dropped_is_given_up_when_it_cannot_be_on_time() -> None:
    """It comes back as expired, once, and its neighbours are taken."""
    queue = queue_of([Call(0, "asr", Urgency(1.0, if_late="drop")), Call(1, "asr", Urgency(3.0, if_late="drop"))])
    taken = queue.take(1, now_s=2.0)
    assert [call.number for call in taken.expired] == [0]
    assert [call.number for call in taken.batch] == [1]
    assert queue.take(1, now_s=9.0) == Taken([], [])


def test_a_kind_whose_calls_have_all_expired_is_forgotten() -> None:
    """Nothing of a stage that nobody uses any more is kept."""
    queue = queue_of([Call(0, "asr", Urgency(1.0, if_late="drop"))])
    assert len(queue.take(1, now_s=2.0).expired) == 1
    assert repr(queue) == "<ReadyQueue 0 waiting; >"


# Calls that are at home with a worker


def test_a_worker_takes_what_is_at_home_with_it_first() -> None:
    """And what is at home with none; what is best left to another it takes rather than be idle, or do late work."""
    queue: ReadyQueue[str] = ReadyQueue(BatchPlan(default_cap=2, home_slack_s=3.0))
    queue.put("late", "late", Urgency(1.0, if_late="yield"), home=0)
    for item, deadline_s, home in (("away", 5.0, 1), ("anywhere", 7.0, None), ("here", 6.0, 0)):
        queue.put(item, item, Urgency(deadline_s), home=home)
    assert [queue.take(1, now_s=2.0, home=0).batch for _ in range(4)] == [["here"], ["anywhere"], ["away"], ["late"]]


def test_a_worker_helps_another_whose_calls_grow_late() -> None:
    """What is away goes first where its deadline is earlier by more than the plan's slack."""
    queue: ReadyQueue[str] = ReadyQueue(BatchPlan(default_cap=2, home_slack_s=0.5))
    for item, deadline_s, home in (("here", 6.0, 0), ("much sooner", 5.4, 1), ("a little sooner", 5.6, 1)):
        queue.put(item, item, Urgency(deadline_s), home=home)
    assert [queue.take(1, home=0).batch for _ in range(3)] == [["much sooner"], ["here"], ["a little sooner"]]


def test_calls_that_go_one_by_one_are_at_home_with_none() -> None:
    """They are long: to let one wait for its worker costs more than its memory is worth."""
    queue: ReadyQueue[str] = ReadyQueue(BatchPlan(home_slack_s=0.5))
    for item, deadline_s, home in (("here", 6.0, 0), ("a little sooner", 5.6, 1)):
        queue.put(item, home, Urgency(deadline_s), home=home)
    assert [queue.take(1, home=0).batch for _ in range(2)] == [["a little sooner"], ["here"]]


# Folder work holds back


def test_no_more_batches_of_folder_work_run_at_once_than_the_plan_allows() -> None:
    """Live calls are not held back by it; those that wait go on when the plan or a batch that ends makes room."""
    queue = queue_of([Call(0, "asr", Urgency()), Call(1, "asr", Urgency(1.0))], BatchPlan(max_folder_batches=1))
    live = queue.take(2, folder_running=1)
    assert ([call.number for call in live.batch], live.is_folder) == ([1], False)
    assert queue.take(1, folder_running=1) == Taken([])
    assert queue.folder_waits
    queue.plan = BatchPlan(max_folder_batches=2)
    folder = queue.take(1, folder_running=1)
    assert ([call.number for call in folder.batch], folder.is_folder) == ([0], True)
    assert not queue.folder_waits


def test_paused_folder_work_waits() -> None:
    """However many workers are free."""
    queue = queue_of([Call(0, "asr", Urgency())], BatchPlan(max_folder_batches=0))
    assert queue.take(8) == Taken([])
    assert len(queue) == 1


# Larger batches are tried


def test_no_more_tries_of_a_larger_batch_run_at_once_than_the_plan_allows() -> None:
    """The others go on with what is proven: until a try ends all workers would make the same mistake."""
    waiting = [Call(number, "asr", Urgency(1.0)) for number in range(10)]
    queue = queue_of(waiting, BatchPlan(caps={"asr": 4}, proven={"asr": 2}, max_tries=1))
    first, second = queue.take(1, tries_running=0), queue.take(1, tries_running=1)
    assert (len(first.batch), first.is_try) == (4, True)
    assert (len(second.batch), second.is_try) == (2, False)
    assert len(queue.take(1).batch) == 4


def test_where_nothing_is_said_of_what_is_proven_nothing_is_a_try() -> None:
    """As of folder work, whose calls are capped by their length."""
    queue = queue_of([Call(number, "asr", Urgency()) for number in range(3)], BatchPlan(default_cap=3, max_tries=0))
    taken = queue.take(1, tries_running=5)
    assert (len(taken.batch), taken.is_try) == (3, False)


@pytest.mark.parametrize(("workers", "tries"), [(1, 2), (2, 2), (8, 3), (64, 8)])
def test_few_of_many_workers_try_a_larger_batch(workers: int, tries: int) -> None:
    """A size counts as explored after five calls."""
    assert most_tries(workers) == tries


# Overload


PERIOD_S, TARGET_S = 0.2, 0.3


@dataclass
class Served:
    """What became of the streams of one simulated run: the shares of streams and of answers that were on time."""

    whole_streams: float
    answers_on_time: float


def overloaded(streams: int, workers: int, cap: int, seed: int, *, is_told_the_time: bool) -> Served:
    """Streams with a chunk each 0.2 s ask for 1.3 times what the workers carry, for 20 s; all that waits is kept.

    A stream has one chunk in the queue, the others wait in it. Without the time the queue is plain earliest deadline
    first. A call of several chunks saves half of what each costs alone.
    """
    chunk_s = 1.3 * PERIOD_S * workers / streams  # of a full call
    service_s = [0.0] + [chunk_s * (cap + size) / 2 for size in range(1, cap + 1)]
    queue: ReadyQueue[int] = ReadyQueue(BatchPlan(cap, service_s={"asr": service_s[cap]}))
    waiting: list[deque[float]] = [deque() for _ in range(streams)]
    latencies_s: list[list[float]] = [[] for _ in range(streams)]
    chance = random.Random(seed)
    events = [(chance.random() * PERIOD_S, number, [number]) for number in range(streams)]
    heapq.heapify(events)
    running: dict[int, list[int]] = {}
    numbers = count(streams)
    now_s = 0.0
    while now_s < 20.0:
        now_s, event, members = heapq.heappop(events)
        if running.pop(event, None):
            for stream in members:
                latencies_s[stream].append(now_s - waiting[stream].popleft())
        else:
            waiting[members[0]].append(now_s)
            heapq.heappush(events, (now_s + PERIOD_S, next(numbers), members))
            members = [stream for stream in members if len(waiting[stream]) == 1]
        for stream in members:
            if waiting[stream]:
                queue.put(stream, "asr", Urgency(waiting[stream][0] + TARGET_S, if_late="yield"))
        while queue and len(running) < workers:
            batch = queue.take(workers - len(running), now_s=now_s if is_told_the_time else -math.inf).batch
            running[number := next(numbers)] = batch
            heapq.heappush(events, (now_s + service_s[len(batch)], number, batch))
    late = [now_s - times[0] > TARGET_S if times else False for times in waiting]
    whole = [max(told) <= TARGET_S + 1e-9 and not is_late for told, is_late in zip(latencies_s, late, strict=True)]
    answers = [latency_s <= TARGET_S + 1e-9 for told in latencies_s for latency_s in told]
    return Served(sum(whole) / streams, sum(answers) / len(answers))


@settings(max_examples=12, deadline=None)
@given(st.integers(50, 120), st.integers(1, 3), st.sampled_from([1, 1, 2]), st.integers(0, 10_000))
def test_under_overload_most_streams_stay_wholly_on_time(streams: int, workers: int, cap: int, seed: int) -> None:
    """At 1.3 times what can be carried 0.77 of the streams are the most there can be.

    With late calls in a class of their own at least 0.7 of them have every chunk on time. By plain earliest deadline
    first none has, and fewer than 0.1 of all answers are on time.
    """
    served = overloaded(streams, workers, cap, seed, is_told_the_time=True)
    assert 0.7 <= served.whole_streams < 0.78
    assert served.answers_on_time > 0.9
    plain = overloaded(streams, workers, cap, seed, is_told_the_time=False)
    assert plain.whole_streams == 0.0
    assert plain.answers_on_time < 0.1


@settings(max_examples=12, deadline=None)
@given(st.integers(10, 40), st.integers(1, 3), st.integers(0, 10_000))
def test_under_overload_few_streams_with_long_calls_stay_on_time_as_well(streams: int, workers: int, seed: int) -> None:
    """Calls of up to a quarter of the target: a late one that went before one on time would make that late too."""
    served = overloaded(streams, workers, 1, seed, is_told_the_time=True)
    assert served.whole_streams >= 0.6
    assert served.answers_on_time > 0.85


def test_the_queue_says_what_waits() -> None:
    """One line for a log."""
    queue = queue_of([Call(0, "asr", Urgency()), Call(1, "vad", Urgency(1.0)), Call(2, "asr", Urgency())])
    assert repr(queue) == "<ReadyQueue 3 waiting; asr: 2, vad: 1>"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"default_cap": 0}, "batch cap must be at least 1, got 0"),
        ({"caps": {"asr": 0}}, "batch cap must be at least 1, got 0"),
        ({"service_s": {"asr": -0.1}}, "0 s or more and finite, got -0.1"),
        ({"service_s": {"asr": math.inf}}, "0 s or more and finite, got inf"),
        ({"service_s": {"asr": math.nan}}, "0 s or more and finite, got nan"),
        ({"max_folder_batches": -1}, "0 or more, or None, got -1"),
        ({"proven": {"asr": 0}}, "batch cap must be at least 1, got 0"),
        ({"max_tries": -1}, "max_tries must be 0 or more, or None, got -1"),
        ({"workers": 0}, "workers must be 1 or more, or None, got 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any], words: str) -> None:
    """A cap of none would stop all work; an endless service would make everything late."""
    with pytest.raises(ValueError, match=words):
        BatchPlan(**wrong)


def test_folder_work_that_is_forgotten_waits_no_more() -> None:
    """The rest of it keeps its order; live calls, and what does not wait, cannot be forgotten."""
    queue: ReadyQueue[str] = ReadyQueue()
    for number, item in enumerate(("a", "b", "c", "d")):
        queue.put(item, "asr", Urgency(priority=-number))
    queue.put("live", "asr", Urgency(1.0))
    for item, kind in (("b", "asr"), ("live", "asr"), ("nobody", "asr"), ("a", "nothing")):
        queue.forget(item, kind)
    assert len(queue) == 4
    assert [queue.take(1).batch for _ in range(4)] == [["live"], ["a"], ["c"], ["d"]]
    queue.put("e", "vad", Urgency())
    queue.forget("e", "vad")
    assert (len(queue), queue.folder_waits, queue.take(1).batch) == (0, False, [])


def test_a_deadline_is_a_number() -> None:
    """NaN has no place in any order."""
    with pytest.raises(ValueError, match="NaN"):
        Urgency(math.nan)
