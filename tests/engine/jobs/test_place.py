"""An output folder as the place of one run: what it may hold before, and who may be in it."""

import os
from pathlib import Path

import pytest

from engine.jobs.place import CRASH_NAME, JOURNAL_NAME, STATE_FOLDER, JobPlace, Start
from modules.errors import ConfigError, FolderBusy, JournalError, OutputError


def test_a_new_place_has_a_journal_and_is_locked(tmp_path: Path) -> None:
    """A second run is told; when the first has left, it may come."""
    with JobPlace(tmp_path / "out") as place:
        assert (place.state_folder / JOURNAL_NAME).is_file()
        second = JobPlace(tmp_path / "out")
        second.lock._patience_s = 0.0
        with pytest.raises(FolderBusy, match=f"process {os.getpid()}"):
            second.__enter__()
    with JobPlace(tmp_path / "out"):
        pass


def test_results_without_their_journal_are_not_gone_on_from(tmp_path: Path) -> None:
    """They may be anybody's; nothing is made beside them."""
    (tmp_path / "results.jsonl").touch()
    for start in (Start.RESUME, Start.FRESH):
        with pytest.raises(OutputError, match="without the journal"):
            JobPlace(tmp_path, start).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]
    with JobPlace(tmp_path, Start.OVERWRITE):
        assert (tmp_path / "results.jsonl").exists()


def test_a_fresh_run_wants_a_fresh_place(tmp_path: Path) -> None:
    """The message names both ways out."""
    with JobPlace(tmp_path):
        pass
    with pytest.raises(OutputError, match=r"leave out --no-resume.*--overwrite"):
        JobPlace(tmp_path, Start.FRESH).__enter__()


def test_overwriting_begins_a_new_journal(tmp_path: Path) -> None:
    """Also where the old one is damaged."""
    (tmp_path / STATE_FOLDER).mkdir()
    (tmp_path / STATE_FOLDER / JOURNAL_NAME).write_bytes(b"garbage" * 1000)
    with pytest.raises(JournalError, match="--overwrite"):
        JobPlace(tmp_path).__enter__()
    with JobPlace(tmp_path, Start.OVERWRITE) as place:
        assert place.journal.runs() == []


def test_a_crash_of_the_run_before_is_known_once(tmp_path: Path) -> None:
    """Its first line, and what it had in hand."""
    place = JobPlace(tmp_path)
    place.__enter__()
    place.in_hand.mark("/a.wav")
    (tmp_path / STATE_FOLDER / CRASH_NAME).write_text("Fatal Python error: Segmentation fault\n\nThread 0x1:\n")
    os.close(place.lock._file)  # as the kernel does when the process is gone
    place.lock._file = -1
    with JobPlace(tmp_path) as after:
        assert after.crash == "Fatal Python error: Segmentation fault"
        assert after.in_hand.left == {"/a.wav"}
        assert after.lock.previous is not None
    with JobPlace(tmp_path) as later:
        assert (later.crash, later.in_hand.left, later.lock.previous) == ("", frozenset(), None)


def test_what_two_switches_mean() -> None:
    """Overwriting does everything anew, so there is nothing to resume."""
    assert Start.of(resume=True, overwrite=False) is Start.RESUME
    assert Start.of(resume=False, overwrite=False) is Start.FRESH
    assert Start.of(resume=True, overwrite=True) is Start.OVERWRITE
    with pytest.raises(ConfigError, match="overwriting"):
        Start.of(resume=False, overwrite=True)


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    """A file stands where the state folder must."""
    (tmp_path / STATE_FOLDER).touch()
    with pytest.raises(OutputError, match="cannot write to"):
        JobPlace(tmp_path).__enter__()
