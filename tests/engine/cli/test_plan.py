"""`onbeat plan`: machines for so many streams, from what was learnt here."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.dispatch import LOOP
from engine.learnt_costs import LearntCosts
from modules.batching.cost_model import CostKey, CostModel

KEY = CostKey("LiveVosk", "0.2 s")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def learn(*keys: CostKey, chunk_s: float = 0.02) -> None:
    """Keep that a chunk costs so many seconds, however many share a call."""
    costs = CostModel()
    for key in keys:
        for batch in (1, 2, 4) * 40:
            costs.observe(key, batch=batch, service_s=batch * chunk_s, cpu_s=batch * chunk_s)
    LearntCosts.usual().save(costs, dict.fromkeys((key.model for key in keys), "digest"))


def plan(*options: str) -> tuple[int, str]:
    """Exit code and output."""
    result = CliRunner().invoke(app, ["plan", *options])
    return result.exit_code, result.output


def test_machines_follow_from_what_a_chunk_costs() -> None:
    """20 ms a chunk and 5 chunks a second: two CPUs carry somewhat less than 20 streams."""
    learn(KEY)
    code, output = plan("--streams", "40", "--cpus", "2", "--json")
    found = json.loads(output)
    assert code == 0
    assert 14 <= found["per_machine"] <= 20
    assert found["machines"] in (2, 3)
    assert found["at_load"]["on_time"] > 0.99
    assert found["beyond"]["on_time"] < 1


def test_the_event_loops_own_time_counts() -> None:
    """It takes CPU time that no worker then has."""
    learn(KEY)
    without = json.loads(plan("--streams", "40", "--cpus", "2", "--json")[1])
    learn(KEY, LOOP)
    beside = json.loads(plan("--streams", "40", "--cpus", "2", "--json")[1])
    assert beside["per_machine"] < 0.7 * without["per_machine"]


def test_in_words_it_says_what_half_as_much_again_does() -> None:
    """Four lines."""
    learn(KEY)
    code, output = plan("--streams", "10", "--cpus", "2")
    assert code == 0
    assert "streams need 1 of them" in output
    assert "at 1.5 times that" in output


def test_a_machine_that_carries_none_is_told() -> None:
    """A chunk takes longer than the target."""
    learn(KEY, chunk_s=0.5)
    assert "does not carry a single stream" in plan("--streams", "10", "--cpus", "2")[1]


def test_without_measurements_it_says_how_to_get_some() -> None:
    """Nothing is made up."""
    code, output = plan("--streams", "10")
    assert code == 2
    assert "run live streams on this machine first" in output


def test_of_several_stages_one_must_be_named() -> None:
    """The choices are listed."""
    learn(KEY, CostKey("Loudness", "0.2 s"))
    code, output = plan("--streams", "10", "--cpus", "2")
    assert code == 2
    assert "'LiveVosk', 'Loudness'" in output
    assert plan("--streams", "10", "--cpus", "2", "--stage", "Loudness")[0] == 0
    assert plan("--streams", "10", "--stage", "Nobody")[0] == 2
