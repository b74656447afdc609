"""The knobs that are on or off, as the rungs of the ladder say. Pure."""

from collections.abc import Iterator

from modules.tuning.ladder import Rung
from modules.tuning.plan import Knob
from modules.tuning.view import Turn, View

_OFF_ON_RUNGS = (
    (Rung.PARTIALS, Knob.PARTIALS, "chunks wait for a worker: no partial results", "partial results again"),
    (
        Rung.REFUSE,
        Knob.ACCEPT_STREAMS,
        "there is no room for more streams: new ones are refused",
        "new streams are taken again",
    ),
    (
        Rung.REFUSE_INPUT,
        Knob.ACCEPT_INPUT,
        "memory is used up: input is refused",
        "memory is free again: input is taken",
    ),
)


def switches(view: View) -> Iterator[Turn]:
    """The switches that are not as the rungs want them; new streams are taken again in time, all else is at once."""
    for rung, knob, when_off, when_on in _OFF_ON_RUNGS:
        wanted = rung not in view.rungs
        if getattr(view.plan, knob) != wanted:
            is_urgent = not wanted or rung is not Rung.REFUSE
            yield Turn(knob, wanted, f"{_seen(rung, view)}{when_on if wanted else when_off}", is_urgent=is_urgent)


def _seen(rung: Rung, view: View) -> str:
    share = view.seen.resources.memory_share
    if rung is Rung.REFUSE_INPUT and share is not None:
        return f"{100 * share:.0f} % of the memory limit is used: "
    if rung is Rung.REFUSE:
        return f"{view.seen.load.streams} streams are open, {view.seen.load.admitted} served: "
    return "" if view.queue is None else f"the shortest wait was {1e3 * view.queue * view.target_s:.0f} ms: "
