"""What benchmarks must notice, shown on a system whose faults are known: one worker, a queue, chance from a seed."""

import random
from collections.abc import Callable

import pytest

from benchmarks.scale import SCALES
from benchmarks.steady_scenarios import ONBEAT, Turns
from engine.bench.sending import Generated
from engine.bench.trial import Trial
from modules.measuring.comparing import compare
from modules.measuring.pieces import PieceBook
from modules.measuring.results import Machine, Report, ScenarioResult
from modules.measuring.schedules import drawn
from modules.measuring.validity import doubts
from modules.monitoring.pressure import ResourceSample

STREAMS, SECONDS, SERVICE_S = 8, 20.0, 0.010
QUIET = ResourceSample(period_s=SECONDS, cpus=2.0, own_cpus=1.0, host_busy_cpus=1.05, stolen_cpus=0.0)
MACHINE = Machine("a processor", "a system", 2, 2.0, 4096.0, key="here")


def no_pause(at_s: float) -> float:
    """When a worker that is free at `at_s` begins: at once."""
    return at_s


def pause_each_second(at_s: float) -> float:
    """It stops for the first 50 ms of each second."""
    return at_s if at_s % 1.0 >= 0.05 else int(at_s) + 0.05


def answers(
    seed: int, *, schedule: int = 1, slower: float = 1.0, free: Callable[[float], float] = no_pause
) -> list[tuple[int, int, float, float]]:
    """Stream, number, when due and when answered, of a queue in front of one worker.

    Pieces come at random: on a steady beat of 200 ms no piece may ever be due in what happens once a second.
    """
    chance, now_s = random.Random(seed), 0.0
    found = []
    for send in drawn("poisson", STREAMS, SECONDS, seed=schedule).sends():
        now_s = free(max(now_s, send.at_s)) + slower * SERVICE_S * chance.lognormvariate(0, 0.2)
        found.append((send.stream, send.number, send.at_s, now_s))
    return found


def trial(found: list[tuple[int, int, float, float]], *, late_p99_s: float = 0.001) -> Trial:
    """What a trial says of these answers."""
    book = PieceBook(target_s=0.3)
    for stream, number, due_s, _ in found:
        book.sent(stream, number, due_s)
    for stream, number, _, now_s in found:
        if now_s < 1e6:
            book.answered(stream, number, now_s)
    return Trial(
        book.outcome(from_s=1.0, until_s=SECONDS),
        tuple(book.moments(from_s=0.0, until_s=SECONDS)),
        Generated(0.0, late_p99_s, late_p99_s, 0.01, 0.0),
        QUIET,
        tuple(doubts(late_p99_s, QUIET)),
    )


def result(trials: list[Trial]) -> ScenarioResult:
    """The scenario's result, made as the real ones are."""
    return Turns(SCALES["default"], STREAMS, "a test", {ONBEAT: trials}).result("live", "?", 0.0)


def report(seed: int, *, slower: float = 1.0, free: Callable[[float], float] = no_pause) -> Report:
    """Of three rounds, each with a schedule of its own, which every report has, and chance that no other has."""
    rounds = [trial(answers(100 * seed + number, schedule=number, slower=slower, free=free)) for number in range(3)]
    return Report(MACHINE, "now", scenarios=(result(rounds),))


@pytest.mark.parametrize("seed", range(1, 9))
def test_two_runs_of_the_same_code_are_not_reported(seed: int) -> None:
    """Other chance is no regression."""
    assert compare(report(0), report(seed)).regressions == ()


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_slowdown_of_20_percent_is_reported(seed: int) -> None:
    """By the latencies."""
    worse = {change.figure for change in compare(report(0), report(seed, slower=1.2)).regressions}
    assert worse & {"p50", "p95", "p99"}


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_pause_of_50_ms_each_second_is_reported(seed: int) -> None:
    """By the p99: the median does not know."""
    worse = {change.figure for change in compare(report(0), report(seed, free=pause_each_second)).regressions}
    assert "p99" in worse


def test_a_dropped_chunk_is_reported() -> None:
    """It is a miss, and a regression: there were none."""
    found = answers(1)
    stream, number, due_s, _ = found[200]
    found[200] = (stream, number, due_s, float("inf"))
    one = trial(found)
    assert (one.outcome.lost, one.outcome.misses) == (1, 1)
    before, after = (Report(MACHINE, "now", scenarios=(result([each]),)) for each in (trial(answers(1)), one))
    assert [change.figure for change in compare(before, after).regressions] == ["chunks lost"]


def test_a_reordered_result_is_reported() -> None:
    """It breaks the bound that nothing is out of order."""
    found = answers(1)
    mine = [place for place, each in enumerate(found) if each[0] == found[200][0]]
    early, late = mine[20], mine[21]
    found[early], found[late] = found[late], found[early]  # which is the order of the answers
    broken = result([trial(found)])
    assert not broken.is_good
    assert result([trial(answers(1))]).is_good


def test_a_generator_that_falls_behind_is_reported() -> None:
    """The run is invalid and says why; a comparison leaves it out and says that."""
    late = result([trial(answers(1), late_p99_s=0.02)])
    assert not late.is_valid
    assert "the generator was late: p99 20.0 ms" in late.invalid[0]
    compared = compare(report(0), Report(MACHINE, "now", scenarios=(late,)))
    assert compared.changes == ()
    assert "is not compared" in compared.remarks[0]
