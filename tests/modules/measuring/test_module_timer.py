import pytest

from modules.measuring.module_timer import ModuleTimer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that moves when a test says so."""
    now = [0.0]
    monkeypatch.setattr("modules.measuring.module_timer.time.perf_counter", lambda: now[0])
    return now


def test_a_call_is_timed_and_its_result_passed_on(clock: list[float]) -> None:
    """By the clock."""

    def call() -> str:
        clock[0] += 0.25
        return "done"

    timer = ModuleTimer("a stage")
    assert timer.run(call) == "done"
    assert timer.times.max == 0.25


def test_a_call_that_raises_is_timed_too(clock: list[float]) -> None:
    """It took its time."""

    def call() -> None:
        clock[0] += 0.5
        raise ValueError("no")

    timer = ModuleTimer("a stage")
    with pytest.raises(ValueError, match="no"):
        timer.run(call)
    assert timer.times.count == 1


def test_calls_are_repeated_for_as_long_as_is_said(clock: list[float]) -> None:
    """At least a few, however long each takes."""

    def call() -> None:
        clock[0] += 0.1

    timer = ModuleTimer("a stage")
    timer.repeat(call, seconds=1.0)
    assert 10 <= timer.times.count <= 11
    timer.repeat(call, seconds=0.0, least=3)
    assert 13 <= timer.times.count <= 14
