"""The journal keeps groups whole, notices damage and comes back when it is taken away."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.jobs.journal import Changes, Journal
from engine.jobs.journal_rows import KnownFile, Outcome, Run, RunState, Segment, State
from modules.errors import JournalError
from modules.results import Failure

ROOT = Path(__file__).parent.parent.parent.parent
RUN = Run(0, RunState.RUNNING, 100.0, 100.0, 0.0, 0.0, "1 on here", "{}", "print")


def file(number: int, state: State = State.OK, path: str = "") -> KnownFile:
    """A row."""
    path = path or f"/in/{number}.wav"
    return KnownFile(
        number, path, path[1:], number, state, 10, 20, 30, b"%032d" % number, "print", 1,
        Failure("DecodeError", "broken") if state is State.FAILED else None, 1.5,
    )  # fmt: skip


def done(*files: KnownFile) -> Changes:
    """A group in which these ended, each with a line that names it."""
    return Changes(outcomes=[Outcome(one, f'{{"line":{one.id}}}') for one in files])


def write(journal: Journal, changes: Changes, state: RunState = RunState.RUNNING) -> None:
    """One group."""
    journal.write(changes, wall_s=1.0, now=200.0, state=state)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.sqlite3"


def test_what_is_written_is_known_after_reopening(path: Path) -> None:
    """Rows, lines, counts and the order of numbers."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {"min_segment_s": 5})
        write(journal, done(file(2), file(1), file(3, State.FAILED)), RunState.FINISHED)
    with closing(Journal(path)) as journal:
        assert journal.known(["/in/1.wav", "/in/3.wav", "/in/9.wav"]) == {
            "/in/1.wav": file(1),
            "/in/3.wav": file(3, State.FAILED),
        }
        assert list(journal.files(State.OK, State.FAILED)) == [file(1), file(2), file(3, State.FAILED)]
        assert journal.lines([1, 3]) == {1: '{"line":1}', 3: '{"line":3}'}
        assert journal.counts() == {State.OK: (2, 3.0), State.FAILED: (1, 1.5)}
        assert list(journal.digests()) == [(b"%032d" % 1, 1), (b"%032d" % 2, 2)]
        assert journal.parts("print") == {"min_segment_s": 5}
        assert journal.parts("other") == {}
        assert journal.new_id() == 4
        assert journal.check() == "ok"
        (run,) = journal.runs()
        assert (run.state, run.wall_s, run.ended_at, run.owner) == (RunState.FINISHED, 1.0, 200.0, "1 on here")


def test_names_that_are_no_utf8_are_kept(path: Path) -> None:
    """A name is bytes."""
    name = os.fsdecode(b"/in/caf\xe9.wav")
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(file(1, path=name)))
        assert journal.known([name]) == {name: file(1, path=name)}


def test_an_input_is_done_only_as_it_was_done(path: Path) -> None:
    """Another content and other settings are something else."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(file(1), file(2, State.FAILED)))
        assert journal.is_done(1, b"%032d" % 1, "print")
        assert not journal.is_done(1, b"%032d" % 2, "print")
        assert not journal.is_done(1, b"%032d" % 1, "other")
        assert not journal.is_done(2, b"%032d" % 2, "print")


def test_segments_last_until_their_recording_is_done(path: Path) -> None:
    """Those that come in the same group as its end are not kept, either."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        segments = [Segment(1, number, float(number), "[]") for number in range(3)]
        begun = Outcome(file(1, State.BEGUN))
        write(journal, Changes(outcomes=[begun], segments=segments[:2]))
        assert journal.segments(1) == segments[:2]
        write(journal, Changes(outcomes=[replace(begun, forgets_segments=False)]))
        assert journal.segments(1) == segments[:2]
        write(journal, Changes(outcomes=[Outcome(file(1), "line")], segments=segments[2:]))
        assert journal.segments(1) == []


