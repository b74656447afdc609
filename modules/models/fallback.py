"""`Fallback`: a role with an ordered list of backends. One that fails, at load or at run time, is replaced by the next.

The call that found the failure is answered by the next backend, so nothing is lost; when the failed one has rested it
is tried again and comes back. Which backend is asked stands in `fallback_order.py`; here are the backends themselves.
No thread is started and no clock is read here: both are the watch's.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from modules.errors import Cancelled, DeadlineExceeded, ModelError, StageFailed
from modules.models.fallback_order import FallbackEvent, FallbackOrder, FallbackRules

Backend = TypeVar("Backend")
Result = TypeVar("Result")

MAX_EVENTS: Final = 1000
"""Events that are kept; older ones are forgotten."""

Stop = Callable[[], None]


class Watch(Protocol):
    """What the engine lends: a clock, and calls that end in time whatever they do."""

    def now_s(self) -> float:
        """Seconds that never go back."""
        ...

    def within(self, limit_s: float, call: Callable[[], Result], *, stop: Stop | None) -> Result:
        """What `call` gives or raises. Raises `DeadlineExceeded` when it takes longer than `limit_s` seconds.

        `stop` breaks off what the backend runs, from any thread; without it a call that takes too long is left behind.
        """
        ...


@dataclass(frozen=True, slots=True)
class BackendChoice(Generic[Backend]):
    """A backend by name and how it is loaded, on a worker, when it is first needed."""

    name: str
    load: Callable[[], Backend]


@dataclass(slots=True)
class _Place(Generic[Backend]):
    """A backend's place: what was loaded, and the use that failed, to try it with again."""

    loaded: Backend | None = None
    failed_use: Callable[[Backend], Any] | None = None
    broken_off: int = 0
    """How often its calls were broken off because one took too long."""
    loading: Any = field(default_factory=threading.Lock)  # Any: before Python 3.13 the lock's type is a function


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Exception
    began_s: float


