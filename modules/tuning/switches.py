"""The knobs that are on or off, as the rungs of the ladder say. Pure."""

from collections.abc import Iterator

from modules.tuning.ladder import Rung
from modules.tuning.plan import Knob
from modules.tuning.view import Turn, View

_OF_RUNGS = (
    (Rung.PARTIALS, Knob.PARTIALS, False, "chunks wait for a worker: no partial results", "partial results again"),
    (
        Rung.REFUSE,
        Knob.ACCEPT_STREAMS,
        False,
        "there is no room for more streams: new ones are refused",
        "new streams are taken again",
    ),
    (
        Rung.TRIM,
        Knob.TRIM,
        True,
        "memory is nearly used up: pools are trimmed",
        "memory is free again: pools may keep blocks",
    ),
    (
        Rung.REFUSE_INPUT,
        Knob.ACCEPT_INPUT,
        False,
        "memory is used up: input is refused",
        "memory is free again: input is taken",
    ),
)


def switches(view: View) -> Iterator[Turn]:
    """The switches that are not as the rungs want them."""
    for rung, knob, when_on, on, off in _OF_RUNGS:
        is_on = rung in view.rungs
        wanted = when_on if is_on else not when_on
        if getattr(view.plan, knob) != wanted:
            yield Turn(knob, wanted, f"{_seen(rung, view)}{on if is_on else off}", is_urgent=True)


def _seen(rung: Rung, view: View) -> str:
    share = view.seen.resources.memory_share
    if rung in (Rung.TRIM, Rung.REFUSE_INPUT) and share is not None:
        return f"{100 * share:.0f} % of the memory limit is used: "
    if rung is Rung.REFUSE:
        return f"{view.seen.load.streams} streams are open, {view.seen.load.admitted} served: "
    return "" if view.queue is None else f"the shortest wait was {1e3 * view.queue * view.target_s:.0f} ms: "