def test_what_changes_later_is_changed(path: Path) -> None:
    """Transcripts that were written, places in the order, and inputs that are gone."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(file(1), file(2)))
        write(journal, Changes(rendered=[("txt", '["a.txt"]', 1)], renumbered=[(9, 1)], gone=[(2,)]))
        known = journal.known(["/in/1.wav", "/in/2.wav"])
        assert known["/in/1.wav"] == replace(file(1), rendering="txt", outputs='["a.txt"]', owned=True, number=9)
        assert known["/in/2.wav"].is_gone
        assert journal.counts() == {State.OK: (1, 1.5)}
        write(journal, Changes(renumbered=[(3, 2)]))
        assert not journal.known(["/in/2.wav"])["/in/2.wav"].is_gone


def test_a_run_that_never_ended_has_died(path: Path) -> None:
    """The next one says so."""
    for _ in range(2):
        with closing(Journal(path)) as journal:
            journal.begin_run(RUN, {})
            write(journal, Changes())
    with closing(Journal(path)) as journal:
        assert [run.state for run in journal.runs()] == [RunState.DIED, RunState.RUNNING]


def test_a_group_that_fails_leaves_nothing_of_itself(path: Path) -> None:
    """Whole or absent: a row that cannot be written takes the group along."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(file(1)))
        broken = replace(file(3), size_bytes=2**70)
        with pytest.raises(OverflowError):
            write(journal, done(file(2), broken))
        assert list(journal.files(State.OK)) == [file(1)]
        write(journal, done(file(2)))
        assert [one.id for one in journal.files(State.OK)] == [1, 2]


def test_a_process_killed_inside_a_group_leaves_the_groups_before(path: Path) -> None:
    """It is killed between the statements of a group, and the journal is whole."""
    program = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from engine.jobs import journal as j\n"
        "from engine.jobs.journal_rows import *\n"
        f"journal = j.Journal(Path({str(path)!r}))\n"
        "journal.begin_run(Run(0, RunState.RUNNING, 1.0, 1.0, 0.0, 0.0, '', '', ''), {})\n"
        "row = lambda n: KnownFile(n, f'/{n}', f'{n}', n, State.OK, digest=b'')\n"
        "journal.write(j.Changes([Outcome(row(1), 'line')]), wall_s=0.0, now=0.0)\n"
        "j._line = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "journal.write(j.Changes([Outcome(row(n), 'line') for n in range(2, 900)]), wall_s=0.0, now=0.0)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert killed.returncode == -9
    with closing(Journal(path)) as journal:
        assert [one.id for one in journal.files(State.OK)] == [1]
        assert journal.check() == "ok"


def test_a_journal_that_is_deleted_while_it_is_open_comes_back(path: Path) -> None:
    """The open file still has all of it; also when its folder is gone."""
    folder = path.parent / "state"
    folder.mkdir()
    path = folder / "journal.sqlite3"
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(file(1)))
        path.unlink()
        write(journal, done(file(2)))
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()
        write(journal, done(file(3)))
    with closing(Journal(path)) as journal:
        assert [one.id for one in journal.files(State.OK)] == [1, 2, 3]
        assert journal.check() == "ok"


def test_a_journal_that_is_replaced_is_noticed(path: Path) -> None:
    """Two journals cannot be one."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(file(1)))
        other = path.with_name("other")
        other.write_bytes(b"another program's")
        other.replace(path)
        with pytest.raises(JournalError, match="another file was put in its place"):
            write(journal, done(file(2)))


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    """The message says what to do, and the file stays as it is."""
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.sqlite3.*--overwrite"):
        Journal(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(path: Path) -> None:
    """Nothing is written into it."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs (id)")
    with pytest.raises(JournalError, match="no journal that this version"):
        Journal(path)


def test_a_damaged_page_is_found_before_anything_is_taken_from_the_journal(path: Path) -> None:
    """It is looked over whenever a run begins."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(*(file(number) for number in range(1, 2_000))))
    content = bytearray(path.read_bytes())
    content[20_480:28_672] = os.urandom(8_192)
    path.write_bytes(content)
    with closing(Journal(path)) as journal, pytest.raises(JournalError, match="is damaged"):
        journal.begin_run(RUN, {})


def test_a_line_that_is_not_what_was_written_is_not_taken(path: Path) -> None:
    """A flipped letter passes SQLite's own checks, and fails ours."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(file(1)))
        journal._database.execute("UPDATE results SET line = replace(line, 'line', 'lime')")
        assert journal.check() == "ok"
        with pytest.raises(JournalError, match="result 1 is not what was written"):
            journal.lines([1])


def test_a_full_disk_is_said_and_nothing_is_lost(path: Path) -> None:
    """SQLite's own limit on pages stands for the disk: what was on record before stays, and more fits when it may."""
    with closing(Journal(path)) as journal:
        journal.begin_run(RUN, {})
        write(journal, done(file(1)))
        (pages,) = journal._database.execute("PRAGMA page_count").fetchone()
        journal._database.execute(f"PRAGMA max_page_count = {pages + 2}")
        many = done(*(file(number) for number in range(2, 2_000)))
        with pytest.raises(JournalError, match=r"cannot use the journal .*full"):
            write(journal, many)
        assert [one.id for one in journal.files(State.OK)] == [1]
        journal._database.execute("PRAGMA max_page_count = 100000")
        write(journal, many)
        assert len(list(journal.files(State.OK))) == 1_999
