"""`simulate`: one scenario in virtual time, on the engine's own `ReadyQueue`, `CostModel` and `Controller`.

Nothing here decides: it carries out, as the engine does on a real clock. The same scenario gives the same outcome.
"""

import heapq
import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TypeAlias

from modules.batching.cost_model import CostKey, CostLimits, CostModel
from modules.batching.live_chunks import length_costs
from modules.batching.ready_queue import BatchPlan, ReadyQueue, most_tries
from modules.batching.waiting import IfLate, Urgency
from modules.simulation.arrivals import PIECE_S
from modules.simulation.live_streams import SimulatedStream
from modules.simulation.machines import Processors
from modules.simulation.outcome import KneeSeen, Outcome, WorkDone
from modules.simulation.scenarios import Scenario
from modules.simulation.watch import Watch
from modules.tuning.controller import Controller
from modules.tuning.folder_pace import FolderPace
from modules.tuning.plan import Observation, Plan
from modules.tuning.quota_pace import QuotaPace
from modules.tuning.shares import quota_share

LOOK_S = 0.25
"""How often the governor looks. It turns ordinary knobs once a second; what is urgent should not wait that long."""

_MODEL = "model"
_FOLDER_KEY = CostKey("folder")


@dataclass(frozen=True, slots=True)
class _FolderCall:
    """The place of a recording that always has more to do."""

    number: int


_Item: TypeAlias = SimulatedStream | _FolderCall


@dataclass(slots=True)
class _Call:
    """A batch on a worker."""

    key: CostKey
    items: list[_Item]
    started_s: float
    work_s: float
    is_try: bool


