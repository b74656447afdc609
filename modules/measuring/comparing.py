"""Whether a report is worse than an older one, beyond what chance does. Pure.

Figures are compared by ratio. Where a scenario has a reference side that gives the same figure, both are divided by it
first, round by round: a machine that was slower that day was slower to both. Where both reports used the same seeds,
rounds are compared with their like: the same schedule has the same unlucky moments. A change is a regression when it is
for the worse by more than `MARGIN`, and by more than `_SURE` standard errors.

A few rounds know little of their own spread, so it is drawn towards what rounds usually have (the moderated t of Smyth,
Linear Models and Empirical Bayes Methods, Stat. Appl. Genet. Mol. Biol. 3, 2004).
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modules.measuring.figures import Better, Figure
from modules.measuring.results import Report, ScenarioResult, Side

MARGIN = 0.05
"""Of a figure: changes for the worse up to this are nobody's concern, however sure."""

ONCE_MARGIN = 0.15
"""The same where a figure was measured only once, so that its noise is unknown."""

USUAL_SPREAD = 0.04
"""The standard deviation of a figure's rounds, as a share, that is expected before they are seen."""

_USUAL_WEIGHT = 4.0  # as if so many rounds more had been seen with it
_SURE = 3.5
_LEAST_MS = 1.0  # latencies that differ by less are one to a scheduler's tick, unless a reference has the same ticks


class Verdict(StrEnum):
    """What became of a figure since the older report."""

    SAME = "same"
    BETTER = "better"
    REGRESSION = "regression"
    BROKEN = "broken"
    """It is outside its bound now and was within it."""
    GONE = "gone"
    """It is not measured any more, or the new measurement is invalid."""


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of a scenario, old and new: `ratio` is new / old after the reference, above 1 is more."""

    scenario: str
    side: str
    figure: str
    old: float
    new: float
    ratio: float
    margin: float
    verdict: Verdict

    @property
    def is_regression(self) -> bool:
        """Whether it is worse."""
        return self.verdict in (Verdict.REGRESSION, Verdict.BROKEN)

    def __str__(self) -> str:
        what = " / ".join(name for name in (self.scenario, self.side, self.figure) if name)
        return f"{self.verdict}: {what}: {self.old:.4g} -> {self.new:.4g} ({self.ratio:.3f}, noise {self.margin:.3f})"


@dataclass(frozen=True, slots=True)
class Compared:
    """All figures that both reports have; `remarks` say what could not be compared and why."""

    changes: tuple[Change, ...]
    remarks: tuple[str, ...] = ()

    @property
    def regressions(self) -> tuple[Change, ...]:
        """Those that are worse."""
        return tuple(change for change in self.changes if change.is_regression)


def compare(old: Report, new: Report) -> Compared:
    """What changed from `old` to `new`."""
    changes: list[Change] = []
    remarks = (
        [] if old.machine.key == new.machine.key else ["the machines differ: only ratios to a reference say anything"]
    )
    for was in old.scenarios:
        now = new.scenario(was.name)
        if now is None or now.skipped or was.skipped:
            continue
        if not (was.is_valid and now.is_valid):
            reasons = "; ".join(was.invalid or now.invalid)
            remarks.append(
                f"{was.name} is not compared: {'the old' if was.invalid else 'the new'} run is invalid: {reasons}"
            )
            continue
        changes += _changes(was, now)
    return Compared(tuple(changes), tuple(remarks))


def _changes(was: ScenarioResult, now: ScenarioResult) -> Iterator[Change]:
    yield from _of_figures(was, now, Side("", was.figures), Side("", now.figures))
    for side in was.sides:
        twin = now.side(side.name)
        if twin is not None and side.name != was.reference and not (side.skipped or twin.skipped):
            yield from _of_figures(was, now, side, twin)


def _of_figures(was: ScenarioResult, now: ScenarioResult, old: Side, new: Side) -> Iterator[Change]:
    is_paired = bool(was.seeds) and was.seeds == now.seeds
    for figure in old.figures:
        twin = new.figure(figure.name)
        if twin is None:
            yield Change(was.name, old.name, figure.name, figure.value, 0.0, 0.0, 0.0, Verdict.GONE)
        elif figure.better is not Better.NEITHER:
            yield _change(was.name, old.name, _Pair(figure, twin, is_paired), _references(was, now, figure.name))


@dataclass(frozen=True, slots=True)
class _Pair:
    old: Figure
    new: Figure
    is_paired: bool = False


def _references(was: ScenarioResult, now: ScenarioResult, name: str) -> _Pair | None:
    old, new = was.side(was.reference), now.side(now.reference)
    if old is None or new is None or was.reference != now.reference:
        return None
    first, second = old.figure(name), new.figure(name)
    return _Pair(first, second) if first and second and first.value > 0 and second.value > 0 else None


def _change(scenario: str, side: str, pair: _Pair, reference: _Pair | None) -> Change:
    old, new = pair.old, pair.new
    before = _relative(old, reference.old if reference else None)
    after = _relative(new, reference.new if reference else None)
    ratio = (
        statistics.median(after) / statistics.median(before)
        if min(*before, *after, 1.0) > 0
        else _plain_ratio(old, new)
    )
    margin = _margin(before, after, is_paired=pair.is_paired and len(before) == len(after))
    worse = ratio if old.better is Better.LOWER else 1 / ratio if ratio > 0 else math.inf
    is_small = reference is None and old.unit == "ms" and abs(new.value - old.value) < _LEAST_MS
    verdict = Verdict.SAME
    if old.is_good and not new.is_good:
        verdict = Verdict.BROKEN
    elif worse > 1 + margin and not is_small:
        verdict = Verdict.REGRESSION
    elif worse < 1 / (1 + margin) and not is_small:
        verdict = Verdict.BETTER
    return Change(scenario, side, old.name, old.value, new.value, ratio, margin, verdict)


def _relative(figure: Figure, reference: Figure | None) -> list[float]:
    """The rounds of a figure, over those of the reference in the same rounds where it has as many."""
    rounds = list(figure.rounds or (figure.value,))
    if reference is None:
        return rounds
    others = list(reference.rounds or (reference.value,))
    if len(others) != len(rounds) or min(others) <= 0:
        others = [reference.value] * len(rounds)
    return [mine / other for mine, other in zip(rounds, others, strict=True)]


def _plain_ratio(old: Figure, new: Figure) -> float:
    """Where something is 0: the same, or as much more or less as can be said."""
    if old.value == new.value:
        return 1.0
    return new.value / old.value if old.value > 0 else 1e9


def _margin(before: Sequence[float], after: Sequence[float], *, is_paired: bool) -> float:
    """How much of a change chance may do, as a share, and never nothing."""
    if min(*before, *after, 1.0) <= 0 or max(len(before), len(after)) == 1:
        return ONCE_MARGIN
    first, second = ([math.log(value) for value in rounds] for rounds in (before, after))
    if is_paired:
        error = _error([new - old for old, new in zip(first, second, strict=True)])
    else:
        error = math.hypot(_error(first), _error(second))
    return max(MARGIN, math.expm1(min(_SURE * error, 50.0)))


def _error(values: Sequence[float]) -> float:
    """The standard error of the mean of rounds, their spread drawn towards the usual one."""
    freedom = len(values) - 1
    variance = statistics.variance(values) if freedom else 0.0
    moderated = (_USUAL_WEIGHT * USUAL_SPREAD**2 + freedom * variance) / (_USUAL_WEIGHT + freedom)
    return math.sqrt(moderated / len(values))
