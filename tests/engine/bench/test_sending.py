import time

import anyio
import pytest

from engine.bench import generator
from engine.bench.sending import Generated, send
from modules.measuring.schedules import drawn


def test_every_piece_of_the_schedule_arrives_in_order_and_never_early() -> None:
    """From a process of its own."""
    schedule = drawn("steady", 20, 1.0, seed=0)
    got: list[tuple[int, int, float]] = []
    early: list[float] = []

    def on_send(stream: int, number: int, due_s: float) -> None:
        got.append((stream, number, due_s))
        early.append(due_s - time.perf_counter())

    generated = anyio.run(send, schedule, on_send)
    assert isinstance(generated, Generated)
    assert [(stream, number) for stream, number, _ in got] == [(each.stream, each.number) for each in schedule.sends()]
    assert [due_s - generated.started_s for _, _, due_s in got] == pytest.approx(
        [each.at_s for each in schedule.sends()]
    )
    assert max(early) <= 0
    assert 0 <= generated.late_p50_s <= generated.late_p99_s <= generated.late_max_s


def test_a_generator_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """It is not taken for the end of the schedule."""
    monkeypatch.setattr(generator, "__file__", f"{tmp_path}/none.py")
    with pytest.raises(RuntimeError, match="generator"):
        anyio.run(send, drawn("steady", 1, 1.0, seed=0), lambda *_: None)


def test_a_generator_that_dies_while_it_is_told_is_an_error_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """The schedule is longer than a pipe holds, so that it is told for as long as the generator lives."""
    monkeypatch.setattr(generator, "__file__", f"{tmp_path}/none.py")
    with pytest.raises(RuntimeError, match="generator"):
        anyio.run(send, drawn("steady", 200, 60.0, seed=0), lambda *_: None)


def test_lateness_is_told_by_quantiles() -> None:
    """Of nothing it is 0."""
    assert generator.quantiles([]) == {"p50": 0.0, "p99": 0.0, "max": 0.0}
    assert generator.quantiles([n / 100 for n in range(100)]) == {"p50": 0.5, "p99": 0.99, "max": 0.99}


def test_what_was_due_long_ago_goes_out_at_once_and_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that falls behind knows it."""
    said: list[bytes] = []
    monkeypatch.setattr(generator, "_write", said.append)
    late_s = generator.send_all([(0.0, 0, 0), (0.001, 1, 0)], time.perf_counter() - 1.0)
    assert len(said) == 1
    assert min(late_s) >= 0.9
