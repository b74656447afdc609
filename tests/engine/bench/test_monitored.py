import pytest

from engine.bench.monitored import AnswersSeen
from modules.monitoring.engine_state import EngineState, PlanState
from modules.monitoring.targets import PerformanceTarget


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands where a test puts it."""
    now = [0.0]
    monkeypatch.setattr("engine.bench.monitored.time.perf_counter", lambda: now[0])
    return now


def answered(book: AnswersSeen, clock: list[float], due_s: float, late_s: float) -> None:
    """A chunk that was due then is answered so late."""
    clock[0] = due_s + late_s
    book.answered(late_s, target_s=0.3)


def test_chunks_count_by_when_they_were_due(clock: list[float]) -> None:
    """The warm-up's do not, and one that never comes is lost."""
    book = AnswersSeen(PerformanceTarget())
    for number in range(10):
        book.sent(number % 2, number, 0.2 * number)
    for number in range(9):
        answered(book, clock, 0.2 * number, 0.4 if number == 8 else 0.1)
    found = book.outcome(from_s=0.9, until_s=2.0)
    assert (found.sent, found.on_time, found.lost, found.streams) == (5, 3, 1, 2)
    assert found.latency.count == 4
    assert sum(moment.sent for moment in book.moments(from_s=0.0, until_s=2.0)) == 10


def test_a_chunk_counts_for_as_many_pieces_as_the_plan_makes_it_long(clock: list[float]) -> None:
    """Otherwise longer chunks would look like lost ones."""
    book = AnswersSeen(PerformanceTarget())
    book.tick(0.0, EngineState(plan=PlanState(chunk_s=0.4)))
    for number in range(4):
        book.sent(0, number, 0.2 * number)
    answered(book, clock, 0.2, 0.1)
    answered(book, clock, 0.6, 0.1)
    found = book.outcome(from_s=0.0, until_s=2.0)
    assert (found.sent, found.on_time, found.lost) == (4, 4, 0)
    assert found.healthy == 1
