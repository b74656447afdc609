"""A session that falls back: a role's session stages as one, so that who feeds it need not know how many there are."""

from collections.abc import Callable
from typing import Any, Final

from modules.audio.buffer import AudioBuffer
from modules.errors import Cancelled
from modules.models.fallback import Fallback
from modules.stages.protocols import Session, SessionStage

MAX_UNANSWERED_S: Final = 300.0
"""Seconds of audio that a session keeps to repeat them to another backend; one that keeps more cannot fall back."""


class FallbackSession:
    """One stream: what has not been answered yet is kept, and repeated to the next backend when one fails.

    It stays with its backend for as long as that works, also when a better one has come back meanwhile.
    """

    def __init__(self, fallback: Fallback[Any]) -> None:
        """No backend is asked before the first payload."""
        self._fallback = fallback
        self._stage: SessionStage[Any, Any] | None = None
        self._session: Session[Any, Any] | None = None
        self._unanswered: list[AudioBuffer] = []
        self._unanswered_s = 0.0
        self._is_cancelled = False

    def feed(self, payload: AudioBuffer) -> list[Any]:
        """What the backend says. Raises `StageFailed` when every backend raised."""
        outputs = self._asked(lambda session: list(session.feed(payload)))
        if outputs:
            self._unanswered, self._unanswered_s = [], 0.0
        else:
            self._keep(payload)
        return outputs

    def finish(self) -> list[Any]:
        """What is still owed."""
        return self._asked(lambda session: list(session.finish()))

    def cancel(self) -> None:
        """Stop soon."""
        self._is_cancelled = True
        self._break_off()

    def _break_off(self) -> None:
        if session := self._session:
            session.cancel()

    def _asked(self, work: Callable[[Session[Any, Any]], list[Any]]) -> list[Any]:
        """What `work` gives in the session, or in a new one of the next backend that has heard what was unanswered."""

        def use(stage: SessionStage[Any, Any]) -> list[Any]:
            is_new = self._session is None or self._stage is not stage
            session = stage.open() if is_new or self._session is None else self._session
            self._session = session
            if self._is_cancelled:
                raise Cancelled("the session was told to stop")
            try:
                repeated = self._unanswered if is_new else []
                outputs = [output for payload in repeated for output in session.feed(payload)] + work(session)
            except Exception:
                self._session = None  # its memory is not to be trusted
                raise
            self._stage = stage
            return outputs

        if self._has_too_much and self._session is not None:
            return work(self._session)
        return self._fallback.call(use, first=self._stage, stop=self._break_off)

    @property
    def _has_too_much(self) -> bool:
        return self._unanswered_s > MAX_UNANSWERED_S

    def _keep(self, payload: AudioBuffer) -> None:
        self._unanswered.append(payload)
        self._unanswered_s += payload.duration_s
        if self._has_too_much:
            self._unanswered = []
