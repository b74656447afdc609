"""`LengthKnob`: the chunk length of live streams, the shortest that carries what they send with headroom. Pure."""

import math
from collections import defaultdict
from dataclasses import dataclass

from modules.batching.live_chunks import LengthCost
from modules.tuning.ladder import Rung
from modules.tuning.plan import Knob, Limits
from modules.tuning.view import FULL, MIN_GAIN, Turn, View

_GROW_ABOVE, _LACKS_ABOVE = 0.85, 0.87
"""Load at which a length no longer has headroom, and above which a shorter one would not have been enough. It is gone
back to when it was enough for `_PLENTY_S` without a break, and now has headroom too: the deadband is one of time, since
what is known of a length that is not in use is off by more than a deadband of load could be wide.
"""

_GROW_WHEN_LATE, _DOUBT_S = 0.6, 0.75
"""When chunks have been late for so many seconds, a load above that is too much, whatever the costs known say."""

_STALE_S = 10.0
"""After so long the cost of a length that is not in use is no reason any more not to try it."""

_PLAUSIBLE = 1.1
"""A length left less than `_STALE_S` ago is taken to carry so many times what it did then at most. What is known of it
by now is told by calls of other lengths, the first of which are few and of odd sizes.
"""

_MIN_GAIN_SHORTER = 1.10
"""What a shorter length must carry more when none is enough: it costs at least as much per second of audio, unless
something like a cache is at its end."""

_MIN_GAIN_SERVED = 1.2
"""What another length must carry more where streams are suspended: those served are on time by what is carried now, and
what is known of a length that is not in use is off by more than a few of 100.
"""

_TRY_S = 3.0
"""For so long after going to a longer length it is a try, in vain if it carries no more than a shorter one that is
not `FULL`: speakers wait less with the shorter one."""

_FIRST_HOLD_S, _MAX_HOLD_S = 20.0, 120.0
"""For so long a length that was tried in vain is not gone to again, for twice as long after the next time."""

_SWING = 1.05
"""So many times what is carried may pass by itself within ten seconds of going to a shorter length."""

_PLENTY_S = 10.0
"""A shorter length is gone back to when it would have been enough for so long."""


@dataclass(slots=True)
class _Past:
    """What is remembered of one length: when it was last left, what it then carried in seconds of audio per second, and
    when it would last not have been enough. After it was tried in vain it is held, for `hold_s` from then on.
    """  # noqa: D205 - one sentence

    left_s: float = -math.inf
    carried_s: float = math.inf
    lacked_s: float = -math.inf
    held_until_s: float = -math.inf
    hold_s: float = 0.0

    def hold(self, now_s: float) -> None:
        """It was tried in vain."""
        self.hold_s = min(_MAX_HOLD_S, max(_FIRST_HOLD_S, 2 * self.hold_s))
        self.held_until_s = now_s + self.hold_s


