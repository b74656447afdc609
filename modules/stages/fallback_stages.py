"""Stages that fall back: a role's stages as one stage of the same shape, so that a row of stages need not know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modules.audio.buffer import AudioBuffer
from modules.errors import Cancelled
from modules.models.fallback import Fallback
from modules.stages.protocols import BatchStage, RecurrentStage, Session, SessionStage

MAX_UNANSWERED_S: Final = 300.0
"""Seconds of audio that a session keeps to repeat them to another backend; one that keeps more cannot fall back."""


class FallbackBatch:
    """A `BatchStage` that is the best of its backends that works."""

    def __init__(self, fallback: Fallback[BatchStage[Any, Any]]) -> None:
        """Use `fallback`."""
        self.fallback = fallback

    def process(self, batch: Sequence[Any]) -> Sequence[Any]:
        """The outputs, all from one backend."""
        return self.fallback.call(lambda stage: stage.process(batch))

    def cancel(self) -> None:
        """Break off the calls that run; see `Hop.break_off`."""
        self.fallback.stop()


@dataclass(frozen=True, slots=True, eq=False)
class _Remembered:
    """What a backend remembers of a stream; another begins the stream anew."""

    stage: RecurrentStage[Any, Any, Any] | None
    state: Any


class FallbackRecurrent:
    """A `RecurrentStage` that is the best of its backends that works.

    A backend cannot go on from another's memory: for it, a stream begins where it takes over.
    """

    def __init__(self, fallback: Fallback[RecurrentStage[Any, Any, Any]]) -> None:
        """Use `fallback`."""
        self.fallback = fallback

    def initial_state(self) -> _Remembered:
        """Nothing, of any backend."""
        return _Remembered(None, None)

    def process(
        self, states: Sequence[_Remembered], batch: Sequence[Any]
    ) -> tuple[Sequence[_Remembered], Sequence[Any]]:
        """New states and outputs, all from one backend."""

        def use(stage: RecurrentStage[Any, Any, Any]) -> tuple[list[_Remembered], Sequence[Any]]:
            own = [known.state if known.stage is stage else stage.initial_state() for known in states]
            new_states, outputs = stage.process(own, batch)
            return [_Remembered(stage, state) for state in new_states], outputs

        return self.fallback.call(use)

    def cancel(self) -> None:
        """Break off the calls that run; see `Hop.break_off`."""
        self.fallback.stop()


class FallbackSessions:
    """A `SessionStage` of audio that is the best of its backends that works.

    A session stays with its backend for as long as that works, also when a better one has come back meanwhile.
    """

    def __init__(self, fallback: Fallback[Any]) -> None:
        """Use `fallback`."""
        self.fallback = fallback

    def open(self) -> "FallbackSession":
        """A session for one stream."""
        return FallbackSession(self.fallback)


class FallbackSession:
    """One stream: what has not been answered yet is kept, and repeated to the next backend when one fails."""

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
