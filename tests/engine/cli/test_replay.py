"""`onbeat replay`: the same decisions from the same observations, or the difference."""

import json
from pathlib import Path

from typer.testing import CliRunner

from engine.cli.app import app
from engine.decision_log import DecisionLog
from modules.batching.live_chunks import LengthCost
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.controller import Controller
from modules.tuning.plan import Limits, LoadSeen, Observation, Plan, ResourcesSeen

LIMITS = Limits(max_workers=2)
PLAN = Plan(0.2, 2, 1000)


def overloaded(second: int) -> Observation:
    """Fifty streams on a machine for thirty, chunks waiting."""
    load = LoadSeen(50, 50, 50.0, chunks=250, on_time=100, standing_queue_s=0.2)
    costs = (LengthCost(0.2, busy_s=0.0133, cpu_s=0.0133, call_s=0.02),)
    return Observation(float(second), load, ResourcesSeen(cpus=2.0, busy=1.0), costs)


def logged(path: Path) -> Path:
    """A log of ten seconds of overload."""
    controller = Controller(PerformanceTarget(), LIMITS, plan=PLAN)
    with DecisionLog(path) as log:
        log.begin(PerformanceTarget(), LIMITS, PLAN)
        for second in range(10):
            log.look(overloaded(second), controller.decide(overloaded(second)))
    return path


def replay(path: Path) -> tuple[int, str]:
    """Exit code and output."""
    result = CliRunner().invoke(app, ["replay", str(path)])
    return result.exit_code, result.output


def test_a_log_replayed_gives_the_same_decisions(tmp_path: Path) -> None:
    """And there were some."""
    code, output = replay(logged(tmp_path / "log.jsonl"))
    assert code == 0
    assert "10 looks" in output
    assert "the same decisions" in output
    assert " 0 moves" not in output


def test_a_decision_that_was_changed_is_found(tmp_path: Path) -> None:
    """With what was logged and what is decided."""
    path = logged(tmp_path / "log.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[4]["decision"]["plan"]["max_streams"] += 1
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    code, output = replay(path)
    assert code == 1
    assert "look 4" in output


def test_what_is_no_log_is_refused_with_its_line(tmp_path: Path) -> None:
    """Missing, empty, not JSON, another kind of lines."""
    path = tmp_path / "log.jsonl"
    assert replay(path)[0] == 2
    for text in ("", "no json\n", '{"type": "look"}\n', '{"type": "header", "schema": 9}\n'):
        path.write_text(text)
        code, output = replay(path)
        assert code == 2, text
        assert "no log of decisions" in output
