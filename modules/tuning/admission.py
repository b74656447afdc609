"""`StreamsKnob`: how many streams are served. The rest is suspended whole, so that those served are on time. Pure.

Dropping single chunks of all streams would leave no healthy one.
"""

import math

from modules.tuning.averages import RateOfLate
from modules.tuning.ladder import Rung
from modules.tuning.plan import Knob, Limits
from modules.tuning.view import Turn, View

_KEEP_LOAD = 0.93
"""Most of the capacity that is filled when streams are suspended."""

_FULL_LOAD = 0.95
"""Most of the capacity up to which suspended streams are let back, one probe at a time."""

_WAITS = 0.078
"""What the capacity filled loses by calls that are long beside what they leave of the target, as a share of it, where
there is one worker; of several its share falls with the root of their number.

In heavy traffic waits are exponential with a mean of v * call / (1 - load), v by how irregular arrivals and calls are
(Kingman, The single server queue in heavy traffic, 1961): that 99 of 100 wait no longer than target - call, 1 - load
must be 4.6 * v * call / (target - call). Chunks that come as regularly as sound have a small v, about 0.017. By theory
it would fall with the number of workers itself; with their root, simulations of two and eight kept p99.
"""

_LEAST_LOAD = 0.75  # filled however long calls are

_FREE_LOAD = 0.90
"""Share of the capacity below which all may be served again."""

_QUEUE_SOON, _QUEUE_SOON_BEYOND, _AHEAD_S = 0.8, 0.35, 1.0
"""Standing queue as a share of the slack, as it will be in so many seconds at today's excess: with less, and nothing
missed in the latest look, what is late may pass: a machine that is a little slower for a second makes nobody late.
With less of it already where streams are suspended, and more is asked for than is carried.
"""

_RELIEF, _RELIEF_S = 1.1, 1.0
"""A load of up to so many times the capacity may fit once what was just given up has had so many seconds to tell.

Partial results take a tenth of what recognising does, or less, with all that is done with them.
"""

_STUBBORN_S = 6.0
"""After so long of late chunks fewer streams are served though the capacity known would carry them."""

_SURELY_OVER = 1.06
"""So many times what is carried are too many at once; with a little less what is known may be off, and it takes late
chunks for a while to tell.
"""

_NOW_OVER, _NOW_NOISE, _NOW_OVER_S = 1.01, 0.11, 0.25
"""Where streams are suspended already, so many times what is carried for so long takes no late chunk to tell: what is
carried was known, and has become less. It is a mean over calls, so its noise falls with the root of the workers; and of
a single look it may be a moment in which the machine gives less.
"""

_LASTING_S = 4.0
"""What stands in the queue after chunks have been late for a while, or while streams are suspended, must be gone within
so many seconds, by what the streams leave of the capacity: at a load of 1 a queue that formed once makes every chunk
late for ever after.
"""

_AT_ONCE = 0.25
"""Where streams are suspended already, so much of the way to fewer is gone at once: what was known of the capacity a
moment ago was not far off, and on a host that gives less for half a second the last of them miss a chunk or two, by
`ReadyQueue`. Those suspended would miss seconds. Where it is less for good, others follow.
"""

_DRAIN_S, _MOST_DRAIN = 1.0, 0.1
"""For what waits to be gone so soon, fewer streams are served at first, by at most that share of the capacity.

At a load of 0.93 a queue of a fifth of a second takes three seconds to go, and until then whatever disturbs the machine
makes all streams late.
"""

_DRAINED = 0.2
"""Of the slack: with a standing queue below that, those who were to be served and waited for it come back at once."""

_STEP = 0.05
_FIRST_HOLD_S, _MAX_HOLD_S = 8.0, 120.0
_PROBED_S = 2.0

_CLEAN_S = 3.0
"""Nothing late for so long shows that there is room, where streams are so few that a p99 would take minutes to show."""