class LengthKnob:
    """Grows when the fixed cost per chunk no longer fits, shrinks when it fits again.

    A longer chunk that nobody tried yet is a probe: once its cost is known it is compared like the others, so one that
    does not pay is left for the very length before it.
    """

    def __init__(self, limits: Limits) -> None:
        """Choose among the limits' lengths."""
        self._limits = limits
        self._past: defaultdict[float, _Past] = defaultdict(_Past)
        self._lengthened_s = self._shortened_s = -math.inf
        self._pressed_at: tuple[float, float] | None = None  # the length in force then, and when

    def turn(self, view: View) -> Turn | None:
        """The length to go to, if another one is better."""
        now = view.cost(view.plan.chunk_s)
        if now is None or view.wanted_s is None:
            return None
        load = view.wanted_s / view.capacity_s(now)
        if load <= _GROW_ABOVE:
            self._pressed_at = None
        for length_s in self._limits.lengths_s:
            if length_s < now.chunk_s and not _has_plenty(view, now, length_s, most=_LACKS_ABOVE):
                self._past[length_s].lacked_s = view.now_s
        if load > _grow_above(view) or (view.is_late and not view.is_useful(now)):
            return self._stronger(view, now, load)
        return self._shorter(view, now)

    def turned(self, turn: Turn, view: View) -> None:
        """It was turned; how dear the length left is, will soon be out of date."""
        past = self._past[view.plan.chunk_s]
        past.left_s = view.now_s
        cost = view.cost(view.plan.chunk_s)
        assert cost is not None, view.plan
        past.carried_s = view.capacity_s(cost)
        if turn.after > view.plan.chunk_s:
            past.lacked_s = self._lengthened_s = view.now_s
        elif turn.is_urgent:  # the longer one was tried in vain
            past.hold(view.now_s)
        else:
            self._shortened_s = view.now_s

    def _may_pass(self, view: View, load: float) -> bool:
        """Whether it is only a little too much, just after a shorter length was gone to, and nothing is late."""
        return view.now_s - self._shortened_s <= _PLENTY_S and load <= _SWING and not view.is_late

    def _is_pressed(self, view: View, load: float) -> bool:
        """Whether more is sent than is carried, for a while now: then larger batches would have come."""
        if self._pressed_at is None or self._pressed_at[0] != view.plan.chunk_s:
            self._pressed_at = (view.plan.chunk_s, view.now_s) if load > 1 else None
            return False
        return load > 1 and view.now_s - self._pressed_at[1] >= self._limits.period_s

    def _again(self, view: View, useful: list[LengthCost]) -> float | None:
        """The next longer length, if it was left so long ago that its cost may have changed."""
        longer = [cost.chunk_s for cost in useful if cost.chunk_s > view.plan.chunk_s]
        return longer[0] if longer and view.now_s - self._past[longer[0]].left_s >= _STALE_S else None

    def _stronger(self, view: View, now: LengthCost, load: float) -> Turn | None:
        """The shortest length that carries more, with headroom if there is one; a step into the unknown if need be."""
        if not (now.is_settled or view.is_late or self._is_pressed(view, load)):
            return None  # larger batches have not been tried yet, and nothing is late
        useful = [cost for cost in view.seen.lengths if view.is_useful(cost) and cost.chunk_s in self._limits.lengths_s]
        enough = [cost for cost in useful if view.wanted_s <= _grow_above(view) * self._carries(view, cost)]  # type: ignore[operator] # not None: see turn
        is_urgent = _is_urgent(view, load) and not self._may_pass(view, load)
        if not (now.is_settled or view.is_lasting):  # not to be left for one that is better known
            enough, useful = [], [now]
        if enough and enough[0] is not now:
            return self._to(view, enough[0], load, is_urgent=is_urgent)
        if (unknown_s := view.untried_s) is not None:
            sentence = f"{_carried(view, now, load)}; chunks of {unknown_s:g} s may cost less for it and are tried"
            return Turn(Knob.CHUNK, unknown_s, sentence, is_urgent)
        if view.is_lasting and (again_s := self._again(view, useful)) is not None:
            sentence = f"{_carried(view, now, load)}, but chunks are late; chunks of {again_s:g} s are tried again"
            return Turn(Knob.CHUNK, again_s, sentence, is_urgent=True)
        return self._best(view, now, useful, load)

    def _best(self, view: View, now: LengthCost, useful: list[LengthCost], load: float) -> Turn | None:
        """The one before a longer one that was tried in vain; else the one that carries most, if it is worth a move."""
        if (before := self._before_vain(view, now, useful)) is not None:
            return self._to(view, before, load, is_urgent=True)
        best = max(useful, key=lambda cost: self._carries(view, cost), default=now)
        gain = MIN_GAIN if best.chunk_s > now.chunk_s else _MIN_GAIN_SHORTER
        if self._limits.suspends(view.plan):
            gain = _MIN_GAIN_SERVED
        least_s = gain * view.capacity_s(now) if view.is_useful(now) else view.wanted_s
        is_held = view.is_useful(now) and view.now_s < self._past[best.chunk_s].held_until_s
        if best is now or is_held or self._carries(view, best) < least_s:  # type: ignore[operator] # as above
            return None
        return self._to(view, best, load, is_urgent=_is_urgent(view, load))

    def _carries(self, view: View, cost: LengthCost) -> float:
        """What chunks of a length are taken to carry."""
        past, known_s = self._past[cost.chunk_s], view.capacity_s(cost)
        is_fresh = cost.chunk_s != view.plan.chunk_s and view.now_s - past.left_s < _STALE_S
        return min(known_s, _PLAUSIBLE * past.carried_s) if is_fresh else known_s

    def _before_vain(self, view: View, now: LengthCost, useful: list[LengthCost]) -> LengthCost | None:
        """The shortest that carries about as much as one just gone to, and enough; later its cost is out of date."""
        if view.now_s - self._lengthened_s > _TRY_S:
            return None
        return next(
            (
                cost
                for cost in useful
                if cost.chunk_s < now.chunk_s
                and MIN_GAIN * self._carries(view, cost) >= view.capacity_s(now)
                and view.wanted_s <= FULL * self._carries(view, cost)  # type: ignore[operator] # as above
            ),
            None,
        )

    def _shorter(self, view: View, now: LengthCost) -> Turn | None:
        """The shortest length that would have been enough for a while: what swings would soon need the longer one."""
        for length_s in self._limits.lengths_s:
            if length_s >= now.chunk_s or view.is_late:
                return None
            if view.now_s - self._past[length_s].lacked_s >= _PLENTY_S and _has_plenty(
                view, now, length_s, most=_GROW_ABOVE
            ):
                sentence = (
                    f"streams send {view.wanted_s:.3g} s of audio a second, and chunks of {length_s:g} s carry "
                    f"{_capacity_s(view, now, length_s):.3g}: they are enough again, so speakers wait less"
                )
                return Turn(Knob.CHUNK, length_s, sentence)
        return None

    def _to(self, view: View, cost: LengthCost, load: float, *, is_urgent: bool) -> Turn:
        now = view.cost(view.plan.chunk_s)
        assert now is not None
        sentence = f"{_carried(view, now, load)}; chunks of {cost.chunk_s:g} s carry {view.capacity_s(cost):.3g}"
        return Turn(Knob.CHUNK, cost.chunk_s, sentence, is_urgent)


