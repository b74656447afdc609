"""A folder job that is killed at any moment and run again gives what an undisturbed run gives."""

from pathlib import Path

from tests.killed_runs import kill_at_random, outputs, recordings


def test_a_few_kills_change_nothing(tmp_path: Path) -> None:
    """Outputs are the same but for times; nothing on record is recognised again; the journal is whole after each."""
    work = recordings(tmp_path, short=24, long_s=(8.0,), pause_s=0.08)
    work.finish("undisturbed")
    work.hold("killed", segments=28)  # of 32
    kill_at_random(work, "killed", kills=3, within_s=(0.1, 0.6), seed=1)
    work.let_go("killed")
    work.finish("killed")
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "undisturbed")
