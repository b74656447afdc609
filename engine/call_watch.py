"""`CallWatch`: calls of models end in time, whatever they do. It has the clock and the threads that `modules` has not.

A call that can be stopped runs on the worker it came with, and one watching thread stops it when it is late. One that
cannot be stopped runs on a thread of its own: when it is late, its worker goes on without it.
"""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from modules.errors import DeadlineExceeded

Result = TypeVar("Result")

MAX_LEFT_BEHIND: Final = 8
"""Calls that were late and still run, each on a thread of its own; with so many, further ones are not begun."""

IDLE_S: Final = 5.0
"""The watching thread ends when it has had nothing to watch for so long."""

_log = logging.getLogger(__name__)


@dataclass(order=True, slots=True)
class _Watched:
    """A call that can be stopped. The watch says that it is late, the call's own thread that it is over."""

    late_s: float
    stop: Callable[[], None] = field(compare=False)
    is_over: bool = field(default=False, compare=False)
    is_late: bool = field(default=False, compare=False)


class CallWatch:
    """The watch that fallbacks are given; one serves a whole process. Its threads are daemons and end by themselves."""

    def __init__(self) -> None:
        """Start with nothing to watch and no thread."""
        self._changed = threading.Condition()
        self._watched: list[_Watched] = []  # a heap, the first to be late on top
        self._thread: threading.Thread | None = None
        self._left_behind: list[threading.Thread] = []

    def now_s(self) -> float:
        """The machine's monotonic clock."""
        return time.monotonic()

    def within(self, limit_s: float, call: Callable[[], Result], *, stop: Callable[[], None] | None) -> Result:
        """What `call` gives or raises. Raises `DeadlineExceeded` when it takes longer than `limit_s` seconds.

        `stop` is called once, from another thread, when it is late; what the call gives even so counts.
        """
        if limit_s == float("inf"):
            return call()
        if stop is None:
            return self._beside(limit_s, call)
        watched = self._begin(_Watched(self.now_s() + limit_s, stop))
        try:
            return call()
        except Exception as error:
            if watched.is_late:
                raise DeadlineExceeded(f"a call took longer than {limit_s:g} s and was stopped") from error
            raise
        finally:
            watched.is_over = True

    def _begin(self, watched: _Watched) -> _Watched:
        with self._changed:
            while self._watched and self._watched[0].is_over:
                heapq.heappop(self._watched)
            heapq.heappush(self._watched, watched)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="onbeat-watch", daemon=True)
                self._thread.start()
            elif self._watched[0] is watched:
                self._changed.notify()
        return watched

    def _watch(self) -> None:
        """On the watching thread: stop what is late, until there has been nothing for a while."""
        while late := self._next_late():
            for watched in late:
                try:
                    watched.stop()
                except Exception:  # noqa: BLE001 - a stop is the backend's own code
                    _log.exception("a call that took too long could not be stopped")

    def _next_late(self) -> list[_Watched]:
        """The calls that are late, when there are any; none when the thread may end."""
        with self._changed:
            while True:
                while self._watched and self._watched[0].is_over:
                    heapq.heappop(self._watched)
                late: list[_Watched] = []
                while self._watched and self._watched[0].late_s <= self.now_s():
                    late.append(heapq.heappop(self._watched))
                late = [watched for watched in late if not watched.is_over]
                for watched in late:
                    watched.is_late = True
                if late:
                    return late
                wait_s = self._watched[0].late_s - self.now_s() if self._watched else IDLE_S
                if not self._changed.wait(wait_s) and not self._watched:
                    self._thread = None
                    return []

    def _beside(self, limit_s: float, call: Callable[[], Result]) -> Result:
        """Run a call that cannot be stopped on a thread of its own, and leave it behind when it is late."""
        with self._changed:
            self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
            if len(self._left_behind) >= MAX_LEFT_BEHIND:
                raise DeadlineExceeded(f"{len(self._left_behind)} calls that took too long still run; none is begun")
        outcome: list[Result] = []
        raised: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(call())
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                raised.append(error)

        thread = threading.Thread(target=run, name="onbeat-call", daemon=True)
        thread.start()
        thread.join(limit_s)
        if raised:
            raise raised[0]
        if outcome:
            return outcome[0]
        with self._changed:
            self._left_behind.append(thread)
        raise DeadlineExceeded(f"a call took longer than {limit_s:g} s, cannot be stopped and was left behind")
