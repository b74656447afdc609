"""Rows of stages beside each other: each hears the same audio, and what any of them says comes out."""

from collections.abc import Iterator, Sequence
from typing import Any

from modules import events
from modules.audio.buffer import AudioBuffer
from modules.stages.alone import alone
from modules.stages.fused import FusedSession
from modules.stages.hop import AnyStage


class Beside:
    """A `SessionStage` from audio to what all its rows give.

    A stream goes through its rows by itself, without sharing model calls with others.
    """

    def __init__(self, rows: Sequence[Sequence[AnyStage]]) -> None:
        """Let every row hear the audio."""
        self.rows = tuple(map(tuple, rows))

    def open(self) -> "BesideSession":
        """A session for one stream."""
        return BesideSession([alone(row) for row in self.rows])


def each_stage(row: Sequence[AnyStage]) -> Iterator[AnyStage]:
    """The stages of a row, and in the place of some beside each other the stages of their rows."""
    for stage in row:
        if isinstance(stage, Beside):
            for other in stage.rows:
                yield from each_stage(other)
        else:
            yield stage


class BesideSession:
    """One stream in all rows; what one of them raises takes nothing away from what the others say."""

    def __init__(self, sessions: Sequence[FusedSession]) -> None:
        """Walk through `sessions` with each payload, in order."""
        self._sessions = tuple(sessions)
        self._owed: list[Any] = []
        self._end_s = 0.0

    def feed(self, payload: AudioBuffer) -> list[Any]:
        """What the rows say. Raises what the first of them that fails does; what others said then comes the next time.

        All of them have heard the payload by then.
        """
        self._end_s = payload.end_s
        raised: list[Exception] = []
        for session in self._sessions:
            try:
                self._owed += session.feed(payload)
            except Exception as error:  # noqa: BLE001 - a stage is the user's own code; it is raised below
                raised.append(error)
        if raised:
            raise raised[0]
        outputs, self._owed = self._owed, []
        return outputs

    def finish(self) -> list[Any]:
        """What is still owed; a row that fails now says so in an event, since nothing comes after it."""
        outputs, self._owed = self._owed, []
        for session in self._sessions:
            try:
                outputs += session.finish()
            except Exception as error:  # noqa: BLE001 - as above; it is told as an event
                outputs.append(events.failed(error, AudioBuffer.silence(0, 1, start_s=self._end_s)))
        return outputs

    def cancel(self) -> None:
        """Stop soon, in every row."""
        for session in self._sessions:
            session.cancel()