class StreamsKnob:
    """Suspends at once down to what the capacity at the knee carries, lets back 5 % at a time, and reverts exactly."""

    def __init__(self, limits: Limits) -> None:
        """Serve at most the limit's streams."""
        self._limits = limits
        self._carried: dict[float, RateOfLate] = {}  # by chunk length
        self._before_probe: int | None = None
        self._is_draining = False
        self._over_since_s = math.inf
        self._moved_s = -math.inf
        self._hold_s = _FIRST_HOLD_S
        self._hold_until_s = -math.inf

    def turn(self, view: View) -> Turn | None:
        """How many to serve, if it should be another number."""
        cost = view.cost(view.plan.chunk_s)
        if cost is None or view.stream_s is None or view.stream_s <= 0:
            return None
        fitting, admitted = view.capacity_s(cost) / view.stream_s, view.seen.load.admitted
        of_late = self._carried.setdefault(view.plan.chunk_s, RateOfLate()).observe(fitting, now_s=view.now_s)
        most = 1 - _waited_s(view) / _LASTING_S if view.is_lasting or self._is_beyond(view) else _SURELY_OVER
        is_over = admitted > most * fitting or view.late_for_s >= _STUBBORN_S
        load = admitted / fitting
        is_known_over = self._over_for_s(view, load) >= _NOW_OVER_S
        if (
            Rung.SUSPEND in view.rungs
            and (is_known_over or self._is_late_now(view, load))
            and view.is_trusted
            and is_over
            and view.now_s - self._moved_s >= self._limits.period_s
        ):
            return self._suspend(view, of_late, admitted)
        if not self._is_beyond(view):
            return None
        return self._let_back(view, of_late, admitted)

    def turned(self, turn: Turn, view: View) -> None:
        """It was turned."""
        before = view.plan.max_streams
        is_probe = before < turn.after < self._limits.max_streams and not self._is_draining
        self._is_draining = turn.after < before and turn.after != self._before_probe
        self._before_probe = before if is_probe else None
        self._moved_s = view.now_s

    def _is_beyond(self, view: View) -> bool:
        """Whether streams are suspended: more is asked for than is carried."""
        return self._limits.suspends(view.plan)

    def _over_for_s(self, view: View, load: float) -> float:
        """For how long what was known to be carried has been less than is served; below 0 when it is not."""
        is_over = self._is_beyond(view) and load > _NOW_OVER + _NOW_NOISE / math.sqrt(view.plan.workers)
        self._over_since_s = min(self._over_since_s, view.now_s) if is_over else math.inf
        return view.now_s - self._over_since_s

    def _is_late_now(self, view: View, load: float) -> bool:
        """Whether chunks are late, in the latest look too, or are about to be and nothing given up lately will help."""
        if not view.is_late:
            return False
        if view.seen.load.on_time < view.seen.load.chunks:
            return True
        may_help = view.relieved_for_s < _RELIEF_S and load <= _RELIEF
        most = _QUEUE_SOON_BEYOND if self._is_beyond(view) else _QUEUE_SOON
        return _queue_soon(view, load) >= most and not may_help

    def _suspend(self, view: View, fitting: float, admitted: int) -> Turn | None:
        before = self._before_probe
        if before is not None and before <= fitting and view.now_s - self._moved_s <= _PROBED_S:
            self._hold_until_s = view.now_s + self._hold_s
            self._hold_s = min(2 * self._hold_s, _MAX_HOLD_S)
            why = "chunks are late again" if view.is_late else "there is less room than there was"
            sentence = f"with {admitted} streams {why}; back to the {before} that went well"
            return Turn(Knob.STREAMS, before, sentence, is_urgent=True)
        load = min(_KEEP_LOAD, _on_time_load(view)) - _drain(view)
        kept = math.floor(load * fitting)
        if self._is_beyond(view):
            kept = math.ceil(admitted - _AT_ONCE * (admitted - kept))
        kept = max(1, min(kept, admitted - max(1, math.floor(_STEP * admitted))))
        if kept >= view.plan.max_streams or kept >= admitted:
            return None
        sentence = (
            f"{view.seen.load.streams} streams ask for more than the {fitting:.4g} that {view.plan.workers} workers "
            f"carry; {kept} are served on time; the least important, those behind and the newest are suspended whole"
        )
        return Turn(Knob.STREAMS, kept, sentence, is_urgent=True)

    def _let_back(self, view: View, fitting: float, admitted: int) -> Turn | None:
        """More of the suspended streams, when those served are on time and there is room."""
        streams, served = view.seen.load.streams, max(admitted, view.plan.max_streams)
        if self._is_draining and not view.is_late and (view.queue or 0.0) < _DRAINED:
            kept = min(math.floor(min(_FULL_LOAD, _on_time_load(view)) * fitting), streams)
            if kept > served:
                sentence = f"what waited is done and {fitting:.4g} streams could be carried: {kept} are served"
                return Turn(Knob.STREAMS, kept, sentence, is_urgent=True)
        if view.is_late or view.now_s - self._moved_s < _PROBED_S:
            return None
        if streams <= _FREE_LOAD * fitting and (view.is_kept or view.clean_for_s >= _CLEAN_S):
            sentence = f"{streams} streams are open and {fitting:.4g} could be carried: all are served again"
            return Turn(Knob.STREAMS, self._limits.max_streams, sentence)
        if not view.is_kept:
            return None
        room = math.floor(min(_FULL_LOAD, _on_time_load(view)) * fitting)
        more = min(room, admitted + max(1, math.floor(_STEP * admitted)), streams)
        if more <= served or view.now_s < self._hold_until_s:
            return None
        sentence = f"the {admitted} streams served are on time and {fitting:.4g} could be carried; {more} are tried"
        return Turn(Knob.STREAMS, more, sentence)


def _queue_soon(view: View, load: float) -> float:
    """The standing queue a little later, as a share of the slack: what is more than carried waits as well."""
    return (view.queue or 0.0) + max(0.0, load - 1) * _AHEAD_S / view.target_s


def _drain(view: View) -> float:
    """The share of the capacity that what waits, beside the calls that run, takes for a while."""
    return min(_MOST_DRAIN, _waited_s(view) / _DRAIN_S)


def _waited_s(view: View) -> float:
    """How long chunks wait for a worker, beside the calls that run."""
    cost = view.cost(view.plan.chunk_s)
    return max(0.0, (view.seen.load.standing_queue_s or 0.0) - (cost.call_s if cost else 0.0))


def _on_time_load(view: View) -> float:
    """The share of the capacity at which nearly all chunks wait no longer than their calls leave of the target."""
    cost = view.cost(view.plan.chunk_s)
    assert cost is not None
    left_s = max(view.target_s - cost.call_s, 1e-9)
    return max(_LEAST_LOAD, 1 - _WAITS / math.sqrt(view.plan.workers) * cost.call_s / left_s)
