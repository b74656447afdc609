"""`Controller`: what was seen in, the next plan out. Pure: the same observations give the same decisions.

It may be asked as often as one likes. What is urgent it decides at once; of the rest it turns one knob a period, and no
knob again within the dwell time. Urgent are: memory at its limit, another number of CPUs, the rungs of the overload
ladder, and while chunks are late a longer chunk length and fewer streams.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

from modules.monitoring.targets import PerformanceTarget
from modules.tuning.admission import StreamsKnob
from modules.tuning.averages import OnTimeWindow, WorseAverage
from modules.tuning.chunk_length import LengthKnob
from modules.tuning.ladder import Ladder, Strain
from modules.tuning.plan import Decision, Knob, Limits, LoadSeen, Move, Observation, Plan
from modules.tuning.shares import FolderKnob, QuotaKnob, WorkersKnob
from modules.tuning.switches import switches
from modules.tuning.view import Turn, View

REVERSE_S = 10.0
"""A knob that was turned one way is not turned back within so many seconds, unless that is urgent."""

_LATE_QUEUE = 0.3  # of the target
_LATE_MISSES = 0.02
_MANY_MISSES = 0.1  # less than that in one look only may be of one call: of a hundred chunks one may be late
_LEAST_SLACK = 0.2  # of the target
_ALLOWED_MISSES = 0.01  # of a p99
_MISS_WEIGHT = 10.0  # so many times the share of misses beyond these counts like a standing queue
_CROWD, _OPENING_LOOKS = 1.05, 3  # so many times as many streams within so many looks
_FEW_CHUNKS = 20  # fewer say nothing of a share of misses


class _TurningKnob(Protocol):
    def turn(self, view: View) -> Turn | None: ...

    def turned(self, turn: Turn, view: View) -> None: ...


class Controller:
    """Holds the plan and moves it; `decide` tells it all it needs."""

    def __init__(self, target: PerformanceTarget, limits: Limits, *, plan: Plan | None = None) -> None:
        """Begin with `plan`, or with the shortest chunks, one worker and all streams served."""
        self.plan = plan or Plan(limits.lengths_s[0], 1, limits.max_streams)
        self._limits = limits
        self._target_s = target.p99_chunk_latency_ms / 1e3
        self._dwell_s = limits.dwell_periods * limits.period_s
        self._ladder = Ladder(dwell_s=self._dwell_s)
        self._stream_s = WorseAverage()
        self._on_time = OnTimeWindow()
        self._lately: deque[tuple[float, int, int]] = deque()  # when, chunks and misses
        self._seen_s: float | None = None
        self._admitted: deque[int] = deque(maxlen=_OPENING_LOOKS)
        self._late_since_s: float | None = None
        self._missed_s = -math.inf
        self._ordinary_s = -math.inf
        self._moved: dict[Knob, tuple[float, bool]] = {}  # when, and whether upwards
        self._knobs: Sequence[_TurningKnob] = (
            WorkersKnob(limits),
            QuotaKnob(),
            LengthKnob(limits),
            StreamsKnob(limits),
            FolderKnob(),
        )

    def decide(self, seen: Observation) -> Decision:
        """The plan from now on, and the moves that made it. Observations must come in order of time."""
        assert self._seen_s is None or seen.now_s >= self._seen_s, seen.now_s
        self._learn(seen)
        view = self._view(seen)
        rungs = self._ladder.look(_strain(view), seen.now_s)
        view = replace(view, rungs=rungs, relieved_for_s=seen.now_s - self._ladder.relieved_s)
        moves = [self._turned(turn, seen.now_s) for turn in switches(view) if self._may(turn, seen.now_s)]
        for knob in self._knobs:
            view = replace(view, plan=self.plan)
            turn = knob.turn(view)
            if turn is not None and self._may(turn, seen.now_s):
                knob.turned(turn, view)
                moves.append(self._turned(turn, seen.now_s))
        self._seen_s = seen.now_s
        return Decision(seen.now_s, self.plan, tuple(moves), tuple(rungs))

    def _learn(self, seen: Observation) -> None:
        """Bring the averages up to date."""
        load, since_s = seen.load, self._seen_s
        self._learn_of_streams(load, over_s=0.0 if since_s is None else seen.now_s - since_s)
        self._on_time.observe(chunks=load.chunks, on_time=load.on_time)
        if load.on_time < load.chunks:
            self._missed_s = seen.now_s
        self._lately.append((seen.now_s, load.chunks, load.chunks - load.on_time))
        while self._lately[0][0] <= seen.now_s - self._limits.period_s:
            self._lately.popleft()

    def _learn_of_streams(self, load: LoadSeen, *, over_s: float) -> None:
        """What a stream sends; not while many have just been opened, who have hardly sent anything yet."""
        before = self._admitted[0] if self._admitted else load.admitted
        self._admitted.append(load.admitted)
        is_known = self._stream_s.mean is not None
        is_crowd = load.admitted > _CROWD * before and is_known
        if load.audio_s is not None and load.admitted and not is_crowd and (load.audio_s or is_known):
            self._stream_s.observe(load.audio_s / load.admitted, over_s=over_s)

    def _view(self, seen: Observation) -> View:
        miss_share = self._miss_share()
        stream_s = self._stream_s.worse
        queue = seen.load.standing_queue_s
        queue_share = None if queue is None else self._share_of_slack(seen, queue)
        if queue is None and not seen.load.chunks and not seen.load.admitted:
            queue_share = 0.0  # nobody waits
        is_late = miss_share >= _LATE_MISSES or (queue_share or 0.0) >= _LATE_QUEUE
        if not is_late:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = seen.now_s
        return View(
            seen=seen,
            plan=self.plan,
            target_s=self._target_s,
            lengths_s=self._limits.lengths_s,
            wanted_s=None if stream_s is None else stream_s * seen.load.streams,
            stream_s=self._stream_s.mean,
            queue=queue_share,
            miss_share=miss_share,
            is_late=is_late,
            is_kept=self._on_time.is_kept,
            clean_for_s=seen.now_s - self._missed_s,
            late_for_s=0.0 if self._late_since_s is None else seen.now_s - self._late_since_s,
        )

    def _miss_share(self) -> float:
        """Misses among the chunks of the last period, if they are more than a call that happened to be long."""
        chunks = sum(each for _, each, _ in self._lately)
        misses = [each for _, _, each in self._lately if each]
        share = sum(misses) / chunks if chunks >= _FEW_CHUNKS else 0.0
        return share if len(misses) > 1 or share >= _MANY_MISSES else 0.0

    def _share_of_slack(self, seen: Observation, queue_s: float) -> float:
        """The standing queue beyond the call that was running, as a share of what the deadline leaves beside calls."""
        cost = next((cost for cost in seen.lengths if cost.chunk_s == self.plan.chunk_s), None)
        call_s = cost.call_s if cost else 0.0
        return max(0.0, queue_s - call_s) / max(_LEAST_SLACK * self._target_s, self._target_s - 2 * call_s)

    def _may(self, turn: Turn, now_s: float) -> bool:
        """Whether it is time for that turn."""
        if turn.is_urgent:
            return True
        if now_s - self._ordinary_s < self._limits.period_s:
            return False
        moved_s, was_up = self._moved.get(turn.knob, (-math.inf, True))
        is_up = turn.after > getattr(self.plan, turn.knob)
        is_back = is_up != was_up and turn.knob is not Knob.STREAMS  # they come back by probes, with holds of their own
        return now_s - moved_s > max(self._dwell_s, REVERSE_S) if is_back else now_s - moved_s >= self._dwell_s

    def _turned(self, turn: Turn, now_s: float) -> Move:
        """Turn it."""
        self._moved[turn.knob] = (now_s, turn.after > getattr(self.plan, turn.knob))
        if not turn.is_urgent:
            self._ordinary_s = now_s
        if turn.knob is Knob.STREAMS or turn.knob is Knob.CHUNK:
            self._on_time.restart()  # what was before says nothing of the plan to come
            self._lately.clear()
            self._late_since_s = None
        move = turn.move(self.plan)
        self.plan = replace(self.plan, **cast("dict[str, Any]", {turn.knob: turn.after}))
        return move


def _strain(view: View) -> Strain:
    """How far behind we are."""
    lengths = [cost for cost in view.seen.lengths if view.is_useful(cost) or cost.chunk_s == view.plan.chunk_s]
    strongest = max((view.capacity_s(cost) for cost in lengths), default=None)
    excess = None if strongest is None or view.wanted_s is None else view.wanted_s / strongest
    if excess is not None and excess > 1 and not view.is_trusted:
        excess = None
    behind = view.queue
    if view.miss_share > _ALLOWED_MISSES:
        behind = max(behind or 0.0, _MISS_WEIGHT * (view.miss_share - _ALLOWED_MISSES))
    return Strain(behind, excess, view.seen.resources.memory_share)
