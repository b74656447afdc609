"""A row of stages is rehearsed before any stream is served: every number of streams that share a call, with silence.

The first run of a shape is slow and may be the one that fails; nobody should wait for it, or be the one to find out.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from modules.audio.buffer import AudioBuffer
from modules.models.shapes import DEFAULT_ROWS
from modules.stages.hop import END, AnyStage, Failed, Hop, HopCall, HopSession, hops_of

MAX_REHEARSAL_S: Final = 2.0
"""Larger batches are not rehearsed when those before them took longer than this: they would be too slow to be used."""


def rehearse(stages: Sequence[AnyStage], audio: AudioBuffer, rows: Sequence[int] = DEFAULT_ROWS) -> int:
    """Take so many streams of `audio` at once through `stages`, and end them; how many went at most.

    Raises what a stage raises, also where streams that share a call could still be served one by one.
    """
    started_s = time.perf_counter()
    raised: list[Exception] = []
    hops, most = hops_of([stage if hasattr(stage, "open") else _Noting(stage, raised) for stage in stages]), 0
    for count in rows:
        if most and time.perf_counter() - started_s > MAX_REHEARSAL_S:
            break
        streams = [[hop.open() for hop in hops] for _ in range(count)]
        for payload in (audio, END):
            _through(hops, streams, [payload] * count)
        if raised:
            raise raised[0]
        most = count
        if not any(hop.is_shared for hop in hops):
            break  # streams have nothing in common: one is like many
    return most


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
