"""What a simulated run saw, decided again: the same decisions, also through the file that the engine writes."""

import json
from functools import cache
from pathlib import Path
from random import Random

import pytest

from engine.decision_log import DecisionLog
from modules.simulation.arrivals import between, joined, steady
from modules.simulation.machines import Machine
from modules.simulation.outcome import Outcome
from modules.simulation.profiles import CostProfile
from modules.simulation.scenarios import FolderWork, Scenario
from modules.simulation.simulator import simulate
from modules.tuning.controller import Controller
from modules.tuning.plan import Plan
from modules.tuning.replay import replay

CHANCE = Random(5)
SCENARIO = Scenario(
    CostProfile("dear", fixed_s=0.02, item_s=0.01, audio_s=0.02),
    Machine(2, quota_cpus=1.7),
    tuple(joined(steady(10, 12.0, CHANCE), between(70, CHANCE, from_s=3.0, until_s=8.0))),
    12.0,
    folder=FolderWork(),
)
BEGUN = Plan(0.2, 1, SCENARIO.limits.max_streams)
"""What the simulator begins with on that machine: 1.7 CPUs carry one worker."""


@cache
def run() -> Outcome:
    """A run with something to decide: a crowd that comes and goes, beside folder work under a quota."""
    return simulate(SCENARIO)


def lines(folder: Path) -> list[str]:
    """The run as the engine logs one."""
    outcome, path = run(), folder / "decisions.jsonl"
    with DecisionLog(path) as log:
        log.begin(SCENARIO.target, SCENARIO.limits, BEGUN)
        for seen, decision in zip(outcome.observations, outcome.decisions, strict=True):
            log.look(seen, decision)
    return path.read_text(encoding="utf-8").splitlines()


def test_the_same_observations_give_the_same_decisions() -> None:
    """A fresh controller decides what the one in the run did, word for word."""
    controller, outcome = Controller(SCENARIO.target, SCENARIO.limits, plan=BEGUN), run()
    assert [controller.decide(seen) for seen in outcome.observations] == outcome.decisions
    assert len({move.knob for made in outcome.decisions for move in made.moves}) >= 3


def test_a_log_of_the_run_is_decided_again_as_it_was(tmp_path: Path) -> None:
    """Through JSON lines on a disk; all looks and all moves are counted."""
    found, outcome = replay(lines(tmp_path)), run()
    assert found.difference is None
    assert found.looks == len(outcome.decisions)
    assert found.moves == sum(len(made.moves) for made in outcome.decisions) > 0


def test_a_changed_decision_is_found(tmp_path: Path) -> None:
    """With its number, what was logged and what is decided now."""
    log = lines(tmp_path)
    number = next(number for number, line in enumerate(log[1:], start=1) if json.loads(line)["decision"]["moves"])
    changed = json.loads(log[number])
    changed["decision"]["plan"]["max_streams"] = 7
    found = replay([*log[:number], json.dumps(changed), *log[number + 1 :]])
    assert found.difference is not None
    assert found.looks == found.difference.look == number
    assert found.difference.logged.plan.max_streams == 7
    assert found.difference.decided == run().decisions[number - 1]


def test_a_changed_observation_is_found_where_it_matters(tmp_path: Path) -> None:
    """Another number of CPUs makes another number of workers."""
    log = lines(tmp_path)
    changed = json.loads(log[4])
    changed["seen"]["resources"]["cpus"] = 3.0
    found = replay([*log[:4], json.dumps(changed), *log[5:]])
    assert found.difference is not None
    assert found.difference.look == 4
    assert found.difference.decided.plan.workers == 3


def test_another_beginning_is_another_run(tmp_path: Path) -> None:
    """The header says under which limits was decided; with others the log does not hold."""
    log = lines(tmp_path)
    header = json.loads(log[0])
    header["limits"]["lengths_s"] = [0.2]
    assert replay([json.dumps(header), *log[1:]]).difference is not None


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    """With the number of the line."""
    log = lines(tmp_path)
    with pytest.raises(ValueError, match="line 1"):
        replay([])
    with pytest.raises(ValueError, match="schema 2, got 1"):
        replay([log[0].replace('"schema": 2', '"schema": 1')])
    with pytest.raises(ValueError, match="line 1 must be a 'header'"):
        replay(log[1:])
    with pytest.raises(ValueError, match="line 3 is no JSON"):
        replay([*log[:2], "{"])
    with pytest.raises(ValueError, match="line 2 is no look of the governor"):
        replay([log[0], '{"type": "look", "seen": {}}'])
    with pytest.raises(ValueError, match="what the governor began with"):
        replay(['{"type": "header", "schema": 2}'])
