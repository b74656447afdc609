"""A row of stages is rehearsed before any stream is served: every number of streams that share a call, with silence.

The first run of a shape is slow and may be the one that fails; nobody should wait for it, or be the one to find out.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from modules.audio.buffer import AudioBuffer
from modules.models.shapes import DEFAULT_ROWS
from modules.stages.hop import END, AnyStage, Failed, Hop, HopCall, HopSession, hops_of

PASSES: Final = 2
"""How often every number of streams goes through: memory is planned from the second run of a shape on."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How many streams went through at once, ascending, each number `PASSES` times, and the seconds of all."""

    streams: tuple[int, ...]
    seconds: float

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.streams))} streams a call, {PASSES} times each, in {self.seconds:.2f} s"


def rehearse(stages: Sequence[AnyStage], audio: AudioBuffer, rows: Sequence[int] = DEFAULT_ROWS) -> Rehearsed:
    """Take so many streams of `audio` at once through `stages`, and end them; all of `rows`, however long it takes.

    Streams that have no call in common are rehearsed one by one only. Raises what a stage raises, also where streams
    that share a call could still be served one by one.
    """
    started_s = time.perf_counter()
    raised: list[Exception] = []
    hops = hops_of([stage if hasattr(stage, "open") else _Noting(stage, raised) for stage in stages])
    streams = tuple(rows) if any(hop.is_shared for hop in hops) else (1,)
    for count in streams:
        for _ in range(PASSES):
            sessions = [[hop.open() for hop in hops] for _ in range(count)]
            for payload in (audio, END):
                _through(hops, sessions, [payload] * count)
            if raised:
                raise raised[0]
    return Rehearsed(streams, time.perf_counter() - started_s)


class _Noting:
    """A batch or recurrent stage that notes what it raised, which a hop makes good where it can."""

    def __init__(self, stage: Any, raised: list[Exception]) -> None:  # noqa: ANN401 - of either shape
        """Note in `raised` what `stage` raises."""
        self._stage = stage
        self._raised = raised
        if hasattr(stage, "initial_state"):
            self.initial_state = stage.initial_state

    def process(self, *arguments: Any) -> Any:  # noqa: ANN401 - of either shape
        """What the stage gives."""
        try:
            return self._stage.process(*arguments)
        except Exception as error:
            self._raised.append(error)
            raise


def _through(hops: Sequence[Hop], streams: Sequence[Sequence[HopSession]], payloads: Sequence[Any]) -> None:
    """A payload of each stream through the hops that are left, and what comes of it through those behind."""
    if not hops:
        return
    calls = [HopCall(sessions[0], payload) for sessions, payload in zip(streams, payloads, strict=True)]
    answers = hops[0].run(calls)
    for answer in answers:
        if isinstance(answer, Failed):
            raise answer.error
    behind = [sessions[1:] for sessions in streams]
    for outputs in zip(*answers, strict=True):  # equal streams give equally many
        _through(hops[1:], behind, outputs)
    if payloads[0] is END:
        _through(hops[1:], behind, payloads)
