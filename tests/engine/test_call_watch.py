"""Calls end in time: what can be stopped is stopped, what cannot is left behind."""

import threading
from typing import Any

import pytest

from engine import call_watch
from engine.call_watch import MAX_LEFT_BEHIND, CallWatch
from modules.errors import Cancelled, DeadlineExceeded

SOON_S = 0.02
LONG_S = 30.0


class Stoppable:
    """A call that lasts until it is stopped."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.stops = 0
        self.thread: threading.Thread | None = None

    def __call__(self) -> str:
        self.thread = threading.current_thread()
        assert self.told.wait(LONG_S)
        raise Cancelled("told to stop")

    def stop(self) -> None:
        self.stops += 1
        self.told.set()


def raising(error: Exception) -> Any:  # noqa: ANN401 - a call that never returns
    """A call that raises."""

    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize("stop", [None, lambda: None], ids=["left behind", "stopped"])
def test_a_call_in_time_gives_what_it_gives(stop: Any) -> None:  # noqa: ANN401 - a stop or none
    """Its result, or what it raised."""
    watch = CallWatch()
    assert watch.within(LONG_S, lambda: 7, stop=stop) == 7
    with pytest.raises(ZeroDivisionError):
        watch.within(LONG_S, raising(ZeroDivisionError()), stop=stop)


def test_a_late_call_is_stopped_once_on_its_own_thread() -> None:
    """The worker that called goes on, with the reason."""
    watch, call = CallWatch(), Stoppable()
    with pytest.raises(DeadlineExceeded, match=r"longer than 0\.02 s and was stopped") as caught:
        watch.within(SOON_S, call, stop=call.stop)
    assert isinstance(caught.value.__cause__, Cancelled)
    assert call.stops == 1
    assert call.thread is threading.current_thread()


def test_a_call_that_ends_well_although_it_was_late_counts() -> None:
    """An answer is an answer."""
    watch, told = CallWatch(), threading.Event()
    assert watch.within(SOON_S, lambda: told.wait(LONG_S), stop=told.set)


def test_of_two_calls_only_the_late_one_is_stopped() -> None:
    """Whatever the order of their limits."""
    watch, quick, late = CallWatch(), Stoppable(), Stoppable()
    outcome: list[Exception] = []

    def patient() -> None:
        try:
            watch.within(LONG_S, quick, stop=quick.stop)
        except Cancelled as error:
            outcome.append(error)

    thread = threading.Thread(target=patient)
    thread.start()
    with pytest.raises(DeadlineExceeded):
        watch.within(SOON_S, late, stop=late.stop)
    assert (late.stops, quick.stops) == (1, 0)
    quick.stop()
    thread.join(LONG_S)
    assert isinstance(outcome[0], Cancelled)


def test_a_call_that_cannot_be_stopped_is_left_behind() -> None:
    """Its worker goes on at once; when too many are left behind, none is begun any more until they end."""
    watch, until = CallWatch(), threading.Event()
    begun: list[int] = []

    def hang() -> None:
        begun.append(1)
        until.wait(LONG_S)

    for _ in range(MAX_LEFT_BEHIND):
        with pytest.raises(DeadlineExceeded, match="cannot be stopped and was left behind"):
            watch.within(SOON_S, hang, stop=None)
    with pytest.raises(DeadlineExceeded, match="8 calls that took too long still run"):
        watch.within(SOON_S, hang, stop=None)
    assert len(begun) == MAX_LEFT_BEHIND
    left = watch._left_behind
    until.set()
    for thread in left:
        thread.join(LONG_S)
    assert watch.within(LONG_S, lambda: 7, stop=None) == 7


def test_a_stop_that_fails_is_logged_and_the_watch_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A stop is the backend's own code."""
    watch, told, call = CallWatch(), threading.Event(), Stoppable()

    def bad_stop() -> None:
        told.set()
        raise ZeroDivisionError("no")

    assert watch.within(SOON_S, lambda: told.wait(LONG_S), stop=bad_stop)
    with pytest.raises(DeadlineExceeded):
        watch.within(SOON_S, call, stop=call.stop)
    assert "could not be stopped" in caplog.text


def test_without_a_limit_a_call_just_runs() -> None:
    """On its own thread, unwatched."""
    watch = CallWatch()
    assert watch.within(float("inf"), threading.current_thread, stop=None) is threading.current_thread()
    assert watch._thread is None


def test_calls_that_are_over_are_forgotten() -> None:
    """A thousand quick calls leave no heap of them."""
    watch = CallWatch()
    for _ in range(1_000):
        watch.within(LONG_S, lambda: None, stop=lambda: None)
    assert len(watch._watched) <= 2


def test_its_thread_ends_when_there_is_nothing_to_watch_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread is left of a role that nobody asks any more."""
    monkeypatch.setattr(call_watch, "IDLE_S", 0.01)
    watch = CallWatch()
    watch.within(SOON_S, lambda: None, stop=lambda: None)
    thread = watch._thread
    assert thread is not None
    thread.join(LONG_S)
    assert watch._thread is None
    call = Stoppable()
    with pytest.raises(DeadlineExceeded):
        watch.within(SOON_S, call, stop=call.stop)


def test_its_clock_does_not_go_back() -> None:
    """Two readings."""
    watch = CallWatch()
    assert watch.now_s() <= watch.now_s()
