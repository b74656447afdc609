"""What calls cost is kept between runs: for this machine and these models, and never in the way."""

import json
from pathlib import Path

import pytest

from engine.learnt_costs import LearntCosts, NothingLearnt, machine
from modules.batching.cost_model import CostKey, CostLimits, CostModel

KEY = CostKey("Detector", "0.2 s")
LIMITS = CostLimits()


def taught(key: CostKey = KEY) -> CostModel:
    """A model that has seen calls of one payload take 2 ms."""
    costs = CostModel(LIMITS)
    for _ in range(100):
        costs.observe(key, batch=1, service_s=0.002, cpu_s=0.002)
    return costs


def test_what_was_learnt_is_there_at_the_next_start(tmp_path: Path) -> None:
    """The folder is made when it is missing."""
    kept = LearntCosts(tmp_path / "new" / "costs.json")
    kept.save(taught(), {"Detector": "digest"})
    assert kept.load("digest", LIMITS).service_s(KEY, batch=1) == pytest.approx(0.002, rel=0.1)


def test_a_model_that_has_changed_since_starts_anew(tmp_path: Path) -> None:
    """Its digest is another one."""
    kept = LearntCosts(tmp_path / "costs.json")
    kept.save(taught(), {"Detector": "digest"})
    assert kept.load("another", LIMITS).keys == ()


def test_another_machine_starts_anew(tmp_path: Path) -> None:
    """Costs of that one say nothing of this one."""
    kept = LearntCosts(tmp_path / "costs.json")
    kept.save(taught(), {"Detector": "digest"})
    fields = json.loads(kept.path.read_text())
    kept.path.write_text(json.dumps(fields | {"machine": "a faster one"}))
    assert kept.load("digest", LIMITS).keys == ()
    with pytest.raises(NothingLearnt, match="a faster one"):
        kept.read()


def test_saving_keeps_what_others_learnt(tmp_path: Path) -> None:
    """Two pipelines on one machine share the file."""
    kept = LearntCosts(tmp_path / "costs.json")
    kept.save(taught(), {"Detector": "digest"})
    other = CostKey("Recogniser", "0.2 s")
    kept.save(taught(other), {"Recogniser": "of its own"})
    assert set(kept.read().keys) == {KEY, other}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', "\x00"])
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    """It is replaced when something is learnt."""
    kept = LearntCosts(tmp_path / "costs.json")
    kept.path.write_text(text)
    assert kept.load("digest", LIMITS).keys == ()
    with pytest.raises(NothingLearnt):
        kept.read()
    kept.save(taught(), {"Detector": "digest"})
    assert kept.read().keys == (KEY,)


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_learning(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    kept = LearntCosts(tmp_path / "file" / "costs.json")
    kept.save(taught(), {"Detector": "digest"})
    assert kept.load("digest", LIMITS).keys == ()


def test_the_machine_is_named_by_what_times_depend_on() -> None:
    """Processor, CPUs, Python and libraries."""
    assert "CPUs" in machine()
    assert "onnxruntime" in machine()
    assert machine() == machine()
