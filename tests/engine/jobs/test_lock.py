"""One run at a time, whatever became of the one before."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.jobs.lock import FolderLock, Owner, is_held, owner_in
from modules.errors import FolderBusy, OutputError

ROOT = Path(__file__).parent.parent.parent.parent
HOLDER = """
import sys, time
from pathlib import Path
from engine.jobs.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.take()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a lock lies."""
    (tmp_path / "out" / ".onbeat").mkdir(parents=True)
    return tmp_path / "out" / ".onbeat" / "lock"


def lock(path: Path, now: float = 1_000.0) -> FolderLock:
    """A lock that does not wait, at that time of the clock."""
    return FolderLock(path, clock=lambda: now, patience_s=0.0)


def test_the_second_is_told_who_holds_it_and_for_how_long(path: Path) -> None:
    """And gets it when the first lets go."""
    first, second = lock(path), lock(path, now=1_000.0 + 7_500)
    first.take()
    assert is_held(path)
    with pytest.raises(FolderBusy, match=rf"at work in {path.parent.parent}: process {os.getpid()} on .* for 2.1 h"):
        second.take()
    first.release()
    assert not is_held(path)
    second.take()
    assert second.previous is None
    second.release()
    second.release()


def test_a_clock_that_was_set_back_makes_nobody_younger_than_now(path: Path) -> None:
    """The age is a courtesy; the lock does not go by it."""
    first = lock(path, now=10_000.0)
    first.take()
    with pytest.raises(FolderBusy, match="for 0 s"):
        lock(path, now=5.0).take()
    first.release()


def test_a_dead_owners_lock_is_taken_over(path: Path) -> None:
    """It was killed; its note tells who it was."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderBusy, match=f"process {holder.pid}"):
            lock(path).take()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    heir = lock(path)
    heir.take()
    assert heir.previous is not None
    assert heir.previous.pid == holder.pid
    heir.release()


def test_a_note_that_makes_no_sense_names_nobody(path: Path) -> None:
    """Half a note, or none."""
    for text in ("", "{", "[]", '{"pid": 1}', "\xff"):
        path.write_text(text)
        assert owner_in(path) is None
    heir = lock(path)
    heir.take()
    assert heir.previous is None
    heir.release()


def test_where_there_are_no_locks_the_note_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A living process here and any process elsewhere keep their place; a dead one here does not."""

    def refuse(_file: int, _operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    here = Owner.here(0.0)
    for owner, is_kept in ((Owner(1, here.host, 0.0), True), (Owner(1, "elsewhere", 0.0), True), (here, False)):
        path.write_text(f'{{"pid": {owner.pid}, "host": "{owner.host}", "since": 0.0}}')
        if is_kept:
            with pytest.raises(FolderBusy, match=f"if it is dead, delete {path}"):
                lock(path).take()
        else:
            lock(path).take()
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    path.write_text(f'{{"pid": {int(dead.stdout)}, "host": "{here.host}", "since": 0.0}}')
    lock(path).take()


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(OutputError, match="cannot lock"):
        lock(tmp_path / "absent" / "lock").take()
    assert not is_held(tmp_path / "absent" / "lock")
