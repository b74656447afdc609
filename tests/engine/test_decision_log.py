"""A log of decisions is one JSON line a look, complete or said not to be."""

import json
from pathlib import Path

import pytest

from engine.decision_log import DecisionLog
from modules.errors import OutputError
from modules.memory.relief import Relief
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.controller import Controller
from modules.tuning.json_records import from_fields
from modules.tuning.plan import Decision, Limits, Observation, Plan
from modules.tuning.replay import Replay, replay

LIMITS = Limits()
PLAN = Plan(0.2, 2, 10)


def test_lines_read_back_are_the_records_that_were_written(tmp_path: Path) -> None:
    """A header first, then a line a look."""
    seen, decision = Observation(1.5), Decision(1.5, PLAN)
    with DecisionLog(tmp_path / "log.jsonl") as log:
        log.begin(PerformanceTarget(), LIMITS, PLAN)
        log.look(seen, decision)
    header, look = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert (header["type"], header["schema"], look["type"]) == ("header", 2, "look")
    assert from_fields(Limits, header["limits"]) == LIMITS
    assert from_fields(Plan, header["plan"]) == PLAN
    assert from_fields(PerformanceTarget, header["target"]) == PerformanceTarget()
    assert from_fields(Observation, look["seen"]) == seen
    assert from_fields(Decision, look["decision"]) == decision


def test_a_file_that_cannot_be_opened_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is processed."""
    with pytest.raises(OutputError, match="cannot be written"), DecisionLog(tmp_path / "no" / "log.jsonl"):
        raise AssertionError("never entered")


def test_a_full_disk_stops_no_stream_and_is_said_at_the_end() -> None:
    """The looks go on; leaving says that the log is not complete."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(OutputError, match="not complete"):
        fill(full)


def fill(path: Path) -> None:
    """Log more than a buffer holds."""
    with DecisionLog(path) as log:
        log.begin(PerformanceTarget(), LIMITS, PLAN)
        for second in range(1_000):
            log.look(Observation(float(second)), Decision(float(second), PLAN))


def test_relief_of_memory_is_a_line_of_its_own(tmp_path: Path) -> None:
    """With the steps in words and the reason; a replay of the decisions passes over it."""
    controller = Controller(PerformanceTarget(), LIMITS, plan=PLAN)
    with DecisionLog(tmp_path / "log.jsonl") as log:
        log.begin(PerformanceTarget(), LIMITS, PLAN)
        log.look(Observation(1.0), controller.decide(Observation(1.0)))
        log.relieved(1.2, Relief(trim_pools=True, short_buffers=True), "86 % is used")
        log.look(Observation(2.0), controller.decide(Observation(2.0)))
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[2]) == {
        "type": "relief",
        "at_s": 1.2,
        "steps": ["trim pools", "short buffers"],
        "why": "86 % is used",
    }
    assert replay(lines) == Replay(looks=2, moves=0)