class _Run:
    """The state of one run; events happen in order of time."""

    def __init__(self, scenario: Scenario, model: CostModel | None) -> None:
        self._scenario = scenario
        self._chance = Random(scenario.seed)  # noqa: S311 - a seeded run, no secret
        self._processors: Processors[_Call] = Processors(scenario.machine)
        self._queue: ReadyQueue[_Item] = ReadyQueue()
        workers = max(1, math.floor(scenario.machine.cpus()))
        self._model = CostModel() if model is None else model
        self._model.limits = CostLimits.of(scenario.target_s, workers=workers)
        self._keys = {length_s: [_key(length_s)] for length_s in scenario.limits.lengths_s}
        self._all_keys = [_key(PIECE_S * n) for n in range(1, round(max(self._keys) / PIECE_S) + 1)]
        self._streams = [SimulatedStream(number, sent) for number, sent in enumerate(scenario.streams)]
        self._events: list[tuple[float, int, partial[None]]] = []
        self._number, self._now_s = 0, 0.0
        self._busy = self._folder_running = self._tries_running = 0
        self._watch = Watch()
        self._quota_pace, self._rested_s = QuotaPace(), 0.0
        self._outcome = Outcome(scenario.target_s, scenario.seconds, [stream.outcome for stream in self._streams])
        self._plan = self._first_plan()
        self._controller = Controller(scenario.target, scenario.limits, plan=self._plan)
        self._set_caps()

    def run(self) -> Outcome:
        """Let everything happen."""
        scenario = self._scenario
        for stream in self._streams:
            self._at(stream.sent.opens_s, partial(self._open, stream))
            self._at(stream.sent.closes_s, partial(self._close, stream))
        for neighbour in scenario.machine.neighbours:
            for instant_s in (neighbour.from_s, neighbour.until_s):
                self._at(instant_s, partial(self._processors.changed))
        if scenario.folder:
            for number in range(scenario.machine.cores):
                self._at(0.0, partial(self._put_folder, _FolderCall(number)))
        self._at(LOOK_S, partial(self._look))
        self._loop()
        return self._finished()

    def _loop(self) -> None:
        events, processors, ends_s = self._events, self._processors, self._scenario.seconds
        while True:
            self._now_s = min(processors.next_s, events[0][0] if events else math.inf)
            if self._now_s > ends_s:
                return
            for call in processors.advance(self._now_s):
                self._over(call)
            while events and events[0][0] <= self._now_s:
                heapq.heappop(events)[2]()
            self._dispatch()

    def _at(self, instant_s: float, event: partial[None]) -> None:
        if instant_s < self._scenario.seconds:
            self._number += 1
            heapq.heappush(self._events, (instant_s, self._number, event))

    # What streams do

    def _open(self, stream: SimulatedStream) -> None:
        stream.is_open = True
        self._admit()
        self._send(stream)

    def _close(self, stream: SimulatedStream) -> None:
        stream.is_open = False
        self._admit()

    def _send(self, stream: SimulatedStream) -> None:
        """The next piece is on its way."""
        if stream.sent_next < len(stream.sent.sends_s):
            self._at(stream.sent.sends_s[stream.sent_next], partial(self._push, stream))
            stream.sent_next += 1

    def _push(self, stream: SimulatedStream) -> None:
        stream.push(self._now_s)
        if stream.is_served:
            self._watch.pieces += 1
            self._cut(stream)
        elif not self._scenario.keeps_all:
            stream.give_up()
        self._send(stream)

    def _cut(self, stream: SimulatedStream) -> None:
        """Put the stream's next chunk into the queue if there is one."""
        chunk_s = self._plan.chunk_s
        if stream.cut(chunk_s):
            deadline_s = stream.chunk[-1] + self._scenario.target_s
            stream.was_late = deadline_s < self._now_s
            if_late: IfLate = "yield" if self._scenario.keeps_all else "drop"
            urgency = Urgency(deadline_s, stream.sent.priority, if_late, stream.number)
            self._queue.put(stream, _key(PIECE_S * len(stream.chunk)), urgency)

    def _admit(self) -> None:
        """Serve the most important and oldest streams that are not behind, as many as the plan says."""
        chunk_s = self._plan.chunk_s
        is_open = sorted((each for each in self._streams if each.is_open), key=lambda each: each.rank(chunk_s))
        for place, stream in enumerate(is_open):
            was_served, stream.is_served = stream.is_served, place < self._plan.max_streams
            if was_served and not stream.is_served and not self._scenario.keeps_all:
                stream.give_up()
            if stream.is_served and not was_served:
                self._cut(stream)

    # What workers do

    def _dispatch(self) -> None:
        while self._busy < self._plan.workers and self._queue and self._rested_s <= self._now_s:
            free = self._plan.workers - self._busy
            running = {"folder_running": self._folder_running, "tries_running": self._tries_running}
            taken = self._queue.take(free, now_s=self._now_s, **running)
            for item in taken.expired:
                assert isinstance(item, SimulatedStream)
                item.dropped()
                self._watch.chunks += 1
                self._cut(item)
            if batch := [item for item in taken.batch if not self._is_given_up(item)]:
                self._start(batch, is_folder=taken.is_folder, is_try=taken.is_try)
            elif not (taken.batch or taken.expired):
                return

    def _is_given_up(self, item: _Item) -> bool:
        """Whether it is a chunk whose stream was suspended while it waited; it is dropped."""
        if is_lost := isinstance(item, SimulatedStream) and not (item.is_served or self._scenario.keeps_all):
            item.dropped()
        return is_lost

    def _start(self, items: list[_Item], *, is_folder: bool, is_try: bool) -> None:
        profile, folder = self._scenario.profile, self._scenario.folder
        if is_folder:
            assert folder is not None
            key, work_s = _FOLDER_KEY, folder.call_s * math.exp(self._chance.gauss(0.0, profile.noise))
            self._folder_running += 1
        else:
            chunk_s = 0.0
            for item in items:
                assert isinstance(item, SimulatedStream)
                self._watch.waited(self._now_s - item.chunk[-1])
                chunk_s = PIECE_S * len(item.chunk)
            key = _key(chunk_s)
            work_s = profile.drawn_s(len(items), chunk_s, now_s=self._now_s, chance=self._chance)
        self._busy += 1
        self._tries_running += is_try
        self._processors.start(_Call(key, items, self._now_s, work_s, is_try), work_s)

    def _over(self, call: _Call) -> None:
        self._busy -= 1
        self._tries_running -= call.is_try
        self._rest(call)
        wall_s = self._now_s - call.started_s
        self._queue.ended(call.key, calls=len(call.items), service_s=wall_s)
        has_moved = self._model.observe(call.key, batch=len(call.items), service_s=wall_s, cpu_s=call.work_s)
        if call.key == _FOLDER_KEY:
            self._folder_running -= 1
            self._outcome.folder_s += call.work_s
        else:
            self._outcome.live_s += call.work_s
        for item in call.items:
            if isinstance(item, _FolderCall):
                self._at(self._now_s + self._pace().rest_share * wall_s, partial(self._put_folder, item))
                continue
            if not item.was_late:
                self._watch.answered(latency_s=self._now_s - item.chunk[-1], target_s=self._scenario.target_s)
            item.answered(self._now_s)
            self._cut(item)
        if has_moved:
            self._set_caps()

    def _rest(self, call: _Call) -> None:
        """No call begins before a quota has room for it."""
        self._quota_pace.ended(call.started_s, self._now_s)
        self._rested_s = self._quota_pace.next_s(self._plan.work_share)
        if self._rested_s > self._now_s:
            self._at(self._rested_s, partial(self._dispatch))

    def _put_folder(self, item: _FolderCall) -> None:
        self._queue.put(item, _FOLDER_KEY, Urgency())

    # What the governor does

    def _look(self) -> None:
        self._at(self._now_s + LOOK_S, partial(self._look))
        if self._scenario.static or self._is_frozen:
            self._set_caps()
            return
        streams = sum(stream.is_open for stream in self._streams)
        load = self._watch.load(streams=streams, admitted=min(streams, self._plan.max_streams), now_s=self._now_s)
        resources = self._watch.resources(self._processors, self._scenario.machine.cpus(now_s=self._now_s))
        costs = length_costs(self._model, self._keys)
        seen = Observation(self._now_s, load, resources, costs, folder_waits=self._scenario.folder is not None)
        decision = self._controller.decide(seen)
        self._outcome.observations.append(seen)
        self._outcome.decisions.append(decision)
        self._outcome.work.append(WorkDone(self._now_s, self._outcome.live_s, self._outcome.folder_s))
        chunk_s = self._plan.chunk_s
        self._outcome.knees.append(KneeSeen(self._now_s, self._model.knee(_key(chunk_s)), chunk_s))
        has_changed, self._plan = decision.plan != self._plan, decision.plan
        self._set_caps()
        if has_changed:
            self._admit()

    @property
    def _is_frozen(self) -> bool:
        return self._now_s >= self._scenario.frozen_from_s

    def _pace(self) -> FolderPace:
        return FolderPace.of(self._plan.folder_share, workers=self._plan.workers)

    def _first_plan(self) -> Plan:
        scenario = self._scenario
        workers = max(1, math.floor(scenario.machine.cpus()))
        chunk_s = scenario.static.chunk_s if scenario.static else scenario.limits.lengths_s[0]
        share = 1.0 if scenario.static else quota_share(scenario.machine.cpus(), workers=workers)
        return Plan(chunk_s, workers, scenario.limits.max_streams, work_share=share)

    def _set_caps(self) -> None:
        """Tell the dispatcher what follows from the cost model."""
        static, model, keys = self._scenario.static, self._model, self._all_keys  # folder calls are of one recording
        if self._is_frozen:
            return
        caps: dict[Hashable, int] = {key: static.cap if static else model.cap(key) for key in keys}
        expected_s: dict[Hashable, float] = {key: model.expected_s(key, batch=caps[key]) for key in keys}
        proven: dict[Hashable, int] = {} if static else {key: model.knee(key) for key in keys}
        tries, folder = most_tries(self._plan.workers), self._pace().max_batches
        workers = self._plan.workers if self._scenario.limits.is_full(self._plan) else None
        self._queue.plan = BatchPlan(1, caps, expected_s, folder, proven=proven, max_tries=tries, workers=workers)

    def _finished(self) -> Outcome:
        outcome = self._outcome
        until_s = self._scenario.seconds - self._scenario.target_s
        for stream in self._streams:
            stream.finish(until_s)
        outcome.periods, outcome.throttled_periods = self._processors.periods, self._processors.throttled_periods
        return outcome


def simulate(scenario: Scenario, *, model: CostModel | None = None) -> Outcome:
    """What becomes of the scenario; begins with what `model` has learnt, or with nothing."""
    return _Run(scenario, model).run()


def _key(chunk_s: float) -> CostKey:
    return CostKey(_MODEL, f"{chunk_s:g} s", round(chunk_s, 3))
