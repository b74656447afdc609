"""`onbeat run` as a process that is told to stop, and with more or fewer workers: the results are the same."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from engine.jobs.lock import is_held
from engine.jobs.place import LOCK_NAME, STATE_FOLDER
from tests.command import PATIENCE_S
from tests.fakes import ramp, write_wav
from tests.killed_runs import Work, on_record, outputs, recordings, until


def begun(work: Work, output: str, *, segments: int) -> subprocess.Popen[bytes]:
    """A run that has finished so many segments, and waits with the next until it is let go."""
    work.hold(output, segments=segments)
    process = work.start(output)
    until(lambda: len(work.log(output)) >= segments, "nothing is recognised")
    return process


def stopped(process: subprocess.Popen[bytes]) -> str:
    """What a run says on stderr that was interrupted."""
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, stderr.decode()
    assert b"Traceback" not in stderr
    return stderr.decode()


def go_on(work: Work, output: str) -> None:
    """Run it again to its end: nothing on record is done again, and outputs are those of a run left in peace."""
    begun, before = len(work.log(output)), on_record(work.folder / output)
    assert before
    work.finish(output)
    assert not before & set(work.log(output)[begun:])
    assert outputs(work.folder / output) == outputs(work.folder / "undisturbed")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Short recordings and a long one, and a run over them that nobody disturbed."""
    work = recordings(tmp_path_factory.mktemp("work"), short=10, long_s=(24.0,), pause_s=0.04)
    work.finish("undisturbed")
    return work


def test_one_interrupt_drains_and_saves(work: Work) -> None:
    """What was in hand and short is finished; of the long one its finished segments are kept; the next run goes on."""
    process = begun(work, "once", segments=22)
    process.send_signal(signal.SIGINT)
    work.let_go("once")
    said = stopped(process)
    assert "run it again to go on" in said
    last = json.loads((work.folder / "once" / "results.jsonl").read_text().splitlines()[-1])
    assert (last["type"], last["interrupted"]) == ("summary", True)
    recognised, kept = set(work.log("once")), on_record(work.folder / "once")
    assert len(recognised - kept) <= 2, "more is lost than what the two workers had in hand"
    go_on(work, "once")


def test_two_interrupts_stop_at_once(work: Work) -> None:
    """Nothing more is waited for, not even a recogniser; the lock is free, and the next run goes on all the same."""
    process = begun(work, "twice", segments=22)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)  # two at the same time would be one
    process.send_signal(signal.SIGINT)
    stopped(process)
    work.let_go("twice")
    assert not is_held(work.folder / "twice" / STATE_FOLDER / LOCK_NAME)
    go_on(work, "twice")


@pytest.mark.parametrize("workers", [1, 8])
def test_any_number_of_workers_gives_the_same_results_in_the_same_order(work: Work, workers: int) -> None:
    """As two workers gave: results, transcripts, and which of two equal recordings was recognised."""
    work.finish(f"{workers}", workers=workers)
    assert outputs(work.folder / f"{workers}") == outputs(work.folder / "undisturbed")


def test_recordings_that_change_while_they_are_read(tmp_path: Path) -> None:
    """What comes of one replaced, cut short or grown is what its new content gives; one that is gone has failed."""
    names = ("cut", "gone", "grown", "replaced")
    for number, name in enumerate(names):
        write_wav(tmp_path / "in" / f"{name}.wav", ramp(60 + number))
    work = Work(tmp_path, pause_s=0.02)
    work.hold("out", segments=2 * len(names))
    process = work.start("out", workers=len(names))  # all of them in hand at once
    until(lambda: len(work.log("out")) >= 2 * len(names), "nothing is recognised")
    os.truncate(tmp_path / "in" / "cut.wav", 100_000)
    (tmp_path / "in" / "gone.wav").unlink()
    with (tmp_path / "in" / "grown.wav").open("ab") as file:
        file.write(b"LIST\x04\0\0\0more")
    write_wav(tmp_path / "new.wav", ramp(2)).replace(tmp_path / "in" / "replaced.wav")
    work.let_go("out")
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3, stderr.decode()
    assert b"gone.wav was taken away while it was read" in stderr
    work.finish("fresh")
    of_both = [outputs(tmp_path / name) for name in ("out", "fresh")]
    lines = [
        [line for line in one.pop("results.jsonl") if '"in/' in line and "gone.wav" not in line] for one in of_both
    ]
    assert len(lines[0]) == len(names) - 1
    assert lines[0] == lines[1]
    assert of_both[0] == of_both[1]


def test_what_waits_for_the_work_holds_none_of_its_modules(work: Work) -> None:
    """Else each page of them that the work writes to is there twice, and a long run grows by all of them."""
    process = begun(work, "waited", segments=2)
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    libraries = {pid: Path(f"/proc/{pid}/maps").read_text() for pid in (f"{process.pid}", child)}
    process.send_signal(signal.SIGINT)
    work.let_go("waited")
    stopped(process)
    assert "numpy" in libraries[child]
    assert "numpy" not in libraries[f"{process.pid}"]


def test_a_second_run_in_the_same_folder_is_refused(work: Work) -> None:
    """One run at a time: the second is told who has it, and does no harm."""
    process = begun(work, "shared", segments=2)
    second = work.start("shared")
    _, stderr = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 1
    assert b"another run is at work in" in stderr
    process.send_signal(signal.SIGINT)
    work.let_go("shared")
    stopped(process)
    go_on(work, "shared")
