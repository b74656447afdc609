"""How many workers run, how much of its time each works under a quota, and how much folder work may take. Pure."""

import math

from modules.tuning.ladder import Rung
from modules.tuning.plan import Knob, Limits
from modules.tuning.view import Turn, View

_THROTTLED, _FREE = 0.05, 0.005
"""Share of quota periods in which we are held back: too many, and none worth speaking of."""

_SPARE = 0.3
"""Share of a quota that folder work leaves free: what is used up in a burst holds back live chunks too."""

_USED = 0.95
"""Share of a quota that workers take; the event loop needs some, and calls are not all as long as the last ones."""

_LEAST_WORK, _LESS, _MORE = 0.5, 0.9, 1.05
"""While a single worker is held back nevertheless: by what factor it works less, by what more again, and the least."""

_STEP = 0.1
_FIRST_HOLD_S, _MAX_HOLD_S = 10.0, 300.0


class WorkersKnob:
    """As many workers as whole CPUs; fewer while the quota holds them back nevertheless."""

    def __init__(self, limits: Limits) -> None:
        """Run at most the limit's workers."""
        self._most = limits.max_workers
        self._fewer = 0  # than the CPUs would carry, because they were held back
        self._hold_s = _FIRST_HOLD_S
        self._hold_until_s = -math.inf

    def turn(self, view: View) -> Turn | None:
        """How many to run, if it should be another number."""
        cpus, throttled, workers = view.seen.resources.cpus, view.seen.resources.throttled, view.plan.workers
        if cpus is None:
            return None
        whole = max(1, min(self._most, math.floor(cpus)))
        fitting = max(1, whole - self._fewer)
        if workers != fitting:
            return Turn(Knob.WORKERS, fitting, f"{cpus:.3g} CPUs are to be had: {fitting} workers", is_urgent=True)
        if throttled is None:
            return None
        if throttled > _THROTTLED and workers > 1:
            sentence = f"held back in {100 * throttled:.0f} % of the quota's periods: a worker less"
            return Turn(Knob.WORKERS, workers - 1, sentence)
        if throttled < _FREE and self._fewer and view.now_s >= self._hold_until_s:
            return Turn(Knob.WORKERS, workers + 1, f"not held back any more on {cpus:.3g} CPUs: a worker more is tried")
        return None

    def turned(self, turn: Turn, view: View) -> None:
        """It was turned."""
        if turn.is_urgent:
            return
        if turn.after < view.plan.workers:
            self._fewer += 1
            self._hold_until_s = view.now_s + self._hold_s
            self._hold_s = min(2 * self._hold_s, _MAX_HOLD_S)
        else:
            self._fewer -= 1


class QuotaKnob:
    """Lets a worker work as much as a quota gives it and rest the rest; less while it is held back nevertheless."""

    def __init__(self) -> None:
        """Take all that a quota gives."""
        self._factor = 1.0
        self._hold_s = _FIRST_HOLD_S
        self._hold_until_s = -math.inf

    def turn(self, view: View) -> Turn | None:
        """The share of its time that a worker may work, if it should be another one."""
        cpus, throttled, plan = view.seen.resources.cpus, view.seen.resources.throttled, view.plan
        if cpus is None:
            return None
        share = round(self._factor * quota_share(cpus, workers=plan.workers), 3)
        if share != plan.work_share:
            sentence = (
                f"{cpus:.3g} CPUs are to be had: each of {plan.workers} workers works {100 * share:.0f} % of a time"
            )
            return Turn(Knob.WORK, share, sentence, is_urgent=True)
        if throttled is None or plan.workers > 1:
            return None
        if throttled > _THROTTLED and self._factor > _LEAST_WORK:
            sentence = f"held back in {100 * throttled:.0f} % of the quota's periods: more rest between calls"
            return Turn(Knob.WORK, round(_LESS * share, 3), sentence)
        if throttled < _FREE and self._factor < 1 and view.now_s >= self._hold_until_s:
            return Turn(
                Knob.WORK, round(min(share * _MORE, share / self._factor), 3), "not held back: less rest is tried"
            )
        return None

    def turned(self, turn: Turn, view: View) -> None:
        """It was turned."""
        if turn.is_urgent:
            return
        if turn.after < view.plan.work_share:
            self._factor *= _LESS
            self._hold_until_s = view.now_s + self._hold_s
            self._hold_s = min(2 * self._hold_s, _MAX_HOLD_S)
        else:
            self._factor = min(1.0, self._factor * _MORE)


def quota_share(cpus: float, *, workers: int) -> float:
    """The share of its time that each of so many workers may work on so many CPUs without using up a quota."""
    return 1.0 if cpus >= workers else round(_USED * cpus / workers, 3)


class FolderKnob:
    """All that is idle; less where a quota would be used up, nothing while live chunks are behind."""

    def turn(self, view: View) -> Turn | None:
        """The share to give, if it should be another one."""
        share = view.plan.folder_share
        if Rung.FOLDER in view.rungs:
            return Turn(Knob.FOLDER, 0.0, "live chunks wait: folder work is paused", is_urgent=True) if share else None
        allowed = self._allowed(view)
        if share == 0 and allowed > 0:
            return Turn(Knob.FOLDER, allowed, "live chunks hardly wait any more: folder work goes on")
        throttled = view.seen.resources.throttled
        if throttled is not None and throttled > _THROTTLED and view.seen.folder_waits and share > 0:
            after = max(0.0, round(min(allowed, share - _STEP), 3))
            sentence = f"held back in {100 * throttled:.0f} % of the quota's periods: less folder work"
            return Turn(Knob.FOLDER, after, sentence) if after != share else None
        if abs(allowed - share) < _STEP and allowed != 1:
            return None
        after = round(min(allowed, share + _STEP), 3)
        if after == share or (after > share and throttled is not None and throttled > _FREE):
            return None
        return Turn(Knob.FOLDER, after, f"live streams leave {100 * allowed:.0f} % of the workers' time to folder work")

    def turned(self, turn: Turn, view: View) -> None:
        """Nothing is remembered."""

    def _allowed(self, view: View) -> float:
        """What a quota leaves beside live streams, as a share of the workers' time; all where there is none."""
        workers = view.plan.workers
        if view.cpus >= workers:
            return 1.0
        cost = view.cost(view.plan.chunk_s)
        live = view.cpus * min(1.0, (view.wanted_s or 0.0) / view.capacity_s(cost)) if cost else 0.0
        return round(max(0.0, (1 - _SPARE) * view.cpus - live) / workers, 3)