class Fallback(Generic[Backend]):
    """The backends of `role`, best first; may be called by several threads at once."""

    def __init__(
        self,
        role: str,
        choices: Sequence[BackendChoice[Backend]],
        watch: Watch,
        *,
        rules: FallbackRules | None = None,
        on_event: Callable[[FallbackEvent], None] = lambda _: None,
    ) -> None:
        """Nothing is loaded yet. `on_event` is told of each move, on the thread whose call brought it."""
        self.role = role
        self.events: deque[FallbackEvent] = deque(maxlen=MAX_EVENTS)
        self._choices = tuple(choices)
        self._watch = watch
        self._rules = rules or FallbackRules()
        self._on_event = on_event
        self._order = FallbackOrder(len(self._choices), self._rules)
        self._places: list[_Place[Backend]] = [_Place() for _ in self._choices]
        self._lock = threading.Lock()  # around the order, for an instant

    def __repr__(self) -> str:
        return f"<Fallback {self.role}: {self.answers} of {', '.join(choice.name for choice in self._choices)}>"

    @property
    def answers(self) -> str:
        """The name of the backend that gave the last answer; before there was one, of the best."""
        return self._choices[self._order.answers].name

    @property
    def answering(self) -> Backend | None:
        """The backend of that name; nothing where it is not loaded."""
        return self._places[self._order.answers].loaded

    def load(self) -> Backend:
        """The best backend that can be loaded. Raises `ModelError` with the reasons when none can."""
        return self.call(lambda backend: backend)

    def loaded(self) -> list[Backend]:
        """The backends that are loaded now, best first."""
        return [place.loaded for place in self._places if place.loaded is not None]

    def call(
        self, use: Callable[[Backend], Result], *, first: Backend | None = None, stop: Stop | None = None
    ) -> Result:
        """What `use` gives with the best backend that works, or with `first` if that works; one that fails is left.

        `stop` breaks this call off in the place of the backend's own `stop`; such a use belongs to one stream, and
        `recover` never repeats it. Raises `StageFailed` when every backend raised: then it is the payload's fault, and
        nothing moves. Raises `ModelError` when none could be loaded, and `Cancelled` when the call was told to stop,
        but not because another took too long.
        """
        failures: dict[int, _Failure] = {}
        for number in self._candidates(first):
            broken_off, began_s = self._places[number].broken_off, self._watch.now_s()
            try:
                answer = self._tried(number, use, stop)
            except Exception as error:
                if isinstance(error, Cancelled) and self._places[number].broken_off == broken_off:
                    raise
                failures[number] = _Failure(error, began_s)
            else:
                is_wished = first is not None and self._places[number].loaded is first
                self._answered(number, began_s, None if stop else use, failures, moves=not is_wished)
                return answer
        raise self._exhausted(failures)

    def is_due(self) -> bool:
        """Whether a backend has rested and waits to be tried again by `recover`."""
        with self._lock:
            return bool(self._order.due(self._watch.now_s()))

    def recover(self) -> bool:
        """Try the backends that have rested, each with the use it failed at, until one works; whether one did.

        For a worker that nobody waits for: a backend that comes back answers the calls from then on.
        """
        with self._lock:
            due = self._order.due(self._watch.now_s())
        for number in due:
            use, began_s = self._places[number].failed_use, self._watch.now_s()
            try:
                self._tried(number, use or _nothing, None)
            except Exception as error:  # noqa: BLE001 - it rests on
                self._rest(number, use, _Failure(error, began_s))
            else:
                self._answered(number, began_s, use, {})
                return True
        return False

    def stop(self) -> None:
        """Break off all calls that run, from any thread; each raises `Cancelled` soon if its backend can be stopped."""
        for backend in self.loaded():
            if stop := _stop_of(backend):
                stop()

    def _candidates(self, first: Backend | None) -> list[int]:
        with self._lock:
            order = self._order.candidates(self._watch.now_s())
            return sorted(
                order, key=lambda n: first is None or self._places[n].loaded is not first or self._order.rests(n)
            )

    def _tried(self, number: int, use: Callable[[Backend], Result], stop: Stop | None) -> Result:
        backend, place = self._loaded(number), self._places[number]
        stop = stop or _stop_of(backend)

        def break_off() -> None:
            place.broken_off += 1
            assert stop is not None
            stop()

        return self._watch.within(self._rules.max_call_s, lambda: use(backend), stop=break_off if stop else None)

    def _loaded(self, number: int) -> Backend:
        """The backend, loaded by the first thread that wants it. Raises `_CannotLoad`."""
        place, choice = self._places[number], self._choices[number]
        with place.loading:
            if place.loaded is None:
                try:
                    place.loaded = self._watch.within(self._rules.max_load_s, choice.load, stop=None)
                except Exception as error:
                    raise _CannotLoad(f"{choice.name} cannot be loaded: {error}") from error
            return place.loaded

    def _answered(
        self,
        number: int,
        began_s: float,
        use: Callable[[Backend], Any] | None,
        failures: dict[int, _Failure],
        *,
        moves: bool = True,
    ) -> None:
        """Let those rest that failed on what this one answered, and tell when the answers come from another now."""
        for failed, failure in failures.items():
            self._rest(failed, use, failure)
        with self._lock:
            was, now_s = self._order.answers, self._watch.now_s()
            if self._order.worked(number, now_s, began_s=began_s):
                self._places[number].failed_use = None
                self._order.answers = number if moves else was
            has_moved = self._order.answers != was
        if has_moved:
            kind: Literal["moved", "recovered"] = "moved" if number > was else "recovered"
            names = self._choices[number].name, self._choices[was].name
            reason = _one_line(failures[was].error) if was in failures else f"{names[0]} works"
            event = FallbackEvent(kind, self.role, *names, reason, now_s)
            self.events.append(event)
            self._on_event(event)

    def _rest(self, number: int, use: Callable[[Backend], Any] | None, failure: _Failure) -> None:
        """Let a backend rest, and keep the use to try it with; one that was broken off beside a late one rests not."""
        if isinstance(failure.error, Cancelled):
            return
        place = self._places[number]
        with self._lock:
            rested = self._order.rests(number)
            if not self._order.failed(number, self._watch.now_s(), began_s=failure.began_s):
                return
            is_left_behind = isinstance(failure.error, DeadlineExceeded) and not _stop_of(place.loaded)
            if is_left_behind or rested:  # what failed twice in a row is loaded anew the next time
                place.loaded = None
            place.failed_use = None if isinstance(failure.error, _CannotLoad) else use

    def _exhausted(self, failures: dict[int, _Failure]) -> Exception:
        """The error of a call that no backend answered; those that cannot be loaded or hang rest even so."""
        errors = [failure.error for failure in failures.values()]
        for number, failure in failures.items():
            if isinstance(failure.error, _CannotLoad | DeadlineExceeded):
                self._rest(number, None, failure)
        for error in errors:
            if isinstance(error, Cancelled):  # the payload has done nothing: it may be tried again
                return error
        said = "; ".join(f"{self._choices[n].name}: {_one_line(failure.error)}" for n, failure in failures.items())
        kind = ModelError if all(isinstance(error, _CannotLoad) for error in errors) else StageFailed
        exhausted = kind(f"{self.role}: none of {len(failures)} backends could answer: {said}")
        exhausted.__cause__ = errors[0]
        return exhausted


class _CannotLoad(ModelError):
    """A backend could not be loaded, which is no payload's fault."""


def _stop_of(backend: object) -> Stop | None:
    """How a backend's calls are broken off: its `stop`, or a stage's `cancel`."""
    stop: Stop | None = getattr(backend, "stop", None) or getattr(backend, "cancel", None)
    return stop


def _nothing(_: object) -> None:
    """A use that is done once the backend is loaded."""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
