"""Fifty kills over a job of 300 files: run by name, `pytest -m soak tests/engine/jobs/test_kill_soak.py -s`."""

import time
from pathlib import Path

import pytest

from engine.jobs.view import viewed
from tests.killed_runs import kill_at_random, outputs, recordings

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", [1, 2])
def test_fifty_kills_change_nothing(tmp_path: Path, seed: int) -> None:
    """300 files, two long ones among them: as in the short test, and the work that was lost is counted."""
    work = recordings(tmp_path, short=297, long_s=(90.0, 60.0), pause_s=0.2)
    started_s = time.perf_counter()
    work.finish("undisturbed")
    undisturbed_s = time.perf_counter() - started_s
    kill_at_random(work, "killed", kills=50, within_s=(0.0, 2.0), seed=seed)
    work.finish("killed")
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "undisturbed")
    with viewed(tmp_path / "killed") as job:
        assert job.journal.check() == "ok"
        runs = len(job.runs)
    done, needed = len(work.log("killed")), len(work.log("undisturbed"))
    print(f"\nundisturbed {undisturbed_s:.1f} s; {runs} runs; {done} segments recognised where {needed} were needed")  # noqa: T201
