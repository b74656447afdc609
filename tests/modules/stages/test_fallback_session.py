"""A stage that fails is replaced in the middle of a stream, and the stream loses nothing."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.errors import Cancelled, DeadlineExceeded, StageFailed
from modules.models.fallback import BackendChoice, Fallback
from modules.models.fallback_order import FallbackRules
from modules.stages import fallback_session
from modules.stages.fallback_session import FallbackSession

Result = TypeVar("Result")


class Clock:
    """A watch whose time is set by hand; a call is late when its backend says so."""

    def __init__(self) -> None:
        self.clock_s = 0.0
        self.stop: Callable[[], None] | None = None
        self.is_late = False

    def late(self) -> None:
        """What a call does that takes too long: it is stopped, if it can be."""
        self.is_late = True
        assert self.stop
        self.stop()

    def now_s(self) -> float:
        self.clock_s += 1e-3
        return self.clock_s

    def within(self, limit_s: float, call: Callable[[], Result], *, stop: Callable[[], None] | None) -> Result:
        self.stop, self.is_late = stop, False
        try:
            return call()
        except Cancelled as stopped:
            if self.is_late:
                raise DeadlineExceeded(f"longer than {limit_s:g} s") from stopped
            raise


def role(*backends: Any) -> tuple[Fallback[Any], Clock]:  # noqa: ANN401 - session stages
    """A fallback over them, by their names."""
    clock = Clock()
    choices: list[BackendChoice[Any]] = [
        BackendChoice(backend.name, partial(lambda it: it, backend)) for backend in backends
    ]
    return Fallback("role", choices, clock, rules=FallbackRules(rest_s=5.0)), clock


class CountingSessions:
    """Counts the samples of each stream by its name; fails when told to."""

    def __init__(self, name: str, *, every: int = 1_000_000) -> None:
        self.name = name
        self.every = every
        self.sessions: list[CountingSession] = []
        self.fails: Exception | None = None
        self.hangs: Clock | None = None
        self.stopped = 0

    def check(self) -> None:
        if self.hangs:
            self.hangs.late()
        if self.fails:
            raise self.fails

    def cancel(self) -> None:
        self.stopped += 1

    def open(self) -> "CountingSession":
        self.sessions.append(CountingSession(self))
        return self.sessions[-1]


class CountingSession:
    """Says how much it has heard when it is `every` samples, and at the end."""

    def __init__(self, stage: CountingSessions) -> None:
        self.stage = stage
        self.frames = 0
        self.cancelled = 0

    def feed(self, payload: AudioBuffer) -> list[str]:
        self.stage.check()
        if self.cancelled:
            raise Cancelled("told to stop")
        self.frames += payload.frames
        return self.finish() if self.frames >= self.stage.every else []

    def finish(self) -> list[str]:
        self.stage.check()
        said, self.frames = self.frames, 0
        return [f"{self.stage.name}{said}"]

    def cancel(self) -> None:
        self.cancelled += 1


def audio(frames: int) -> AudioBuffer:
    """So many samples at 10 Hz."""
    return AudioBuffer(np.zeros(frames, np.float32), 10)


def test_a_session_is_repeated_what_was_not_answered() -> None:
    """In the middle of an utterance: the next backend hears it from its beginning."""
    first, second = CountingSessions("a"), CountingSessions("b")
    session = FallbackSession(role(first, second)[0])
    assert [session.feed(audio(frames)) for frames in (1, 2)] == [[], []]
    first.fails = ZeroDivisionError("no")
    assert session.feed(audio(4)) == []
    assert session.finish() == ["b7"]


def test_what_was_answered_is_not_repeated() -> None:
    """Nothing is said twice."""
    first, second = CountingSessions("a", every=3), CountingSessions("b")
    session = FallbackSession(role(first, second)[0])
    assert [session.feed(audio(frames)) for frames in (1, 2, 1)] == [[], ["a3"], []]
    first.fails = ZeroDivisionError("no")
    assert session.finish() == ["b1"]


def test_a_session_stays_with_its_backend_while_that_works() -> None:
    """New sessions go to the better one that has come back."""
    first, second = CountingSessions("a"), CountingSessions("b")
    fallback, clock = role(first, second)
    first.fails = ZeroDivisionError("no")
    old = FallbackSession(fallback)
    old.feed(audio(1))
    first.fails = None
    clock.clock_s += 5
    new = FallbackSession(fallback)
    new.feed(audio(10))
    old.feed(audio(1))
    assert (old.finish(), new.finish()) == (["b2"], ["a10"])


def test_a_session_that_hangs_is_stopped_and_replaced() -> None:
    """It alone: other sessions of the backend are not told."""
    first, second = CountingSessions("a"), CountingSessions("b")
    fallback, clock = role(first, second)
    session = FallbackSession(fallback)
    session.feed(audio(1))
    first.hangs = clock
    assert session.feed(audio(1)) == []
    assert first.sessions[0].cancelled == 1
    assert first.stopped == 0
    assert session.finish() == ["b2"]


def test_a_cancelled_session_falls_back_to_nobody() -> None:
    """Whether it had begun or not."""
    first, second = CountingSessions("a"), CountingSessions("b")
    fallback, _ = role(first, second)
    begun, fresh = FallbackSession(fallback), FallbackSession(fallback)
    begun.feed(audio(1))
    for session in (begun, fresh):
        session.cancel()
        with pytest.raises(Cancelled):
            session.feed(audio(1))
    assert second.sessions == []


def test_audio_that_every_backend_refuses_is_its_own_fault_and_what_follows_is_answered() -> None:
    """What came before it is not lost."""
    first, second = CountingSessions("a"), CountingSessions("b")
    session = FallbackSession(role(first, second)[0])
    session.feed(audio(2))
    first.fails = second.fails = ValueError("not this")
    with pytest.raises(StageFailed, match="none of 2 backends"):
        session.feed(audio(4))
    first.fails = second.fails = None
    session.feed(audio(1))
    assert session.finish() == ["a3"]


def test_a_session_that_has_kept_too_much_cannot_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what went wrong instead of losing its beginning in silence."""
    monkeypatch.setattr(fallback_session, "MAX_UNANSWERED_S", 1.0)
    first, second = CountingSessions("a"), CountingSessions("b")
    session = FallbackSession(role(first, second)[0])
    session.feed(audio(20))
    first.fails = ZeroDivisionError("no")
    with pytest.raises(ZeroDivisionError):
        session.feed(audio(1))