def _is_urgent(view: View, load: float) -> bool:
    """Whether another length is needed at once."""
    return Rung.LENGTHEN in view.rungs or load > 1


def _has_plenty(view: View, now: LengthCost, length_s: float, *, most: float) -> bool:
    """Whether a shorter length would carry what is wanted at a load of `most`."""
    known = view.cost(length_s)
    is_useful = known is None or view.is_useful(known)
    return is_useful and view.wanted_s <= most * _capacity_s(view, now, length_s)  # type: ignore[operator] # not None: see turn


def _capacity_s(view: View, now: LengthCost, length_s: float) -> float:
    """What a shorter length carries; an unknown one is taken to cost as much per chunk."""
    known = view.cost(length_s)
    return view.capacity_s(known) if known else view.capacity_s(now) * length_s / now.chunk_s


def _grow_above(view: View) -> float:
    """The load from which a length is not enough; less when chunks are late though less was asked for."""
    return _GROW_ABOVE if view.late_for_s < _DOUBT_S else _GROW_WHEN_LATE


def _carried(view: View, now: LengthCost, load: float) -> str:
    return (
        f"streams send {view.wanted_s:.3g} s of audio a second, {100 * load:.0f} % of the {view.capacity_s(now):.3g} "
        f"that chunks of {now.chunk_s:g} s carry"
    )
